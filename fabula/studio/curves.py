"""A run's metrics as curves: read while they are being written, and thinned to what a page can draw."""

import itertools
import json
import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("step", "loss", "learning_rate", "tokens_per_second", "seconds")
EXTREMES = ("loss", "learning_rate", "tokens_per_second")
"""Curves whose highs and lows survive thinning."""
MOST_POINTS = 2_000
BLOCK = 1 << 22
"""Bytes read at once."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Columns of one length, by step."""

    columns: dict[str, Floats]
    """NaN where a step has no value (a loss that wasn't finite)."""

    @property
    def last_step(self) -> int:
        """The newest step; 0 before the first."""
        steps = self.columns["step"]
        return int(steps[-1]) if len(steps) else 0

    def after(self, step: int) -> "Curves":
        """Return the rows of later steps."""
        return self.rows(np.flatnonzero(self.columns["step"] > step))

    def rows(self, places: Sequence[int] | NDArray[np.intp]) -> "Curves":
        """Return some rows."""
        return Curves({name: column[places] for name, column in self.columns.items()})

    def thinned(self, most: int = MOST_POINTS) -> "Curves":
        """Return at most `most` rows: the first, the last, and from equal parts of the rest each curve's extremes."""
        count = len(self.columns["step"])
        if count <= most:
            return self
        parts = (most - 2) // (2 * len(EXTREMES))
        borders = np.linspace(1, count - 1, parts + 1).astype(np.intp)
        kept = {0, count - 1}
        for name in EXTREMES:
            column = self.columns[name]
            lowest, highest = (np.where(np.isnan(column), filler, column) for filler in (math.inf, -math.inf))
            for start, stop in itertools.pairwise(borders):
                kept.add(int(start + lowest[start:stop].argmin()))
                kept.add(int(start + highest[start:stop].argmax()))
        return self.rows(sorted(kept))


class MetricsFile:
    """A `metrics.jsonl` that may be growing: only what is new is read, and only whole lines.

    A resumed run writes the file anew (another file of that name, or a shorter one): then it is read from the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._identity: tuple[int, int] | None = None
        self._offset = 0
        self._last_line = b""
        self._rows: list[tuple[float, ...]] = []
        self._curves = _columns([])

    def curves(self) -> Curves:
        """Return all rows on record; none when there is no file."""
        with self._lock:
            self._read()
            return self._curves

    def _read(self) -> None:
        try:
            file = self._path.open("rb")
        except OSError:
            self._forget()
            return
        with file:
            state = os.fstat(file.fileno())
            if not self._continues(file, (state.st_dev, state.st_ino), state.st_size):
                self._forget()
                self._identity = (state.st_dev, state.st_ino)
            if state.st_size == self._offset:
                return
            file.seek(self._offset)
            held = b""
            while block := file.read(BLOCK):
                whole, newline, held = (held + block).rpartition(b"\n")
                self._take(whole + newline)
        self._curves = _columns(self._rows)

    def _continues(self, file: Any, identity: tuple[int, int], size: int) -> bool:
        """Say whether this is the file that was read before, with nothing but more behind what was read."""
        if identity != self._identity or size < self._offset:
            return False
        file.seek(self._offset - len(self._last_line))
        return bool(file.read(len(self._last_line)) == self._last_line)

    def _take(self, lines: bytes) -> None:
        for line in lines.splitlines(keepends=True):
            self._offset += len(line)
            self._last_line = line
            row = _row(line)
            if row is None:
                continue
            while self._rows and self._rows[-1][0] >= row[0]:
                self._rows.pop()  # steps that are done again
            self._rows.append(row)


def _row(line: bytes) -> tuple[float, ...] | None:
    """Return a line's values; None when it is no line of metrics."""
    try:
        entry = json.loads(line)
        if not isinstance(entry, dict) or not isinstance(entry.get("step"), int):
            return None
        return tuple(_number(entry.get(name)) for name in COLUMNS)
    except (ValueError, OverflowError):
        return None


def _number(value: Any) -> float:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else math.nan


def _columns(rows: Sequence[tuple[float, ...]]) -> Curves:
    table = np.array(rows, np.float64).reshape(len(rows), len(COLUMNS))
    return Curves({name: table[:, place] for place, name in enumerate(COLUMNS)})
