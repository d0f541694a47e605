"""Counts of n-grams over sequences of small integers, in sorted tables that whole batches are looked up in.

An n-gram is named by a number: the number of its first n - 1 symbols among the grams of that order, times the size of
the vocabulary, plus its last symbol. So the grams of one order are one sorted array of 64-bit keys, a gram's place in
it is its number for the next order, and the grams that share a history lie side by side.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabula.terminal import progress

Ids = NDArray[np.int64]
Symbols = Sequence[int] | NDArray[Any]
UNKNOWN_GRAM = -1
"""Number of a gram that was never seen."""


@dataclass(frozen=True, eq=False)
class GramTable:
    """Every n-gram of one order."""

    keys: Ids
    """(number of the gram's first n - 1 symbols) * vocabulary + last symbol, ascending; shape (grams,)."""
    counts: NDArray[np.uint32]
    """How often each gram occurs; shape (grams,)."""
    continuations: NDArray[np.uint32]
    """How many different symbols stand before each gram. A gram that begins a sequence has nothing before it and keeps
    its count; for the highest order nothing is known, and the table is empty. Shape (grams,)."""

    def find(self, keys: Ids) -> Ids:
        """Return the number of each gram, `UNKNOWN_GRAM` for an unseen one."""
        places = np.searchsorted(self.keys, keys)
        places[places == len(self.keys)] = 0
        return np.where(self.keys[places] == keys, places, UNKNOWN_GRAM) if len(self.keys) else places + UNKNOWN_GRAM

    def after(self, histories: Ids, vocabulary: int) -> tuple[Ids, Ids]:
        """Return where the grams that continue each history start and stop."""
        return np.searchsorted(self.keys, histories * vocabulary), np.searchsorted(
            self.keys, (histories + 1) * vocabulary
        )


@dataclass(frozen=True, eq=False)
class Stream:
    """Sequences one behind the other."""

    symbols: Ids
    """Shape (symbols,)."""
    places: Ids
    """Place of each symbol in its sequence, from 0; shape (symbols,)."""
    lengths: Ids
    """Shape (sequences,)."""

    @classmethod
    def of(cls, sequences: Sequence[Symbols]) -> "Stream":
        """Join sequences of symbols."""
        lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
        total = int(lengths.sum())
        if len(sequences) and isinstance(sequences[0], np.ndarray):
            symbols = np.concatenate(sequences).astype(np.int64)
        else:
            symbols = np.fromiter(itertools.chain.from_iterable(sequences), np.int64, total)
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        return cls(symbols, np.arange(total) - starts, lengths)


@dataclass(frozen=True, eq=False)
class GramCounts:
    """N-grams of the orders 1 to n over closed sequences: each begins and ends with the boundary symbol.

    The boundary at the beginning is only ever a history; the one at the end is predicted like any symbol.
    """

    vocabulary: int
    """Symbols are 0 ... vocabulary - 1."""
    boundary: int
    """The symbol before and after every sequence, found nowhere else in it."""
    tables: tuple[GramTable, ...]
    """By order; the first has every symbol, seen or not, so that a symbol is its own number."""

    @property
    def orders(self) -> int:
        """The highest order."""
        return len(self.tables)

    @classmethod
    def of(cls, sequences: Iterable[Symbols], vocabulary: int, boundary: int, orders: int) -> "GramCounts":
        """Count the n-grams of sequences that are given without their boundaries.

        Time and memory grow with the number of symbols (40 bytes each, and 16 for every different gram).
        """
        stream = Stream.of([np.concatenate(([boundary], np.asarray(s, np.int64), [boundary])) for s in sequences])
        assert len(stream.symbols), "n-grams of no sequences"
        assert vocabulary > stream.symbols.max(), "a symbol outside the vocabulary"
        inner = (stream.symbols == boundary).sum() == 2 * len(stream.lengths)
        assert inner, "the boundary inside a sequence"
        keys = [np.arange(vocabulary)]
        counts = [np.bincount(stream.symbols[stream.places > 0], minlength=vocabulary)]
        continuations = []
        numbers = stream.symbols
        with progress("counting n-grams", orders, "orders") as advance:
            for order in range(2, orders + 1):
                ends = np.flatnonzero(stream.places >= order - 1)
                unique, inverse, count = np.unique(
                    numbers[ends - 1] * vocabulary + stream.symbols[ends], return_inverse=True, return_counts=True
                )
                last = np.empty(len(unique), np.int64)
                last[inverse] = ends  # Where each different gram ends, the last time that it occurs.
                continuations.append(_continuations(numbers[last], len(keys[-1])))
                if order > 2:
                    first = np.flatnonzero(stream.places == order - 2)
                    beginning = np.unique(numbers[first])
                    continuations[-1][beginning] = counts[-1][beginning]
                numbers = np.full(len(numbers), UNKNOWN_GRAM)
                numbers[ends] = inverse
                keys.append(unique)
                counts.append(count)
                advance(1)
        continuations.append(np.zeros(0, np.int64))
        tables = [
            GramTable(k, c.astype(np.uint32), n.astype(np.uint32))
            for k, c, n in zip(keys, counts, continuations, strict=True)
        ]
        return cls(vocabulary, boundary, tuple(tables))

    def numbers(self, stream: Stream, orders: int) -> list[Ids]:
        """Return for each order the number of the gram that ends at each symbol; shapes (symbols,).

        `UNKNOWN_GRAM` where the gram is unseen or would begin before its sequence.
        """
        found = [stream.symbols]
        for order in range(2, orders + 1):
            before = np.empty_like(stream.symbols)
            before[:1] = UNKNOWN_GRAM
            before[1:] = found[-1][:-1]
            known = np.flatnonzero((before >= 0) & (stream.places >= order - 1))
            numbers = np.full(len(stream.symbols), UNKNOWN_GRAM)
            numbers[known] = self.tables[order - 1].find(before[known] * self.vocabulary + stream.symbols[known])
            found.append(numbers)
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as named arrays."""
        arrays: dict[str, NDArray[Any]] = {"shape": np.array([self.vocabulary, self.boundary, self.orders])}
        for order, table in enumerate(self.tables, 1):
            arrays[f"keys{order}"] = table.keys
            arrays[f"counts{order}"] = table.counts
            arrays[f"continuations{order}"] = table.continuations
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "GramCounts":
        """Return what `arrays` described."""
        vocabulary, boundary, orders = (int(value) for value in arrays["shape"])
        tables = [
            GramTable(arrays[f"keys{order}"], arrays[f"counts{order}"], arrays[f"continuations{order}"])
            for order in range(1, orders + 1)
        ]
        return cls(vocabulary, boundary, tuple(tables))


def _continuations(suffixes: Ids, grams: int) -> Ids:
    """Count the different grams of the next order that end with each gram."""
    return np.bincount(suffixes, minlength=grams)
