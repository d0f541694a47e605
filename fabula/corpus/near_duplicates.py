"""Validation stories that are nearly in the training split: most of their 13-grams of tokens occur there.

The measure (13-grams, more than 60 %) is the one of the shared TinyStories sample, after Brown et al. (2020),
"Language Models are Few-Shot Learners", appendix C. Memory is bounded by the validation split; the training split
streams past it.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
CHUNK = 1 << 19
"""Tokens looked at together."""
THREADS = 2
"""Chunks looked at side by side."""
MOST_FILTER_BITS = 26
"""The filter before the set of grams has at most 64 MiB."""
MULTIPLIERS = np.random.Generator(np.random.PCG64(13)).integers(1 << 63, size=GRAM, dtype=np.uint64) * 2 + 1
"""One odd number for each place of a gram: a multilinear hash modulo 2**64, whose high bits are well mixed."""


Integers = NDArray[np.int64]
Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]


def near_duplicates(train: Split, validation: Split, end_of_text: int) -> int:
    """Count the validation stories of which more than `SHARE` of the grams occur in the training split."""
    grams = Grams([hashes[inside] for hashes, inside, _ in _chunks(validation, end_of_text)])
    if not len(grams):
        return 0
    seen = _occurring(grams, train)
    total, shared = np.zeros((2, validation.stories), np.int64)
    for hashes, inside, story in _chunks(validation, end_of_text):
        of_story = story[inside]
        common = of_story[seen[grams.find(hashes[inside])]]
        total += np.bincount(of_story, minlength=validation.stories)
        shared += np.bincount(common, minlength=validation.stories)
    return int((shared > SHARE * total).sum())


def gram_hashes(tokens: NDArray[Any]) -> Words:
    """Return the hash of every gram of consecutive tokens: uint64 [tokens - GRAM + 1]."""
    count = len(tokens) - GRAM + 1
    wide = tokens.astype(np.uint64) + np.uint64(1)
    hashes = np.zeros(count, np.uint64)
    product = np.empty(count, np.uint64)
    for place, multiplier in enumerate(MULTIPLIERS):
        hashes += np.multiply(wide[place : place + count], multiplier, out=product)
    return hashes


class Grams:
    """A set of gram hashes: sorted, with where each range of their high bits begins."""

    def __init__(self, hashes: list[Words]) -> None:
        """Take the different ones of some hashes; the list is emptied, as there may be many."""
        joined = np.concatenate([*hashes, np.empty(0, np.uint64)])
        hashes.clear()
        joined.sort()
        different = np.ones(len(joined), np.bool_)
        different[1:] = joined[1:] != joined[:-1]
        self._hashes = joined[different]
        del joined, different  # as large as what is kept, and not needed below
        bits = max(1, len(self._hashes).bit_length())
        self._shift = np.uint64(64 - bits)
        self._first = np.zeros((1 << bits) + 1, np.uint32)
        for start in range(0, len(self._hashes), CHUNK):
            ranges, count = np.unique(self._hashes[start : start + CHUNK] >> self._shift, return_counts=True)
            self._first[ranges + np.uint64(1)] += count.astype(np.uint32)
        np.cumsum(self._first, out=self._first)
        bits = min(bits + 3, MOST_FILTER_BITS)
        self._filter_shift = np.uint64(64 - bits)
        self._filter = np.zeros(1 << bits, np.bool_)
        self._filter[self._hashes >> self._filter_shift] = True

    def __len__(self) -> int:
        return len(self._hashes)

    def likely(self, hashes: Words) -> Words:
        """Return those of some hashes that may be in the set: all that are, and few others."""
        kept: Words = hashes[self._filter[hashes >> self._filter_shift]]
        return kept

    def find(self, hashes: Words) -> Integers:
        """Return the place of each hash in the set, -1 where it isn't there."""
        ranges = hashes >> self._shift
        place = self._first[ranges].astype(np.int64)
        stop = self._first[ranges + np.uint64(1)]
        found = np.full(len(hashes), -1, np.int64)
        left = np.flatnonzero(place < stop)
        while len(left):
            here = place[left]
            equal = self._hashes[here] == hashes[left]
            found[left[equal]] = here[equal]
            place[left] += 1
            left = left[~equal & (here + 1 < stop[left])]
        return found


def _chunks(split: Split, end_of_text: int) -> Iterator[tuple[Words, Flags, Integers]]:
    """Yield chunk by chunk the hash of every gram, whether it lies inside a story, and the story that it begins in."""
    story = 0
    for start in range(0, split.tokens - GRAM + 1, CHUNK):
        tokens = _read(split, start)
        ends = np.concatenate([[0], np.cumsum(tokens == end_of_text)])
        # A gram must not reach into the next story.
        yield gram_hashes(tokens), ends[GRAM:] == ends[:-GRAM], story + ends[:-GRAM]
        story += int(ends[min(CHUNK, len(tokens))])


def _read(split: Split, start: int) -> NDArray[Any]:
    """Return the tokens of the grams that begin in a chunk.

    Of a fresh view each time: the pages of a mapping stay in this process's memory until it is closed.
    """
    return replace(split).read(start, min(start + CHUNK + GRAM - 1, split.tokens))


def _occurring(grams: Grams, split: Split) -> Flags:
    """Say for each of some grams whether it occurs in a split; one more, the last, stands for those not found."""
    seen = np.zeros(len(grams) + 1, np.bool_)

    def look(start: int) -> None:
        seen[grams.find(grams.likely(gram_hashes(_read(split, start))))] = True

    starts = range(0, split.tokens - GRAM + 1, CHUNK)
    with (
        progress("looking for near-duplicates", split.tokens / 1e6, "million tokens") as advance,
        ThreadPoolExecutor(THREADS) as pool,  # NumPy lets go of Python's lock, and all write the same True
    ):
        for _ in pool.map(look, starts):
            advance(CHUNK / 1e6)
    seen[-1] = False
    return seen
