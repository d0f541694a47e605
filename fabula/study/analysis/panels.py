"""Files of scores, found and put side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabula.study.folder import Series, StudiedCheckpoint, Study, StudyFolder
from fabula.study.scores import Scores

Floats = NDArray[np.float64]
Key = tuple[str, int]
"""A series' label and a step."""
HELD_OUT = "held-out"
"""Control: stories by people, never trained on."""
WEIGHT = "weight"
"""Column that says how much a unit counts; without it all count alike."""
OTHER_WEIGHTS = {"nats_per_token": "tokens"}
"""Columns that count by another one: the ladder's units are stories, weighted by their bytes."""
NOT_MEASURED = {WEIGHT, *OTHER_WEIGHTS.values()}
"""Columns that are no measurement."""


@dataclass(frozen=True)
class Panel:
    """Everything that was measured under one name."""

    name: str
    scores: dict[Key, Scores]
    """By checkpoint; those that were not measured are missing."""
    baselines: Scores | None
    """A column for each baseline."""

    @classmethod
    def load(cls, folder: StudyFolder, study: Study, name: str) -> "Panel":
        """Read the files that exist.

        Raises:
            UserError: a damaged file.
        """
        scores = {}
        for series, checkpoint in checkpoints(study):
            path = folder.scores(series.label, checkpoint.step, name)
            if path.exists() and len((found := Scores.load(path)).units):
                scores[series.label, checkpoint.step] = found
        baseline = folder.baseline(name)
        return cls(name, scores, Scores.load(baseline) if baseline.exists() else None)

    def clusters(self) -> set[str]:
        """Return the clusters of all units."""
        return {str(name) for scores in self.scores.values() for name in np.unique(scores.clusters)}

    def baseline_columns(self, scores: Scores) -> dict[str, Floats]:
        """Return what each baseline scores on the units of a checkpoint; NaN for units that it never saw."""
        if self.baselines is None:
            return {}
        columns = {name: values for name, values in self.baselines.columns.items() if name != WEIGHT}
        if np.array_equal(self.baselines.units, scores.units):
            return columns
        place = {unit: number for number, unit in enumerate(self.baselines.units.tolist())}
        where = np.array([place.get(unit, -1) for unit in scores.units.tolist()])
        return {name: np.where(where >= 0, values[where], np.nan) for name, values in columns.items()}


def checkpoints(study: Study) -> Iterator[tuple[Series, StudiedCheckpoint]]:
    """Yield every checkpoint with its series."""
    for series in study.series:
        for checkpoint in series.checkpoints:
            yield series, checkpoint


def weights(scores: Scores, column: str) -> Floats | None:
    """Return how much each unit counts in a column's mean; None: all alike."""
    return scores.columns.get(OTHER_WEIGHTS.get(column, WEIGHT))


def in_condition(scores: Scores, condition: str | None) -> NDArray[np.bool_]:
    """Return which units belong to a part of a panel; shape (units,)."""
    if condition is None:
        return np.ones(len(scores.units), np.bool_)
    result: NDArray[np.bool_] = scores.conditions == condition
    return result


def by_position(names: set[str]) -> list[str]:
    """Return conditions in the order of the number that they begin with; those without one are left out."""

    def number(name: str) -> float:
        digits = "".join(letter if letter.isdigit() or letter == "." else " " for letter in name).split()
        return float(digits[0]) if digits and name[:1].isdigit() else float("nan")

    return sorted((name for name in names if number(name) == number(name)), key=number)
