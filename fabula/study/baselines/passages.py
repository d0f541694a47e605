"""The longest passage of a text that stands, word for word, in a training story.

All suffixes of the training stories are sorted once (Manber and Myers, 1993, "Suffix arrays"); a passage is then found
by binary search, for every word of every text at the same time. The answer is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabula.study.text import Span, word_spans, words
from fabula.terminal import progress

Ids = NDArray[np.int64]
LONGEST = 1024
"""Suffixes are sorted by this many words; a longer common passage is still found, and may be cut there."""


@dataclass(frozen=True, eq=False)
class TrainingPassages:
    """Every passage of some training stories. About 16 bytes a word, and five times that while it is made."""

    symbols: dict[str, int]
    """The number of each word, from 1; 0 ends a story."""
    stream: NDArray[np.int32]
    """The stories' words, a 0 behind each; shape (symbols,)."""
    order: NDArray[np.int32]
    """Where each suffix begins, suffixes in ascending order; shape (symbols,)."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> "TrainingPassages":
        """Sort the suffixes of training stories."""
        symbols: dict[str, int] = {}
        stream: list[int] = []
        for text in texts:
            stream.extend(symbols.setdefault(word, len(symbols) + 1) for word in words(text))
            stream.append(0)
        numbers = np.array(stream, np.int32)
        return cls(symbols, numbers, _sorted_suffixes(numbers))

    def longest(self, texts: Sequence[str]) -> list[Span | None]:
        """Return the characters of the longest passage of each text that stands in a training story.

        The first one, when several are as long; None for a text without a single word of the training stories.
        """
        spans = [word_spans(text) for text in texts]
        lengths = self.matches(texts)
        return [
            (where[first][0], where[first + matched[first] - 1][1])
            if len(matched) and matched[first := int(matched.argmax())]
            else None
            for where, matched in zip(spans, lengths, strict=True)
        ]

    def matches(self, texts: Sequence[str]) -> list[Ids]:
        """Return how many words from each word of a text on stand together in a training story: shapes (words,)."""
        stories = [[self.symbols.get(word, -1) for word in words(text)] for text in texts]
        query = np.array([symbol for story in stories for symbol in [*story, -1]], np.int64)
        found = self._longest_matches(query)
        ends = np.cumsum([len(story) + 1 for story in stories])
        return [part[:-1] for part in np.split(found, ends[:-1])] if texts else []

    def _longest_matches(self, query: Ids) -> Ids:
        """Return the longest match of each suffix of the query: the better of its two neighbours among the sorted.

        The bounds of a binary search keep how much they share with the suffix; what lies between them shares at least
        the smaller of the two.
        """
        count = len(query)
        low, high = np.zeros(count, np.int64), np.full(count, len(self.order), np.int64)
        shared_low, shared_high = np.zeros(count, np.int64), np.zeros(count, np.int64)
        best = np.zeros(count, np.int64)
        while len(active := np.flatnonzero(low < high)):
            middle = (low[active] + high[active]) // 2
            start = np.minimum(shared_low[active], shared_high[active])
            shared = self._extend(query, active, self.order[middle].astype(np.int64), start)
            best[active] = np.maximum(best[active], shared)
            above = self._symbol(self.order[middle] + shared) < query[active + shared]
            low[active[above]], shared_low[active[above]] = middle[above] + 1, shared[above]
            high[active[~above]], shared_high[active[~above]] = middle[~above], shared[~above]
        return best

    def _extend(self, query: Ids, place: Ids, other: Ids, shared: Ids) -> Ids:
        """Return how many symbols suffixes of the query and of the stream share, `shared` being sure."""
        shared = shared.copy()
        open_ = np.arange(len(shared))
        while len(open_):
            mine = query[place[open_] + shared[open_]]
            open_ = open_[mine == self._symbol(other[open_] + shared[open_])]
            shared[open_] += 1
        return shared

    def _symbol(self, places: Ids) -> NDArray[np.int32]:
        return self.stream[np.minimum(places, len(self.stream) - 1)]


def _sorted_suffixes(stream: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return where each suffix begins, in ascending order.

    Ranks by 1 word, then by 2, 4, 8, ...: the rank by twice as many words is that of a pair of ranks. Only suffixes
    that share their rank with another are sorted again.
    """
    order = np.argsort(stream, kind="stable")
    ranks = np.empty(len(stream), np.int64)
    ranks[order] = _first_of_equals(stream[order])
    width = 1
    with progress("sorting passages of the training stories") as advance:
        while width < LONGEST:
            tied = _tied(ranks[order])
            if not len(tied):
                break
            suffixes = order[tied]
            behind = np.minimum(suffixes + width, len(stream) - 1)
            pairs = ranks[suffixes] * (len(stream) + 1) + ranks[behind]
            sorting = np.argsort(pairs, kind="stable")
            order[tied] = suffixes[sorting]
            changed = _first_of_equals(pairs[sorting])
            ranks[order[tied]] = tied[changed]
            width *= 2
            advance(1)
    return order.astype(np.int32)


def _first_of_equals(values: NDArray[np.int32] | Ids) -> Ids:
    """Return for each of some sorted values where the first one equal to it stands."""
    new = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return np.repeat(new, np.diff(np.concatenate((new, [len(values)]))))


def _tied(ranks: Ids) -> Ids:
    """Return the places in sorted ranks whose rank is not theirs alone."""
    same = ranks[1:] == ranks[:-1]
    return np.flatnonzero(np.concatenate(([False], same)) | np.concatenate((same, [False])))
