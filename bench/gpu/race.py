"""AdamW against Muon at the full size for a fixed time: what each has learned after equally many tokens."""

import itertools
import tempfile
from pathlib import Path
from typing import Any

from bench.gpu.settings import Settings
from fabula import recipe as recipes
from fabula.recipe import Recipe
from fabula.study.evaluate import evaluate
from fabula.training.loop import train
from fabula.training.run import RunFolder

NAMES = {"test-1 (AdamW)": "test-1", "test-1-fast (Muon)": "test-1-fast"}
"""Recipes by what the results call them."""
MICRO_BATCH = 16
STORIES = 1_000
"""Held-out stories, at most."""


def run(settings: Settings, name: str, tokens_per_second: float) -> dict[str, Any]:
    """Train a recipe on as many tokens as the minutes allow at a measured speed, its schedule as short as that.

    Returns:
        The last training losses and the held-out loss.

    Raises:
        UserError: no such recipe is shipped.
    """
    recipe = settings.load(NAMES[name], packing="stories", micro_batch=MICRO_BATCH)
    recipe = shortened(recipe, settings.race_minutes * 60 * tokens_per_second)
    steps = recipe.train.steps
    with tempfile.TemporaryDirectory() as folder:
        run_folder = Path(folder) / "run"
        train(recipe, run_folder, name)
        metrics = RunFolder(run_folder).metrics()
        held_out = _held_out(settings, run_folder, Path(recipe.corpus.source[0]))
    return {
        "steps": steps,
        "tokens": metrics[-1]["tokens"],
        "seconds": metrics[-1]["seconds"],
        "last_losses": [entry["loss"] for entry in metrics[-10:]],
        **held_out,
    }


def shortened(recipe: Recipe, positions: float) -> Recipe:
    """Return a recipe with as many steps as it needs for so many positions, whether its batch grows or not."""
    for steps in itertools.count(4):
        train = {"steps": steps, "save_every": steps}
        shorter = recipes.from_table({"train": train, "series": {"steps": [steps]}}, recipe)
        if shorter.windows_before(steps) * recipe.model.context >= positions:
            break
    return shorter


def _held_out(settings: Settings, run_folder: Path, store: Path) -> dict[str, Any]:
    """Measure the last checkpoint on the store's held-out stories."""
    last = sorted((run_folder / "checkpoints").iterdir())[-1]
    found = evaluate(last, store, limit=STORIES, device=settings.device)
    return {
        "held_out_stories": found.stories,
        "nats_per_token": found.nats_per_token,
        "nats_per_token_interval": found.nats_per_token_interval,
        "bits_per_byte": found.bits_per_byte,
        "bits_per_byte_interval": found.bits_per_byte_interval,
    }
