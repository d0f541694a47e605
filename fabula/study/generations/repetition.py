"""Stories that go round in circles: repeated word sequences, repeated sentences, loops."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LONGEST_PERIOD = 64
"""Words in the longest unit that is looked for as a loop."""
SENTENCE_WORDS = 4
"""A shorter sentence ('Yes!') may come twice."""


class Loop(NamedTuple):
    """Words [start, stop) are one unit of `period` words, at least twice in a row."""

    start: int
    stop: int
    period: int


def repeated_ngrams(words: Sequence[str], n: int) -> float:
    """Return seq-rep-n = 1 - different n-grams / n-grams (Welleck et al., 2020); NaN for fewer than n words."""
    total = len(words) - n + 1
    if total < 1:
        return float("nan")
    return 1 - len(set(zip(*(words[offset:] for offset in range(n)), strict=False))) / total


def repeated_sentences(sentences: Sequence[Sequence[str]]) -> list[int]:
    """Return the numbers of the sentences (as words) of `SENTENCE_WORDS` words or more that were told before."""
    told: set[tuple[str, ...]] = set()
    again = []
    for number, sentence in enumerate(sentences):
        key = tuple(sentence)
        if len(key) < SENTENCE_WORDS:
            continue
        if key in told:
            again.append(number)
        told.add(key)
    return again


def longest_loop(words: Sequence[str]) -> Loop | None:
    """Return the longest stretch of words that is one unit again and again; None where nothing follows itself."""
    names: dict[str, int] = {}
    ids = np.array([names.setdefault(word, len(names)) for word in words], np.int32)
    best: Loop | None = None
    for period in range(1, min(LONGEST_PERIOD, len(ids) // 2) + 1):
        same = np.concatenate(([False], ids[period:] == ids[:-period], [False]))
        edges = np.flatnonzero(same[1:] != same[:-1])
        if not len(edges):
            continue
        lengths = edges[1::2] - edges[::2]
        longest = int(lengths.argmax())
        if lengths[longest] >= period and (best is None or lengths[longest] + period > best.stop - best.start):
            start = int(edges[2 * longest])
            best = Loop(start, start + int(lengths[longest]) + period, period)
    return best
