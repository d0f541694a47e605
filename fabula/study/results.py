"""What a study found, as plain records: results.parquet, verdicts.json and curves.json. The report reads only these."""

from dataclasses import dataclass
from typing import Literal

Interval = tuple[float, float]
"""Low and high of a 95 % interval."""
Answer = Literal["supported", "not supported", "inconclusive"]


@dataclass(frozen=True)
class Result:
    """One row of results.parquet: a probe, or a part of it, at one checkpoint of one series."""

    series: str
    group: str
    seed: int | None
    step: int
    tokens: int | None
    probe: str
    condition: str
    """Part of the probe; "" for all of it."""
    measure: str
    """`value` is what the probe is about; item probes also have `margin`, `choice`, `pair` and `hard` (accuracy where
    the 5-gram is wrong); loss panels one row for each column."""
    value: float
    low: float | None
    high: float | None
    """95 % interval, bootstrapped over clusters (Wilson where each unit is its own cluster and a share)."""
    n: int
    """Units."""
    clusters: int
    chance: float | None
    baseline: float | None
    """The best baseline on the same units (not below chance)."""
    baseline_name: str | None
    ceiling: float | None
    """The best possible value; where unknown, the best value any studied checkpoint reached."""
    above: float | None
    """value - baseline, paired, ..."""
    above_low: float | None
    above_high: float | None


@dataclass(frozen=True)
class ProbeVerdict:
    """What a primary probe says about its claim."""

    probe: str
    claim: str
    group: str
    capability: Answer
    timing: Answer
    reason: str
    """One sentence with the numbers that decided."""
    value: float | None
    """At the end of training, over seeds."""
    interval: Interval | None
    baseline: float | None
    ceiling: float | None
    normalised: float | None
    """S = (value - baseline) / (ceiling - baseline)."""
    normalised_interval: Interval | None
    window_share: float | None
    """W: share of the total change that falls in the claimed window."""
    window_interval: Interval | None
    smooth_share: float | None
    """W of a change that is uniform in the logarithm of the step."""
    half: float | None
    """t50: the step of half the gain."""
    half_interval: Interval | None
    seeds: int


@dataclass(frozen=True)
class ClaimVerdict:
    """The verdict on one sentence of the card, in one group of series: the worst of its primary probes."""

    claim: str
    group: str
    capability: Answer
    timing: Answer | None
    """None where the card names no window."""
    decided_by: str
    """The probe that decided the capability."""
    wording: str
    """What may be said."""
    window: tuple[int, int] | None
    """Claimed steps, scaled to the run."""


@dataclass(frozen=True)
class Acquisition:
    """When a probe was learned in one series: a monotone fit over the logarithm of the step."""

    probe: str
    series: str
    model: Literal["logistic", "isotonic", "none"]
    """`none`: it did not change, so it has no date."""
    t10: float | None
    t50: float | None
    t90: float | None
    t50_interval: Interval | None
    start: float
    end: float
    """Fitted values at the first and the last checkpoint."""
    curve: tuple[tuple[float, float], ...]
    """(step, fitted value), for drawing."""
    depends_on_loss: float | None
    """R2 of the probe as a monotone function of the held-out loss: near 1, it has no phase of its own."""


@dataclass(frozen=True)
class PhaseTest:
    """Are there phases at all? Common breaks against smooth curves, in one series."""

    series: str
    delta_bic: float | None
    """BIC of smooth curves minus BIC with four common breaks: above 10 speaks for breaks."""
    p: float | None
    """Share of smooth simulations with at least this difference."""
    null: tuple[float, ...]
    """The simulated differences."""
    breaks: tuple[float, ...]
    """Steps of the four best breaks."""
    claimed: tuple[int, ...]
    schedule_breaks: tuple[int, ...]
    """Steps where the learning rate's course has a kink."""
    on_schedule: tuple[float, ...]
    """Breaks that lie within 20 % (in log step) of a kink: labelled `schedule`."""
    verdict: Answer
    reason: str


@dataclass(frozen=True)
class Verdicts:
    """verdicts.json: what was decided, and by which rules."""

    rules_version: int
    rules_sha256: str
    claims: tuple[ClaimVerdict, ...]
    probes: tuple[ProbeVerdict, ...]
    order_probability: dict[str, float | None]
    """For each group: bootstrap probability that the claims' t50 come in the card's order."""
    phases: dict[str, Answer]
    """For each group: are there the five phases?"""


@dataclass(frozen=True)
class Curves:
    """curves.json: fits and tests behind the pictures."""

    acquisitions: tuple[Acquisition, ...]
    phase_tests: tuple[PhaseTest, ...]
    horizons: dict[str, tuple[tuple[int, int | None], ...]]
    """For each series: (step, h), the largest context in tokens whose removal beyond costs more than 0.01 nats."""
    crossings: dict[str, dict[str, float | None]]
    """For each series: the step at which the model's loss falls below the n-gram of order "1" ... "5"."""
