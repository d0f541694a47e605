"""What a study of a run found, as the page draws it: probes through training, and the held-out loss."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fabula.errors import UserError
from fabula.study.folder import StudyFolder
from fabula.study.probes import CLAIMS, PROBES, Claim, Probe
from fabula.training.series import phase_bounds

if TYPE_CHECKING:
    from fabula.study.results import Result

HELD_OUT = ("ladder", "nats_per_byte")
"""Probe and measure of the held-out loss."""
CLAIM_OF = {claim.name: claim for claim in CLAIMS}


@dataclass(frozen=True)
class Point:
    """A value at one checkpoint, with its 95 % interval where there is one."""

    step: int
    value: float
    low: float | None
    high: float | None

    def scaled(self, factor: float) -> "Point":
        """Return the same point in another unit."""
        low, high = (None if bound is None else bound * factor for bound in (self.low, self.high))
        return Point(self.step, self.value * factor, low, high)

    def to_json(self) -> list[float | None]:
        """Return step, value, low, high."""
        return [self.step, finite(self.value), finite(self.low), finite(self.high)]


class Evidence:
    """The rows of one run in a study's results, read again when the file has changed."""

    def __init__(self, run: Path) -> None:
        self._path = StudyFolder(run / "study").results
        self._label = run.name
        self._seen: tuple[int, int, int] | None = None
        self._rows: list[Result] = []

    def rows(self) -> "list[Result]":
        """Return the run's rows; none when it hasn't been studied, or the results can't be read."""
        try:
            state = self._path.stat()
        except OSError:
            return []
        from fabula.study.results import read_results  # here: it brings pyarrow

        seen = (state.st_ino, state.st_size, state.st_mtime_ns)
        if seen != self._seen:
            try:
                self._rows = _of_run(read_results(self._path), self._label)
            except UserError:
                self._rows = []
            self._seen = seen
        return self._rows

    def held_out(self) -> list[Point]:
        """Return the held-out loss of each studied checkpoint, bits per byte."""
        return [point.scaled(1 / math.log(2)) for point in _points(self.rows(), *HELD_OUT)]

    def probes(self, steps: int) -> list[dict[str, Any]]:
        """Return every probe that was measured, in the report's order; `steps` is the run's length."""
        rows = self.rows()
        return [_probe(probe, rows, steps) for probe in PROBES if _points(rows, probe.name, "value")]


def finite(value: float | None) -> float | None:
    """Return a number that JSON knows, or None."""
    return value if value is not None and math.isfinite(value) else None


def _of_run(rows: "list[Result]", label: str) -> "list[Result]":
    """Return one series' rows: the run's own in a study of several."""
    labels = {row.series for row in rows}
    if len(labels) > 1:
        return [row for row in rows if row.series == label]
    return rows


def _points(rows: "list[Result]", probe: str, measure: str) -> list[Point]:
    chosen = [row for row in rows if (row.probe, row.measure, row.condition) == (probe, measure, "")]
    return [Point(row.step, row.value, row.low, row.high) for row in sorted(chosen, key=lambda row: row.step)]


def _probe(probe: Probe, rows: "list[Result]", steps: int) -> dict[str, Any]:
    claim = CLAIM_OF[probe.claim]
    baselines = [row.baseline for row in rows if (row.probe, row.measure, row.condition) == (probe.name, "value", "")]
    return {
        "probe": probe.name,
        "title": probe.title,
        "claim": claim.title,
        "sentence": probe.question,
        "unit": probe.unit,
        "chance": probe.chance,
        "baseline": next((finite(value) for value in reversed(baselines) if value is not None), None),
        "window": _window(claim, steps),
        "points": [point.to_json() for point in _points(rows, probe.name, "value")],
    }


def _window(claim: Claim, steps: int) -> list[int] | None:
    """Return the steps in which the reference card places a claim, scaled to the run."""
    return None if claim.phase is None or not steps else list(phase_bounds(steps)[claim.phase])
