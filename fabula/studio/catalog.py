"""What a studio serves: the runs and models named at its start, and nothing else.

A request names an id; ids are looked up here and never become paths. Runs are looked at again while the studio runs, so
that checkpoints appear as a training writes them.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fabula import recipe as recipes
from fabula.errors import UserError, did_you_mean
from fabula.generation.prompts import Prompts
from fabula.model.folder import parameter_count
from fabula.model.record import checkpoints, read_record
from fabula.studio.given import Given, given
from fabula.training.series import phase_bounds

LOOK_AGAIN_SECONDS = 1.0
"""Between two looks at the runs' folders, at least."""
LIVE_SECONDS = 120.0
"""A run whose metrics haven't grown for so long has stopped."""


class UnknownNameError(UserError):
    """No model or run of that id is served."""


@dataclass(frozen=True)
class Model:
    """A model that can tell."""

    id: str
    """`nano/step-01200`, or a folder's name."""
    label: str
    """For people: `step 1,200 of 1,200`."""
    run: str | None
    """The id of its run, where that is served too."""
    step: int | None
    """Optimizer steps behind it; None where it is no checkpoint."""
    tokens: int | None
    """Real target tokens that it has seen, where known."""
    folder: Path
    parameters: int
    """Weights, shared ones counted once."""
    context: int
    """Positions that it was trained for."""
    vocabulary: int
    end_of_text: tuple[int, ...]
    """The tokens that end a story."""


@dataclass(frozen=True)
class Phase:
    """One of the reference card's five phases, scaled to a run's length."""

    name: str
    start: int
    """First step."""
    end: int
    """Last step."""


@dataclass(frozen=True)
class Run:
    """A run with its checkpoints."""

    id: str
    label: str
    folder: Path
    steps: int
    """Its whole length, whether it is there yet or not."""
    phases: tuple[Phase, ...]
    models: tuple[str, ...]
    """Ids of its checkpoints, by step."""
    live: bool
    """Whether it is being trained, as far as its files show."""
    has_study: bool


@dataclass
class _Watched:
    """A run's folder, and what was found there."""

    source: Given
    steps: int
    prompts: Prompts | None = None
    parameters: int = 0
    models: tuple[Model, ...] = ()
    seen: int = -1
    """Time of the checkpoint folder's last change when it was read."""

    @property
    def checkpoints(self) -> Path:
        return self.source.folder / "checkpoints"

    def look(self) -> None:
        """Read the checkpoints again if any came or went."""
        try:
            changed = self.checkpoints.stat().st_mtime_ns
        except OSError:
            self.models, self.seen = (), -1
            return
        if changed == self.seen:
            return
        self.seen = changed  # read before the folders are: what comes in between is seen next time
        self.models = tuple(self._models())

    def _models(self) -> list[Model]:
        found = []
        for folder in checkpoints(self.checkpoints):
            try:
                record = read_record(folder)
                if self.prompts is None:  # all checkpoints of a run share tokenizer and shape
                    self.prompts, self.parameters = Prompts.load(folder), parameter_count(folder)
            except UserError:  # it is going away, or was altered: no model for any reader
                continue
            label = f"step {record.step:,} of {self.steps:,}"
            found.append(
                _model(
                    f"{self.source.id}/{folder.name}",
                    label,
                    folder,
                    self.prompts,
                    self.parameters,
                    run=self.source.id,
                    step=record.step,
                    tokens=record.tokens,
                )
            )
        return found

    def run(self) -> Run:
        bounds = phase_bounds(self.steps)
        return Run(
            self.source.id,
            self.source.id,
            self.source.folder,
            self.steps,
            tuple(Phase(f"phase {number}", start, end) for number, (start, end) in enumerate(bounds, 1)),
            tuple(model.id for model in self.models),
            self._live(),
            (self.source.folder / "study" / "results.parquet").is_file(),
        )

    def _live(self) -> bool:
        if self.models and self.models[-1].step == self.steps:
            return False
        try:
            return time.time() - (self.source.folder / "metrics.jsonl").stat().st_mtime < LIVE_SECONDS
        except OSError:
            return False


def _model(id: str, label: str, folder: Path, prompts: Prompts, parameters: int, **place: object) -> Model:
    values: dict[str, object] = {"run": None, "step": None, "tokens": None, **place}
    sizes = {"parameters": parameters, "context": prompts.context, "vocabulary": prompts.vocab_size}
    return Model(id=id, label=label, folder=folder, end_of_text=prompts.end_of_text, **sizes, **values)  # type: ignore[arg-type]


@dataclass
class _Found:
    """All that is served at one time."""

    models: dict[str, Model] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    prompts: dict[str, Prompts] = field(default_factory=dict)
    """By model."""


class Catalog:
    """Looks up models and runs by id."""

    def __init__(self, names: Sequence[str], runs: Path | None = None) -> None:
        """Find what was named.

        Args:
            names: runs, packed series, and models as `fabula.model.resolve.model_folder` takes them.
            runs: a folder of which every run is served, those that begin later too.

        Raises:
            UserError: nothing of that name, or something that is neither a run nor a model.
        """
        self._names = list(names)
        self._runs_folder = runs
        self._singles: list[tuple[Model, Prompts]] = []
        self._watched: dict[Path, _Watched] = {}
        self._taken: dict[str, Path] = {}
        for name in self._names:
            self._add(given(name, self._taken))
        self._looked = -LOOK_AGAIN_SECONDS
        self._found = _Found()
        self._look()
        if not self._found.models and not self._found.runs:
            raise UserError("nothing to serve: name a run, a series or a model")

    @property
    def default(self) -> str:
        """The model that tells when none is chosen: the first named; of a run its last checkpoint. Empty: none yet."""
        self._look()
        run = next(iter(self._watched.values()), None)
        if self._singles and (run is None or not self._is_run(self._names[0])):
            return self._singles[0][0].id
        ids = list(self._found.models)
        return run.models[-1].id if run and run.models else ids[0] if ids else ""

    def models(self) -> list[Model]:
        """Return every model: single ones as they were named, then each run's by step."""
        self._look()
        return list(self._found.models.values())

    def model(self, id: str) -> Model:
        """Return a model.

        Raises:
            UnknownNameError: none of that id is served.
        """
        self._look()
        if id not in self._found.models:
            raise UnknownNameError(f"no model {_shown(id)}: {did_you_mean(id[:200], self._found.models)[:300]}")
        return self._found.models[id]

    def prompts(self, id: str) -> Prompts:
        """Return what a model makes of a text.

        Raises:
            UnknownNameError: none of that id is served.
        """
        return self._found.prompts[self.model(id).id]

    def runs(self) -> list[Run]:
        """Return every run."""
        self._look()
        return list(self._found.runs.values())

    def run(self, id: str) -> Run:
        """Return a run.

        Raises:
            UnknownNameError: none of that id is served.
        """
        self._look()
        if id not in self._found.runs:
            raise UnknownNameError(f"no run {_shown(id)}: {did_you_mean(id[:200], self._found.runs)[:300]}")
        return self._found.runs[id]

    def _is_run(self, name: str) -> bool:
        return any(watched.source.name == name for watched in self._watched.values())

    def _add(self, source: Given) -> None:
        if source.is_run:
            if source.folder not in self._watched:
                recipe = recipes.load(str(source.folder / "recipe.toml"))
                self._watched[source.folder] = _Watched(source, recipe.train.steps)
            return
        prompts = Prompts.load(source.folder)
        model = _model(
            source.id,
            source.label,
            source.folder,
            prompts,
            parameter_count(source.folder),
            step=source.step,
            tokens=source.tokens,
        )
        self._singles.append((model, prompts))

    def _look(self) -> None:
        """Look at the folders again, if it is time."""
        now = time.monotonic()
        if now - self._looked < LOOK_AGAIN_SECONDS:
            return
        self._looked = now
        self._look_for_runs()
        found = _Found()
        for model, prompts in self._singles:
            found.models[model.id], found.prompts[model.id] = model, prompts
        for watched in self._watched.values():
            watched.look()
            run = watched.run()
            found.runs[run.id] = run
            for model in watched.models:
                assert watched.prompts is not None
                found.models[model.id], found.prompts[model.id] = model, watched.prompts
        self._found = found

    def _look_for_runs(self) -> None:
        if self._runs_folder is None or not self._runs_folder.is_dir():
            return
        for folder in sorted(self._runs_folder.iterdir()):
            if (folder / "recipe.toml").is_file() and folder.resolve() not in self._watched:
                try:
                    self._add(given(str(folder), self._taken))
                except UserError:  # nobody named it: what can't be read is passed over
                    continue


def _shown(id: str) -> str:
    return repr(id if len(id) <= 100 else id[:100] + "...")
