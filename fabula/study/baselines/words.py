"""N-gram models of words: they know local wording and nothing else.

Words and marks of punctuation are predicted, as `fabula.study.text` divides them; the blanks between them are free.
Words that the training text has only once share the probability of one symbol, evenly, and so does a word that it
doesn't have: an unknown word is as likely as one of them.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabula.study.baselines.counts import GramCounts
from fabula.study.baselines.kneser_ney import KneserNey
from fabula.study.baselines.reading import Reading, read
from fabula.study.items.item import Floats, Request
from fabula.study.text import words
from fabula.terminal import progress

BOUNDARY = 0
"""Symbol before and after a story."""
UNKNOWN = 1
"""Symbol of every word that isn't in the vocabulary."""
FIRST_WORD = 2
"""Symbol of the vocabulary's first word."""
SEEN = 2
"""Times that the training text must have a word for the vocabulary to have it."""
ORDERS = 5


@dataclass(frozen=True, eq=False)
class WordTables:
    """What was counted in training stories: shared by every word baseline."""

    vocabulary: tuple[str, ...]
    """Words seen at least `SEEN` times, in alphabetical order; the i-th is the symbol FIRST_WORD + i."""
    rare: tuple[str, ...]
    """Words seen less often, in alphabetical order."""
    model: KneserNey

    @classmethod
    def fit(cls, texts: Sequence[str]) -> "WordTables":
        """Count the words and n-grams of training stories."""
        counted: Counter[str] = Counter()
        stories: list[list[str]] = []
        with progress("reading stories for the n-gram baselines", len(texts), "stories") as advance:
            for text in texts:
                stories.append(words(text))
                counted.update(stories[-1])
                advance(1)
        vocabulary = sorted(word for word, count in counted.items() if count >= SEEN)
        rare = sorted(word for word, count in counted.items() if count < SEEN)
        symbol = {word: number for number, word in enumerate(vocabulary, FIRST_WORD)}
        sequences = [
            np.fromiter((symbol.get(word, UNKNOWN) for word in story), np.int64, len(story)) for story in stories
        ]
        model = KneserNey.fit(sequences, FIRST_WORD + len(vocabulary), BOUNDARY, ORDERS)
        return cls(tuple(vocabulary), tuple(rare), model)

    @cached_property
    def symbols(self) -> Mapping[str, int]:
        """The symbol of each word in the vocabulary."""
        return {word: number for number, word in enumerate(self.vocabulary, FIRST_WORD)}

    @cached_property
    def unknown_share(self) -> float:
        """Ln of the part of the unknown symbol's probability that one word has."""
        return -math.log(max(1, len(self.rare)))

    def encode(self, story: Iterable[str]) -> list[int]:
        """Return the symbols of words."""
        return [self.symbols.get(word, UNKNOWN) for word in story]

    def log_probabilities(self, texts: Sequence[str], order: int) -> list[Floats]:
        """Return ln p of each word of whole stories and of their end; for each text shape (words + 1,)."""
        sequences = [[BOUNDARY, *self.encode(words(text)), BOUNDARY] for text in texts]
        found = self.model.log_probabilities(sequences, order)
        return [
            values + self.unknown_share * (np.array(sequence[1:]) == UNKNOWN)
            for values, sequence in zip(found, sequences, strict=True)
        ]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as named arrays."""
        lists = {"vocabulary": self.vocabulary, "rare": self.rare}
        texts = {name: np.frombuffer("\n".join(words_).encode(), np.uint8) for name, words_ in lists.items()}
        return {**texts, **self.model.counts.arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "WordTables":
        """Return what `arrays` described."""
        vocabulary, rare = (tuple(arrays[name].tobytes().decode().split()) for name in ("vocabulary", "rare"))
        return cls(vocabulary, rare, KneserNey(GramCounts.from_arrays(arrays)))


@dataclass(frozen=True, eq=False)
class WordNGram:
    """An n-gram baseline, alone or mixed with a cache of the words so far.

    p(w) = (1 - cache) p_n(w | last n - 1 words) + cache (share of w among all words before it), a unigram cache (Kuhn
    and De Mori, 1990, "A cache-based natural language model for speech recognition"). A context begins a story.
    """

    tables: WordTables
    order: int
    cache: float = 0.0

    def log_likelihoods(self, requests: Sequence[Request]) -> Floats:
        """Return L(target | context) of each request in nats; shape (requests,)."""
        readings = read(requests)
        found = self._log_probabilities(readings)
        if self.cache:
            found = [self._mixed(reading, values) for reading, values in zip(readings, found, strict=True)]
        sums = (values[np.array(r.counted, np.bool_)].sum() for r, values in zip(readings, found, strict=True))
        return np.fromiter(sums, np.float64, len(readings))

    def _log_probabilities(self, readings: Sequence[Reading]) -> list[Floats]:
        """Return ln p_n of each target's words; only as much context as the order reaches is looked at."""
        reach = max(1, self.order - 1)
        sequences, unknown = [], []
        for reading in readings:
            target = self.tables.encode(reading.target)
            before = self.tables.encode(reading.context[-reach:])
            start = [BOUNDARY] if len(before) < reach else []
            sequences.append(start + before + target)
            unknown.append(np.array(target) == UNKNOWN)
        found = self.tables.model.log_probabilities(sequences, self.order)
        pairs = zip(found, unknown, strict=True)
        return [
            values[len(values) - len(is_unknown) :] + self.tables.unknown_share * is_unknown
            for values, is_unknown in pairs
        ]

    def _mixed(self, reading: Reading, log_probabilities: Floats) -> Floats:
        if not reading.target:
            return log_probabilities
        shares = np.fromiter(_shares_so_far(reading), np.float64, len(reading.target))
        anything = bool(reading.context) + np.arange(len(reading.target)) > 0
        mixed = (1 - self.cache) * np.exp(log_probabilities) + self.cache * shares
        return np.where(anything, np.log(mixed), log_probabilities)


def _shares_so_far(reading: Reading) -> Iterator[float]:
    """Yield how large a part of the words before it each word of the target has; 0 where nothing is before it."""
    so_far = Counter(reading.context)
    for total, word in enumerate(reading.target, len(reading.context)):
        yield so_far[word] / max(1, total)
        so_far[word] += 1
