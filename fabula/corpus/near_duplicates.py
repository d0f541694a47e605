"""Validation stories that are nearly in the training split: most of their 13-grams of tokens occur there.

The measure (13-grams, more than 60 %) is the one of the shared TinyStories sample, after Brown et al. (2020),
"Language Models are Few-Shot Learners", appendix C. Memory is bounded by the validation split; the training split
streams past it.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabula.corpus.store import Split
from fabula.terminal import progress

GRAM = 13
"""Tokens in a gram."""
SHARE = 0.6
"""A story is a near-duplicate when more than this share of its grams occurs in the training split."""
CHUNK = 1 << 20
"""Training tokens looked at together."""
MULTIPLIERS = np.random.Generator(np.random.PCG64(13)).integers(1 << 63, size=GRAM, dtype=np.uint64) * 2 + 1
"""One odd number for each place of a gram: a multilinear hash modulo 2**64, whose high bits are well mixed."""


def near_duplicates(train: Split, validation: Split, end_of_text: int) -> int:
    """Count the validation stories of which more than `SHARE` of the grams occur in the training split."""
    if validation.tokens < GRAM:
        return 0
    tokens = validation.read(0, validation.tokens)
    ends = np.concatenate([[0], np.cumsum(tokens == end_of_text)])
    inside = ends[GRAM:] == ends[:-GRAM]  # A gram must not reach into the next story.
    if not inside.any():
        return 0
    story = ends[:-GRAM][inside]
    grams, place = np.unique(gram_hashes(tokens)[inside], return_inverse=True)
    seen = _occurring(grams, train)
    total = np.bincount(story)
    shared = np.bincount(story, weights=seen[place])
    return int((shared > SHARE * total).sum())


def gram_hashes(tokens: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the hash of every gram of consecutive tokens: uint64 [tokens - GRAM + 1]."""
    count = len(tokens) - GRAM + 1
    wide = tokens.astype(np.uint64) + np.uint64(1)
    hashes = np.zeros(count, np.uint64)
    for place, multiplier in enumerate(MULTIPLIERS):
        hashes += wide[place : place + count] * multiplier
    return hashes


def _occurring(grams: NDArray[np.uint64], split: Split) -> NDArray[np.bool_]:
    """Say for each of some sorted gram hashes whether it occurs in a split."""
    shift, table = _filter(grams)
    seen = np.zeros(len(grams), np.bool_)
    with progress("looking for near-duplicates", split.tokens / 1e6, "million tokens") as advance:
        for start in range(0, split.tokens - GRAM + 1, CHUNK):
            stop = min(start + CHUNK + GRAM - 1, split.tokens)
            # Of a fresh view each time: the pages of a mapping stay in this process's memory until it is closed.
            hashes = gram_hashes(replace(split).read(start, stop))
            likely = hashes[table[hashes >> shift]]
            index = np.minimum(np.searchsorted(grams, likely), len(grams) - 1)
            seen[index[grams[index] == likely]] = True
            advance((stop - start) / 1e6)
    return seen


def _filter(grams: NDArray[np.uint64]) -> tuple[np.uint64, NDArray[np.bool_]]:
    """Return a table over the hashes' high bits that spares most searches, and the shift to those bits."""
    bits = max(10, (8 * len(grams)).bit_length())
    shift = np.uint64(64 - bits)
    table = np.zeros(1 << bits, np.bool_)
    table[grams >> shift] = True
    return shift, table
