"""Keys and values of stories that stand at different positions: one block of memory for all of them.

Shapes: R rows of the block, B rows read in one pass, T tokens, S key positions, K key/value heads, D head width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fabula.model.config import LlamaConfig


def rounded(count: int, least: int = 1) -> int:
    """Return a size not below `count`, one of four to the octave and a multiple of `least` (a power of two).

    So there are few distinct sizes, and none is more than a quarter, or `least`, too large.
    """
    step = max(least, (1 << count.bit_length()) // 8)
    return -(-count // step) * step


@dataclass
class Slot:
    """Where one story's keys and values lie."""

    row: int
    capacity: int
    """Positions that were asked for."""
    filled: int = 0
    """Positions up to the last one read; a rejected draft's are counted until the story goes on."""


class SlotPool:
    """Keys and values of many stories, a row each: for each layer a pair of tensors, shape (R, positions, K, D).

    After `settle` the stories lie in the first rows, so a pass over all of them reads the memory where it is. Every row
    has one spare position, after all that a story may use, for what is computed only to fill up a shape. The memory
    grows with the stories, and then lies elsewhere: `moves` counts that.
    """

    def __init__(self, config: LlamaConfig, like: Tensor) -> None:
        """Start empty, with the device and dtype of `like`."""
        self.config = config
        self.like = like
        self.keys: list[Tensor] = [like.new_zeros(0, 1, config.kv_heads, config.head_width)] * config.layers
        self.values = list(self.keys)
        self.positions = 0
        self.moves = 0
        self._slots: dict[int, Slot] = {}
        self._opened = 0

    def __getitem__(self, slot: int) -> Slot:
        return self._slots[slot]

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def rows(self) -> int:
        """Rows that memory is there for."""
        return len(self.keys[0])

    @torch.inference_mode()
    def open(self, capacity: int) -> int:
        """Reserve a row for `capacity` positions and return the slot's number."""
        assert 0 < capacity <= self.config.context, f"{capacity} positions in a context of {self.config.context}"
        taken = {slot.row for slot in self._slots.values()}
        row = next(row for row in range(len(taken) + 1) if row not in taken)
        self._reserve(row + 1, capacity)
        self._opened += 1
        self._slots[self._opened] = Slot(row, capacity)
        return self._opened

    def close(self, slot: int) -> None:
        """Give a slot back."""
        del self._slots[slot]

    @torch.inference_mode()
    def settle(self) -> None:
        """Move the last stories into the rows that others left, until there is no gap."""
        taken = {slot.row for slot in self._slots.values()}
        gaps = [row for row in range(len(taken)) if row not in taken]
        strays = [slot for slot in self._slots.values() if slot.row >= len(taken)]
        for gap, slot in zip(gaps, strays, strict=True):
            for tensor in (*self.keys, *self.values):
                tensor[gap, : slot.filled] = tensor[slot.row, : slot.filled]
            slot.row = gap

    def _reserve(self, rows: int, positions: int) -> None:
        if rows <= self.rows and positions <= self.positions:
            return
        if rows > self.rows:
            rows = 1 << (rows - 1).bit_length()
        rows, positions = max(rows, self.rows), max(positions, self.positions)
        positions = min(rounded(positions, 64), self.config.context)
        filled = max((slot.filled for slot in self._slots.values()), default=0)
        for tensors in (self.keys, self.values):
            for layer, old in enumerate(tensors):
                # Zeros, because a masked position must still be finite, and because a CPU takes the memory only when
                # it is written to.
                new = self.like.new_zeros(rows, positions + 1, *old.shape[2:])
                new[: len(old), :filled] = old[:, :filled]
                tensors[layer] = new
        self.positions = positions
        self.moves += 1


class SlotView:
    """The pool's rows that one pass reads: `fabula.model.llama.Cache`."""

    def __init__(self, pool: SlotPool, rows: slice | Tensor, seen: int, positions_BT: Tensor | None = None) -> None:
        """Look at some rows.

        Args:
            pool: the memory.
            rows: which rows, in the order of the batch; neighbours as a slice, which copies nothing.
            seen: how many positions are attended to, S.
            positions_BT: where the new keys and values go; None: they are the last of those attended to.
        """
        self.pool = pool
        self.rows = rows
        self.seen = seen
        self.written: tuple[slice | Tensor, Tensor] | None = None
        if positions_BT is not None:
            if isinstance(rows, slice):
                rows = torch.arange(rows.start, rows.stop, device=positions_BT.device)
            self.written = rows[:, None], positions_BT

    def extend(self, layer: int, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor]:
        """Write one layer's new keys and values, and return what the rows hold."""
        keys, values = self.pool.keys[layer], self.pool.values[layer]
        written = self.written or (self.rows, slice(self.seen - k_BTKD.shape[1], self.seen))
        keys[written], values[written] = k_BTKD, v_BTKD
        return keys[self.rows, : self.seen], values[self.rows, : self.seen]
