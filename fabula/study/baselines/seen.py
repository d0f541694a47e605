"""Which wording of a text stands in the training stories.

An n-gram is n words (or marks of punctuation) in a row, letter for letter, within one story.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from fabula.study.baselines.hashes import BloomFilter, Hashes, SortedHashes
from fabula.study.text import Span, word_spans, words
from fabula.terminal import progress

EXACT = 30_000_000
"""Different n-grams kept as sorted hashes (8 bytes each); with more, a Bloom filter takes their place."""
FILTER_BYTES = 1 << 29
"""Size of the Bloom filter, whatever the corpus. With 400 million n-grams 1 in 170 unseen ones looks seen."""
BATCH = 1 << 21
"""N-grams hashed before they are put away."""
LONGEST = 64
"""The largest n."""
KNOWN_WORDS = 1 << 20
"""Words whose hash is remembered."""
MULTIPLIERS = np.random.Generator(np.random.PCG64(8)).integers(1 << 63, size=LONGEST, dtype=np.uint64) * 2 + 1
"""One odd number for each place of an n-gram: a multilinear hash modulo 2**64 of words that are hashes themselves."""


class WordHashes:
    """BLAKE2b-64 of words, remembered for those that return."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, words_: Iterable[str]) -> Hashes:
        """Return the hash of each word; shape (words,)."""
        return np.array([self._known.get(word) or self._new(word) for word in words_], np.uint64)

    def _new(self, word: str) -> int:
        if len(self._known) >= KNOWN_WORDS:
            self._known.clear()
        self._known[word] = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
        return self._known[word]


class SeenNGrams:
    """The n-grams of the training text. Memory is bounded, however long that is."""

    def __init__(self, n: int, exact: int = EXACT, filter_bytes: int = FILTER_BYTES) -> None:
        assert 1 <= n <= LONGEST, "too long for an n-gram"
        self.n = n
        self._exact = exact
        self._filter_bytes = filter_bytes
        self._members: SortedHashes | BloomFilter = SortedHashes()
        self._words = WordHashes()

    @classmethod
    def of(cls, texts: Iterable[str], n: int, exact: int = EXACT, filter_bytes: int = FILTER_BYTES) -> "SeenNGrams":
        """Collect the n-grams of texts.

        Args:
            texts: training stories; they are read one by one and not kept.
            n: words of an n-gram, at most `LONGEST`.
            exact: different n-grams up to which the answers are exact.
            filter_bytes: bytes of the Bloom filter that takes over beyond.
        """
        seen = cls(n, exact, filter_bytes)
        batch: list[Hashes] = []
        size = 0
        with progress(f"collecting {n}-grams of the training stories", unit="stories") as advance:
            for text in texts:
                batch.append(seen._words.of(words(text)))
                size += len(batch[-1])
                if size > BATCH:
                    seen._add(batch)
                    batch, size = [], 0
                advance(1)
        seen._add(batch)
        return seen

    @property
    def false_positive_rate(self) -> float:
        """Probability that an n-gram which the training text hasn't looks as if it had; 0 while it is exact."""
        return self._members.false_positive_rate

    def windows(self, texts: Sequence[str]) -> list[NDArray[np.bool_]]:
        """Say of every n-gram of each text whether it is in the training text: shape (words - n + 1,) or (0,)."""
        stories = [self._words.of(words(text)) for text in texts]
        found = self._members.has(self._grams(stories))
        counts = [max(0, len(story) - self.n + 1) for story in stories]
        return np.split(found, np.cumsum(counts)[:-1]) if texts else []

    def share_seen(self, text: str) -> float:
        """Return the share of a text's n-grams that are in the training text; 0 for a text that has none."""
        found = self.windows([text])[0]
        return float(found.mean()) if len(found) else 0.0

    def first_seen(self, text: str) -> Span | None:
        """Return the characters of a text's first n-gram that is in the training text."""
        places = np.flatnonzero(self.windows([text])[0])
        if not len(places):
            return None
        spans = word_spans(text)
        return spans[places[0]][0], spans[places[0] + self.n - 1][1]

    def _add(self, stories: list[Hashes]) -> None:
        self._members.add(self._grams(stories))
        members = self._members
        if isinstance(members, SortedHashes) and members.at_most > self._exact and len(members.sorted) > self._exact:
            self._members = BloomFilter(self._filter_bytes)
            self._members.add(members.sorted)

    def _grams(self, stories: list[Hashes]) -> Hashes:
        """Return the hash of every n-gram within each story, one story behind the other."""
        hashes = np.concatenate([np.zeros(0, np.uint64), *stories])
        lengths = np.array([len(story) for story in stories], np.int64)
        left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(hashes))  # Words to the story's end.
        count = max(0, len(hashes) - self.n + 1)
        grams = np.zeros(count, np.uint64)
        for place, multiplier in enumerate(MULTIPLIERS[: self.n]):
            grams += hashes[place : place + count] * multiplier
        return grams[left[:count] >= self.n]
