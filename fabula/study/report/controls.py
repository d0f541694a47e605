"""What generated stories are set against: held-out text, and texts that are no good stories."""

from dataclasses import dataclass

import numpy as np

from fabula.study.probes import Probe
from fabula.study.report.evidence import Evidence

HELD_OUT = "held-out"
CONTROLS = {
    "five-gram": "5-gram text",
    "glued": "two halves",
    "loop": "loops",
    "shuffled": "shuffled",
    "scrambled": "scrambled",
}
"""Controls, and what the pictures call them."""
PANELS = ("generation", "generation_sets", "overrun")
"""Files of scores that hold measurements of told stories."""
BAND = 0.25
"""Share of the gap between held-out and control text that still counts as held-out; `verdicts.toml` has it too."""


@dataclass(frozen=True)
class Marks:
    """What a metric of generated text is set against."""

    held_out: float | None
    controls: dict[str, float]
    """Value of each control text, by its name."""
    judged: str | None
    """The control that the verdict uses."""

    @property
    def band(self) -> tuple[float, float] | None:
        """Values that count as held-out text's."""
        if self.held_out is None or self.judged not in self.controls:
            return None
        reach = BAND * abs(self.controls[self.judged] - self.held_out)
        return self.held_out - reach, self.held_out + reach


def is_generation(probe: Probe) -> bool:
    """Say whether a probe measures the model's own stories."""
    return probe.rule == "band" or probe.panel in PANELS


def marks(evidence: Evidence, probe: Probe) -> Marks:
    """Return what a metric is set against: the values behind the verdict, and those of the other controls."""
    rows = [row for series in evidence.study.series for row in evidence.rows(probe.name, series.label)]
    known = {name: _mean(evidence, name, probe) for name in (HELD_OUT, *CONTROLS)}
    held_out = known.pop(HELD_OUT)
    controls = {name: value for name, value in known.items() if value is not None}
    judged = rows[-1].baseline_name if rows else None
    if rows and rows[-1].ceiling is not None:
        held_out = rows[-1].ceiling
    if rows and judged is not None and rows[-1].baseline is not None:
        controls[judged] = rows[-1].baseline
    return Marks(held_out, controls, judged)


def _mean(evidence: Evidence, name: str, probe: Probe) -> float | None:
    scores = evidence.control(name, probe.scores)
    if scores is None or probe.column not in scores.columns:
        return None
    values = scores.columns[probe.column]
    if probe.condition is not None and (scores.conditions == probe.condition).any():
        values = values[scores.conditions == probe.condition]
    return float(np.nanmean(values)) if np.isfinite(values).any() else None
