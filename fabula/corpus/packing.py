"""Stories to training windows. The batch of a step is a pure function of (corpus hash, seed, step).

A target is any token of the split, and its input is the token before it; before the first story stands an end-of-text
token, as it stands before every other. So a run of targets [a, b) has the inputs [a - 1, b - 1), and a story's first
input is always end-of-text.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

PADDING = -100
"""Target of a position that has none; `fabula.model.loss` skips it."""

Integers = NDArray[np.int64]


class Tokens(Protocol):
    """What packing needs of a split of a token store."""

    @property
    def tokens(self) -> int:
        """Tokens in the split."""
        ...

    @property
    def offsets(self) -> Integers:
        """Where each story begins, and the end of the last."""
        ...

    def read(self, start: int, stop: int) -> NDArray[np.integer]:
        """Return a range of tokens."""
        ...


@dataclass(frozen=True)
class Batch:
    """Some windows, ready for a model; shapes are fixed by the packing and the number of windows."""

    tokens: Integers
    """Inputs, shape (windows, context)."""
    targets: Integers
    """The token after each input, or PADDING; shape (windows, context)."""
    positions: Integers | None
    """Each input's position in its own story, shape (windows, context); None: counted from the window's start."""
    boundaries: NDArray[np.int32] | None
    """Cumulative starts of documents in the flattened windows (see `fabula.model.attention`); None: no mask."""


class Packing(Protocol):
    """A way to cut a split into windows; one epoch shows every window once."""

    context: int
    """Positions in a window."""
    windows: int
    """Windows in an epoch."""
    fill: float
    """Share of an epoch's positions that have a target."""
    attended: float
    """Positions that a target's query sees, on average."""

    def order(self, epoch: int) -> Integers:
        """Return the epoch's windows in the order they are shown, a permutation of range(windows)."""
        ...

    def targets(self, epoch: int, windows: Integers) -> int:
        """Return how many real targets some windows of an epoch hold."""
        ...

    def batch(self, epoch: int, windows: Integers) -> Batch:
        """Return some windows of an epoch."""
        ...


def pack(
    mode: Literal["stories", "stream"], split: Tokens, context: int, seed: int, corpus_hash: str, eot: int
) -> Packing:
    """Cut a split into windows of `context` positions; `eot` is the end-of-text token."""
    packing = StoryPacking if mode == "stories" else StreamPacking
    return packing(split, context, f"{corpus_hash} {seed}", eot)


class Schedule:
    """Which windows make up each step's batch, whatever the number of processes that share it."""

    def __init__(self, packing: Packing, windows_before: Callable[[int], int]) -> None:
        """Deal windows epoch after epoch; `windows_before` tells how many come before each step's first."""
        self.packing = packing
        self.windows_before = windows_before

    def step(self, step: int) -> list[tuple[int, Integers]]:
        """Return the step's windows as (epoch, windows) parts, in order; step 0 is the first."""
        numbers = np.arange(self.windows_before(step), self.windows_before(step + 1))
        epochs = numbers // self.packing.windows
        return [
            (int(epoch), self.packing.order(int(epoch))[numbers[epochs == epoch] % self.packing.windows])
            for epoch in np.unique(epochs)
        ]

    def targets(self, step: int) -> int:
        """Return how many real targets the step's batch holds, over all processes."""
        return sum(self.packing.targets(epoch, windows) for epoch, windows in self.step(step))

    def epoch(self, step: int) -> float:
        """Return how many epochs have been seen before the step."""
        return self.windows_before(step) / self.packing.windows

    def micro_batches(self, step: int, micro_batch: int, rank: int = 0, processes: int = 1) -> list[Batch]:
        """Return one process's share of the step's batch in parts of `micro_batch` windows."""
        epochs, windows = (
            np.split(np.concatenate(column), processes)[rank]
            for column in zip(*((np.full(len(w), e), w) for e, w in self.step(step)), strict=True)
        )
        return [
            join(
                [
                    self.packing.batch(int(epoch), windows[start : start + micro_batch][part == epoch])
                    for epoch in np.unique(part)
                ]
            )
            for start in range(0, len(windows), micro_batch)
            for part in [epochs[start : start + micro_batch]]
        ]


def join(batches: Sequence[Batch]) -> Batch:
    """Stack batches of the same packing (a step at the turn of an epoch takes windows from both)."""
    if len(batches) == 1:
        return batches[0]
    parts = [batch.boundaries for batch in batches]
    starts = np.cumsum([0, *(batch.tokens.size for batch in batches)])
    boundaries = [part[:-1] + start for part, start in zip(parts, starts, strict=False) if part is not None]
    positions = [batch.positions for batch in batches if batch.positions is not None]
    return Batch(
        np.concatenate([batch.tokens for batch in batches]),
        np.concatenate([batch.targets for batch in batches]),
        np.concatenate(positions) if positions else None,
        np.concatenate([*boundaries, starts[-1:]]).astype(np.int32) if boundaries else None,
    )


class StreamPacking:
    """Plain concatenation: the split is one text, cut every `context` tokens; stories see their neighbours."""

    def __init__(self, split: Tokens, context: int, key: str, eot: int) -> None:
        """Cut `split`; the tail that fills no window is left out. `key` seeds the order."""
        self.split, self.context, self.key, self.eot = split, context, key, eot
        self.windows = split.tokens // context
        if not self.windows:
            raise ValueError(f"a split of {split.tokens:,} tokens does not fill one window of {context:,}")
        self.fill = 1.0
        self.attended = (context + 1) / 2

    def order(self, epoch: int) -> Integers:
        """Return the epoch's windows in the order they are shown."""
        return _permutation(self.key, epoch, self.windows)

    def targets(self, epoch: int, windows: Integers) -> int:
        """Return how many targets some windows hold: every position has one."""
        return len(windows) * self.context

    def batch(self, epoch: int, windows: Integers) -> Batch:
        """Return some windows."""
        tokens = np.empty((len(windows), self.context), np.int64)
        targets = np.empty_like(tokens)
        for row, window in enumerate(windows.tolist()):
            _fill(self.split, self.eot, window * self.context, tokens[row], targets[row])
        return Batch(tokens, targets, None, None)


class StoryPacking:
    """Whole stories, best-fit into windows; each story starts at position 0 and sees only itself.

    Best-fit decreasing needs the lengths alone, so the plan (which lengths share a window) is made once; each epoch
    draws anew which story of that length takes the place. A story longer than the window is cut into windows.
    """

    def __init__(self, split: Tokens, context: int, key: str, eot: int) -> None:
        """Plan the windows of `split`; `key` seeds the order and the choice among stories of equal length."""
        self.split, self.context, self.key, self.eot = split, context, key, eot
        self.starts, self.lengths = _pieces(np.asarray(split.offsets, np.int64), context)
        if not len(self.lengths):
            raise ValueError("a split without stories can't be packed")
        self.place_window, self.place_length = best_fit(self.lengths, context)
        self.windows = int(self.place_window[-1]) + 1
        self.first_place = np.searchsorted(self.place_window, np.arange(self.windows + 1))
        self.filled = np.add.reduceat(self.place_length, self.first_place[:-1])
        self.fill = float(self.filled.sum() / (self.windows * context))
        self.attended = float((self.lengths * (self.lengths + 1) / 2).sum() / self.lengths.sum())
        self.documents = int(np.diff(self.first_place).max()) + 1
        """Documents a window may hold, the padding at its end counted as one."""
        self.pieces_by_place = lru_cache(maxsize=2)(self._deal)
        """By epoch: which piece takes each place (a window's places start at `first_place`)."""

    def order(self, epoch: int) -> Integers:
        """Return the epoch's windows in the order they are shown."""
        return _permutation(self.key, epoch, self.windows)

    def targets(self, epoch: int, windows: Integers) -> int:
        """Return how many real targets some windows hold."""
        return int(self.filled[windows].sum())

    def batch(self, epoch: int, windows: Integers) -> Batch:
        """Return some windows; `boundaries` always has `documents` entries a window, and one."""
        pieces = self.pieces_by_place(epoch)
        shape = (len(windows), self.context)
        tokens = np.full(shape, self.eot, np.int64)
        targets = np.full(shape, PADDING, np.int64)
        positions = np.zeros(shape, np.int64)
        boundaries = np.empty((len(windows), self.documents), np.int64)
        for row, window in enumerate(windows.tolist()):
            end = 0
            starts = []
            for piece in pieces[self.first_place[window] : self.first_place[window + 1]].tolist():
                start, end = end, end + int(self.lengths[piece])
                _fill(self.split, self.eot, int(self.starts[piece]), tokens[row, start:end], targets[row, start:end])
                positions[row, start:end] = np.arange(end - start)
                starts.append(start)
            starts.append(end)
            positions[row, end:] = np.arange(self.context - end)
            boundaries[row] = row * self.context + self.context
            boundaries[row, : len(starts)] = row * self.context + np.array(starts)
        flat = np.append(boundaries.ravel(), tokens.size).astype(np.int32)
        return Batch(tokens, targets, positions, flat)

    def _deal(self, epoch: int) -> Integers:
        """Return which piece takes each place in this epoch: a random one of the place's length."""
        shuffled = _permutation(f"{self.key} pieces", epoch, len(self.lengths))
        by_length = shuffled[np.argsort(-self.lengths[shuffled], kind="stable")]
        places = np.argsort(-self.place_length, kind="stable")
        pieces = np.empty_like(by_length)
        pieces[places] = by_length
        return pieces


def best_fit(lengths: Integers, context: int) -> tuple[Integers, Integers]:
    """Pack pieces into as few windows as best-fit decreasing finds (Johnson, 1974).

    Each piece, longest first, goes to the fullest window that still has room for it.

    Returns:
        The window of each place, ascending, and the length of each place.
    """
    counts = np.bincount(lengths, minlength=context + 1)
    windows_with_room: list[list[int]] = [[] for _ in range(context + 1)]
    rooms = 0  # bit r is set where some window has r positions left
    place_window: list[int] = []
    place_length: list[int] = []
    opened = 0
    for length in range(context, 0, -1):
        left = int(counts[length])
        while left:
            fitting = rooms >> length
            if fitting:
                room = length + (fitting & -fitting).bit_length() - 1
                window = windows_with_room[room].pop()
                if not windows_with_room[room]:
                    rooms &= ~(1 << room)
            else:
                room, window = context, opened
                opened += 1
            taken = min(left, room // length)
            left -= taken
            place_window += [window] * taken
            place_length += [length] * taken
            room -= taken * length
            if room:
                windows_with_room[room].append(window)
                rooms |= 1 << room
    windows, places = np.array(place_window, np.int64), np.array(place_length, np.int64)
    order = np.argsort(windows, kind="stable")
    return windows[order], places[order]


def _pieces(offsets: Integers, context: int) -> tuple[Integers, Integers]:
    """Return the start and length of every story, stories longer than a window cut into windows."""
    lengths = np.diff(offsets)
    counts = -(-lengths // context)
    story = np.repeat(np.arange(len(lengths)), counts)
    first = np.cumsum(counts) - counts
    number = np.arange(len(story)) - first[story]
    starts = offsets[:-1][story] + number * context
    return starts, np.minimum(context, offsets[1:][story] - starts)


def _fill(split: Tokens, eot: int, start: int, tokens: Integers, targets: Integers) -> None:
    """Write the targets [start, start + n) and their inputs into two rows of n."""
    stop = start + len(targets)
    targets[:] = split.read(start, stop)
    tokens[1:] = targets[:-1]
    tokens[0] = split.read(start - 1, start)[0] if start else eot


def _permutation(key: str, epoch: int, size: int) -> Integers:
    """Return a permutation of range(size) decided by (key, epoch) alone, the same on every machine."""
    return _cached_permutation(key, epoch, size)


@lru_cache(maxsize=4)
def _cached_permutation(key: str, epoch: int, size: int) -> Integers:
    digest = hashlib.sha256(f"{key} {epoch} {size}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little"))).permutation(size)
