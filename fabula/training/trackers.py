"""Metrics to TensorBoard, trackio or Weights & Biases: one tracker of three methods for each."""

from pathlib import Path
from typing import Any, Protocol

from fabula.errors import UserError
from fabula.recipe import Recipe

NOT_METRICS = ("step", "skipped")


class Tracker(Protocol):
    """Where metrics go besides metrics.jsonl."""

    def start(self, run: Path, recipe: dict[str, Any]) -> None:
        """Begin or continue a run."""
        ...

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Record one step."""
        ...

    def finish(self) -> None:
        """Write out what is left."""
        ...


class TensorBoard:
    """TensorBoard event files under the run's `tensorboard/`."""

    def start(self, run: Path, recipe: dict[str, Any]) -> None:
        """Open the event file."""
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(run / "tensorboard"))

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Write one scalar for each metric."""
        for name, value in metrics.items():
            self.writer.add_scalar(name, value, step)

    def finish(self) -> None:
        """Close the event file."""
        self.writer.close()


class Online:
    """trackio and wandb, which share their interface: init, log, finish."""

    def __init__(self, name: str) -> None:
        """Take the package's name."""
        self.name = name

    def start(self, run: Path, recipe: dict[str, Any]) -> None:
        """Begin a run of the project `fabula`; trackio continues one of that name, wandb the one in WANDB_RUN_ID."""
        import importlib

        self.package = importlib.import_module(self.name)
        self.package.init(project="fabula", name=run.name, config=recipe, resume="allow")

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Send one step."""
        self.package.log(metrics, step=step)

    def finish(self) -> None:
        """Send what is left."""
        self.package.finish()


def start_trackers(run: Path, recipe: Recipe) -> list[Tracker]:
    """Start the trackers that the recipe names.

    Raises:
        UserError: a tracker's package isn't installed.
    """
    from dataclasses import asdict

    started: list[Tracker] = []
    for name in recipe.train.trackers:
        tracker: Tracker = TensorBoard() if name == "tensorboard" else Online(name)
        try:
            tracker.start(run, asdict(recipe))
        except ImportError as error:
            raise UserError(
                f"train.trackers names {name!r}, which is not installed ({error}): pip install 'fabula[track]'"
            ) from None
        started.append(tracker)
    return started
