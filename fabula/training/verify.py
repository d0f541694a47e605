"""Whether a series of checkpoints is what it says it is."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from fabula.corpus.store import TokenStore, is_store
from fabula.errors import UserError
from fabula.model.checkpoint import same_weights, weight_problems
from fabula.model.folder import load_config
from fabula.model.layout import load_model
from fabula.model.record import RECORD, checkpoints, read_record
from fabula.terminal import progress
from fabula.training.run import RunFolder
from fabula.training.series import checkpoint_steps


@dataclass(frozen=True)
class Verification:
    """What was checked and what is wrong."""

    path: str
    checked: list[str]
    """Folders whose files were read and hashed."""
    problems: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return the record that `fabula verify --json` prints."""
        return {"path": self.path, "checked": self.checked, "problems": self.problems}

    def summary(self) -> str:
        """Return one line, and one more for each problem."""
        verdict = f"{len(self.problems)} problems" if self.problems else "all well"
        return "\n".join([f"{self.path}: {len(self.checked)} checked, {verdict}", *self.problems])


def verify(path: Path) -> Verification:
    """Check a run, a checkpoint, a plain model folder or a token store.

    Raises:
        UserError: the path is none of these.
    """
    if (path / "checkpoints").is_dir():
        return _verify_run(path)
    if (path / RECORD).is_file():
        return Verification(str(path), [str(path)], weight_problems(path))
    if is_store(path):
        return _verify_whole(path, lambda: TokenStore.open(path).verify())
    if (path / "config.json").is_file():
        return _verify_whole(path, lambda: load_model(path))
    raise UserError(f"{path} is no run, checkpoint, model folder or token store")


def _verify_whole(path: Path, check: Callable[[], object]) -> Verification:
    """Turn the error of a check that stops at the first problem into a verification."""
    try:
        check()
    except UserError as error:
        return Verification(str(path), [str(path)], [str(error)])
    return Verification(str(path), [str(path)], [])


def _verify_run(run: Path) -> Verification:
    series = checkpoints(run / "checkpoints")
    unreadable = set((run / "checkpoints").glob("step-*")) - set(series)
    found = [f"{folder} has no readable {RECORD}" for folder in sorted(unreadable)]
    found += _missing_checkpoints(run, [read_record(folder).step for folder in series])
    if series:
        shape = load_config(series[-1])
        found += [f"{folder}: its shape is not the last one's" for folder in series if load_config(folder) != shape]
    with progress("verifying checkpoints", len(series), "checkpoints") as advance:
        for folder in series:
            found += weight_problems(folder)
            advance(1)
    if not found:
        found += [
            f"{second} holds the same weights as {first}"
            for first, second in pairwise(series)
            if same_weights(first, second)
        ]
    return Verification(str(run), [str(folder) for folder in series], found)


def _missing_checkpoints(run: Path, present: list[int]) -> list[str]:
    """Name the series' steps that the run has passed and has no checkpoint of."""
    recipe = RunFolder(run).recipe()
    if not recipe:
        return [f"{run / 'recipe.toml'} is missing"]
    done = max((entry["step"] for entry in RunFolder(run).metrics()), default=0)
    expected = [step for step in checkpoint_steps(recipe.series, recipe.train.steps) if step <= done]
    return [f"{run}: the checkpoint of step {step} is missing" for step in expected if step not in present]
