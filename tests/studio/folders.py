"""Runs and models small enough to be served in a moment."""

from pathlib import Path

from fabula import recipe as recipes
from tests.tiny import tiny_checkpoint, tiny_model, tiny_tokenizer

STEPS = 40


def tiny_run(folder: Path, *steps: int, length: int = STEPS) -> Path:
    """Write a run with checkpoints at these steps, no two alike."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "recipe.toml").write_text(recipes.to_toml(recipes.from_table({"train": {"steps": length}})))
    for step in steps:
        add_checkpoint(folder, step)
    return folder


def add_checkpoint(run: Path, step: int) -> Path:
    model = tiny_model(seed=step, vocab_size=300)
    return tiny_checkpoint(run / "checkpoints" / f"step-{step:05d}", model, tiny_tokenizer(), step=step)
