"""Fabula's own `train`, as `fabula train` calls it; only its view and its data loader wait for the contest's turns."""

import tempfile
from pathlib import Path
from typing import Any

import fabula
from bench.training.counting import Count, count
from bench.training.engines.loop import facts
from bench.training.pace import Pace
from fabula import recipe as recipes
from fabula.corpus.packing import Batch
from fabula.training import loop
from fabula.training.data import MicroBatches
from fabula.training.view import View


def train(spec: dict[str, Any], pace: Pace) -> None:
    """Train until the contest is over."""
    loaded: dict[int, Count] = {}

    class Loader(MicroBatches):
        """Loads ahead only while it is this process's turn, and counts."""

        def of(self, step: int) -> list[Batch]:
            pace.turn.wait()
            found = super().of(step)
            loaded[step + 1] = sum((_count(batch, spec["end_of_text"]) for batch in found), Count())
            return found

    class Paced(View):
        """Shows a step, then waits for the next turn."""

        def show(self, entry: dict[str, Any]) -> None:
            super().show(entry)
            pace.step(entry["loss"], lambda: loaded.pop(entry["step"]))

    class Trainer(loop.Trainer):
        """Says what it trains."""

        def run(self) -> None:
            lookups = [] if spec["shape"]["tied"] else [self.model.model.embed_tokens]
            pace.facts = facts(self.model, f"fabula {fabula.__version__}", lookups)
            super().run()

    patched: Any = loop
    patched.MicroBatches, patched.View, patched.Trainer = Loader, Paced, Trainer
    if not spec["kept"]:
        patched.machine.keep_freed_memory = lambda: None
    with tempfile.TemporaryDirectory() as folder:
        loop.train(recipes.parse(spec["recipe"]), Path(folder) / "run", "contest")


def _count(batch: Batch, end_of_text: int) -> Count:
    return count(batch.tokens, batch.targets, end_of_text, batch.positions)
