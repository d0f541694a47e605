"""Sets of 64-bit hashes: exact while they fit into memory, and a Bloom filter of fixed size beyond."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
COUNTED = 1 << 22
"""Bytes of a filter looked at together."""


class SortedHashes:
    """A set of hashes as one sorted array, 8 bytes each."""

    false_positive_rate = 0.0
    """Two things that share a 64-bit hash aside."""

    def __init__(self) -> None:
        self._sorted: Hashes = np.zeros(0, np.uint64)
        self._waiting: list[Hashes] = []

    @property
    def sorted(self) -> Hashes:
        """The hashes, each once, ascending."""
        if self._waiting:
            together = np.sort(np.concatenate((self._sorted, *self._waiting)))  # np.unique takes ten times as long.
            first = np.ones(len(together), np.bool_)
            first[1:] = together[1:] != together[:-1]
            self._sorted = together[first]
            self._waiting = []
        return self._sorted

    @property
    def at_most(self) -> int:
        """Hashes put in, those counted twice that came twice since they were last looked at."""
        return len(self._sorted) + sum(map(len, self._waiting))

    def add(self, hashes: Hashes) -> None:
        """Put hashes in."""
        self._waiting.append(hashes)

    def has(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Say of each hash whether it is in."""
        inside = self.sorted
        if not len(inside):
            return np.zeros(len(hashes), np.bool_)
        places = np.minimum(np.searchsorted(inside, hashes), len(inside) - 1)
        return np.asarray(inside[places] == hashes)


class BloomFilter:
    """A set of hashes in a fixed number of bytes (Bloom, 1970): what is in is always found.

    A hash sets the first bit of one byte, the second of another, and so on: a filter in eight parts.
    """

    def __init__(self, size: int) -> None:
        self._table = np.zeros(size, np.uint8)

    @property
    def false_positive_rate(self) -> float:
        """Probability that a hash which isn't in looks as if it were: the product of the parts' shares of set bits."""
        parts = np.array_split(self._table, 1 + len(self._table) // COUNTED)
        values = np.sum([np.bincount(part, minlength=256) for part in parts], axis=0)
        bits = values @ np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
        return float(np.prod(bits / len(self._table)))

    def add(self, hashes: Hashes) -> None:
        """Put hashes in."""
        for turn, places in enumerate(self._places(hashes)):
            self._table[places] |= np.uint8(1 << turn)  # A byte that two hashes name gets the same bit from both.

    def has(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Say of each hash whether it is in, or looks so."""
        found = np.ones(len(hashes), np.bool_)
        for turn, places in enumerate(self._places(hashes)):
            found &= (self._table[places] & np.uint8(1 << turn)) > 0
        return found

    def _places(self, hashes: Hashes) -> Iterator[NDArray[np.int64]]:
        """Yield a byte of each hash for each of the eight bits, by double hashing (Kirsch and Mitzenmacher, 2006)."""
        first, step = hashes & np.uint64(0xFFFFFFFF), (hashes >> np.uint64(32)) | np.uint64(1)
        for turn in range(8):
            yield ((first + np.uint64(turn) * step) % np.uint64(len(self._table))).astype(np.int64)
