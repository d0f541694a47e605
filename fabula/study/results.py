"""What a study found, as plain records: results.parquet, verdicts.json and curves.json. The report reads only these."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as parquet

from fabula.errors import UserError
from fabula.files import read_json, to_json, write_bytes, write_text

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
    """A probe's name; of rows that hold a column of a panel (held-out text, told stories) the panel's."""
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
    phase_reasons: dict[str, str] = field(default_factory=dict)
    """For each group one sentence with the numbers that decided."""
    order_trend: dict[str, float | None] = field(default_factory=dict)
    """For each group: p of Page's trend test that the claims' t50 ascend, over seeds; None for fewer than two."""


@dataclass(frozen=True)
class Curves:
    """curves.json: fits and tests behind the pictures."""

    acquisitions: tuple[Acquisition, ...]
    phase_tests: tuple[PhaseTest, ...]
    horizons: dict[str, tuple[tuple[int, int | None], ...]]
    """For each series: (step, h), the largest context in tokens whose removal beyond costs more than 0.01 nats."""
    crossings: dict[str, dict[str, float | None]]
    """For each series: the step at which the model's loss falls below the n-gram of order "1" ... "5"."""


TYPES: dict[Any, pa.DataType] = {int: pa.int64(), float: pa.float64(), str: pa.string()}
TYPES |= {kind | None: stored for kind, stored in TYPES.items()}
"""How each type of a result's fields is stored."""


def write_results(path: Path, rows: Sequence[Result]) -> None:
    """Write results.parquet, whole or not at all."""
    schema = pa.schema([pa.field(entry.name, TYPES[entry.type]) for entry in fields(Result)])
    columns = {name: [getattr(row, name) for row in rows] for name in schema.names}
    content = io.BytesIO()
    parquet.write_table(pa.table(columns, schema), content)
    write_bytes(path, content.getvalue())


def read_results(path: Path) -> list[Result]:
    """Read what `write_results` wrote.

    Raises:
        UserError: no such file, or not one of ours.
    """
    try:
        return [Result(**row) for row in parquet.read_table(path).to_pylist()]
    except (OSError, pa.ArrowException, TypeError) as error:
        raise UserError(f"{path} can't be read as a study's results ({error}); study again") from None


def write_verdicts(path: Path, verdicts: Verdicts) -> None:
    """Write verdicts.json."""
    write_text(path, to_json(asdict(verdicts)))


def read_verdicts(path: Path) -> Verdicts:
    """Read what `write_verdicts` wrote.

    Raises:
        UserError: no such file, or not one of ours.
    """
    values = read_json(path)
    try:
        claims = tuple(ClaimVerdict(**_tuples(entry)) for entry in values["claims"])
        probes = tuple(ProbeVerdict(**_tuples(entry)) for entry in values["probes"])
        return Verdicts(**{**values, "claims": claims, "probes": probes})
    except (TypeError, KeyError) as error:
        raise UserError(f"{path} is not a record of verdicts: {error}") from None


def write_curves(path: Path, curves: Curves) -> None:
    """Write curves.json."""
    write_text(path, to_json(asdict(curves)))


def read_curves(path: Path) -> Curves:
    """Read what `write_curves` wrote.

    Raises:
        UserError: no such file, or not one of ours.
    """
    values = read_json(path)
    try:
        return Curves(
            acquisitions=tuple(Acquisition(**_tuples(entry)) for entry in values["acquisitions"]),
            phase_tests=tuple(PhaseTest(**_tuples(entry)) for entry in values["phase_tests"]),
            horizons=_tuples(values["horizons"]),
            crossings=values["crossings"],
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is not a record of curves: {error}") from None


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with its lists, to any depth, as tuples."""

    def plain(value: Any) -> Any:
        return tuple(plain(part) for part in value) if isinstance(value, list) else value

    return {name: plain(value) for name, value in values.items()}
