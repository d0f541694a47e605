"""Where a study keeps what it measured, and the record of what was studied."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fabula.errors import UserError
from fabula.files import read_json, to_json, write_text


@dataclass(frozen=True)
class StudiedCheckpoint:
    """One model of a series."""

    step: int
    """Optimizer steps behind it; 0 for a model folder that is no checkpoint."""
    tokens: int | None
    """Real target tokens seen, where known."""
    path: str
    weights: str
    """SHA-256 over its weight files."""


@dataclass(frozen=True)
class Series:
    """The checkpoints of one run, or a single model."""

    label: str
    """Unique in the study, fit for a file name and a legend."""
    group: str
    """Series of one group differ only in their seed: the recipe's hash without the seed, or the label."""
    seed: int | None
    parameters: int
    steps: int
    """Length of the run in optimizer steps; 0 for a single model."""
    context: int
    learning_rates: tuple[tuple[int, float], ...]
    """(step, learning rate) through the run, at most 200 points; empty when not on record."""
    checkpoints: tuple[StudiedCheckpoint, ...]
    """By step."""


@dataclass(frozen=True)
class Study:
    """What was studied, with what; study.json."""

    suite: str
    seed: int
    """Of items, bootstrap and generation."""
    version: int
    """Of the items' builder."""
    corpus_hash: str
    corpus_name: str
    fabula: str
    machine: dict[str, Any]
    probes: tuple[str, ...]
    refused: dict[str, str]
    """Item sets that a build gate refused, with the reason."""
    series: tuple[Series, ...]
    seconds: dict[str, float]
    """Time that each part took."""

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Study":
        """Return what `asdict` described."""
        series = tuple(
            Series(
                **{
                    **entry,
                    "checkpoints": tuple(StudiedCheckpoint(**c) for c in entry["checkpoints"]),
                    "learning_rates": tuple((int(step), float(rate)) for step, rate in entry["learning_rates"]),
                }
            )
            for entry in values["series"]
        )
        return cls(**{**values, "series": series, "probes": tuple(values["probes"])})


class StudyFolder:
    """The files of one study."""

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is read or written yet."""
        self.path = path
        self.results = path / "results.parquet"
        self.verdicts = path / "verdicts.json"
        self.curves = path / "curves.json"
        self.gates = path / "items" / "gates.json"
        self.report = path / "report.html"
        self.record = path / "study.json"

    def items(self, probe: str) -> Path:
        """The probe's questions, one JSON object a line."""
        return self.path / "items" / f"{probe}.jsonl"

    def scores(self, label: str, step: int, panel: str) -> Path:
        """What a checkpoint scored."""
        return self.path / "scores" / label / f"step-{step:05d}" / f"{panel}.npz"

    def baseline(self, panel: str) -> Path:
        """What the baselines score on the same units: one column each (`unigram`, `bigram`, `fivegram`, ...)."""
        return self.path / "baselines" / f"{panel}.npz"

    def control(self, name: str, panel: str) -> Path:
        """What `held-out`, `five-gram`, `glued` or `loop` text scores on a panel of generation."""
        return self.path / "controls" / name / f"{panel}.npz"

    def stories(self, label: str, step: int) -> Path:
        """The stories that a checkpoint wrote: a JSON list, see `fabula.study.generations`."""
        return self.path / "stories" / label / f"step-{step:05d}.json"

    def write_study(self, study: Study) -> None:
        """Write study.json."""
        write_text(self.record, to_json(asdict(study)))

    def study(self) -> Study:
        """Read study.json.

        Raises:
            UserError: there is none, or it isn't one.
        """
        try:
            return Study.from_json(read_json(self.record))
        except (TypeError, KeyError, ValueError) as error:
            raise UserError(f"{self.record} is not the record of a study: {error}") from None
