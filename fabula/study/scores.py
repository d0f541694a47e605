"""What was measured at one checkpoint by one probe, unit by unit: the raw material of every figure.

A unit is an item, a held-out story, a predicted token or a generated story. Everything behind it (accuracy,
intervals, verdicts, the report) is computed from these files, so it can be computed again.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabula.errors import UserError
from fabula.files import write_bytes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """One probe's measurements of one checkpoint (or of a baseline, a control, held-out text)."""

    units: NDArray[np.str_]
    """Id of each unit: an item's id, or "story-12"; shape (units,)."""
    clusters: NDArray[np.str_]
    """What each unit was made from; shape (units,)."""
    conditions: NDArray[np.str_]
    """Part of the probe that each unit belongs to, "" where there is only one; shape (units,)."""
    columns: Mapping[str, Floats]
    """Measurements by name, each of shape (units,); NaN where one does not apply."""

    def save(self, path: Path) -> None:
        """Write an .npz archive (no pickles), whole or not at all."""
        content = io.BytesIO()
        columns = {f"column/{name}": values for name, values in self.columns.items()}
        arrays: dict[str, Any] = {
            "units": self.units,
            "clusters": self.clusters,
            "conditions": self.conditions,
            **columns,
        }
        np.savez_compressed(content, **arrays)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Scores":
        """Read what `save` wrote.

        Raises:
            UserError: not such a file.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                columns = {name[7:]: archive[name] for name in archive.files if name.startswith("column/")}
                return cls(archive["units"], archive["clusters"], archive["conditions"], columns)
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{path} can't be read as scores ({error}); delete it and study again") from None
