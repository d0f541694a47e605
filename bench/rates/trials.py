"""The trainings: one shape at several widths, in three ways, at several peak learning rates."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fabula import recipe as recipes
from fabula.errors import UserError
from fabula.files import read_json, to_json, write_text
from fabula.model.record import checkpoints, read_record
from fabula.model.resolve import training_store
from fabula.recipe import Recipe
from fabula.study.evaluate import evaluate
from fabula.terminal import say
from fabula.training import machine
from fabula.training.loop import train
from fabula.training.processes import processes

WAYS = {
    "adamw": "AdamW, the same rate at every width",
    "rule": "AdamW by the width rule",
    "muon": "Muon (matrices' rate; AdamW by the rule)",
}
MULTIPLE = 8
"""The feed-forward block's width is a multiple of this."""

Found = Sequence[dict[str, Any]]
"""Trials with their held-out losses."""


@dataclass(frozen=True)
class Trial:
    """One training."""

    way: str
    width: int
    rate: float
    """Peak rate: Muon's for its matrices, else AdamW's."""
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.way}-{self.width}-{self.rate:g}-s{self.seed}"

    def recipe(self, base: Recipe, base_width: int) -> Recipe:
        """Return what to train: `base` at this width and rate."""
        head, ratio = base.model.hidden // base.model.heads, self.width / base.model.hidden
        if self.width % head:
            raise UserError(f"--widths {self.width} is not a multiple of the recipe's head width, {head}")
        inner = max(MULTIPLE, round(base.model.intermediate * ratio / MULTIPLE) * MULTIPLE)
        changes = {
            "model": {"hidden": self.width, "heads": self.width // head, "kv_heads": 0, "intermediate": inner},
            "train": {"seed": self.seed},
            "optimizer": {
                "kind": "muon" if self.way == "muon" else "adamw",
                "matrix_learning_rate" if self.way == "muon" else "learning_rate": self.rate,
                "base_width": 0 if self.way == "adamw" else base_width,
            },
            "series": {"steps": [base.train.steps]},
        }
        return recipes.from_table(changes, base)


def run(trials: list[Trial], base: Recipe, out: Path, stories: int) -> dict[str, Any]:
    """Train the trials that `out` has no figure of; returns its record: conditions, and the figures of all trials.

    Raises:
        UserError: a recipe or corpus that can't be trained, or figures there of another recipe.
    """
    file = out / "rates.json"
    out.mkdir(parents=True, exist_ok=True)
    narrowest = min((trial.width for trial in trials), default=0)
    asked: dict[str, Any] = {"recipe": recipes.to_toml(base), "stories": stories, "base_width": narrowest}
    record: dict[str, Any] = (
        read_json(file) if file.is_file() else {**asked, "precision": _precision(base), "trials": []}
    )
    if any(record[name] != value for name, value in asked.items()):
        raise UserError(f"{file} holds figures of another recipe, smallest width or stories; choose another --out")
    base = recipes.override(base, {"train.precision": record["precision"]})
    done = {Trial(**entry["trial"]) for entry in record["trials"]}
    for number, trial in enumerate(trials, 1):
        if trial in done:
            continue
        say(f"{number} of {len(trials)}: {WAYS[trial.way]}, width {trial.width}, rate {trial.rate:g}")
        entry = {"trial": vars(trial), **_measure(trial, base, narrowest, out, stories)}
        record["trials"].append(entry)
        write_text(file, to_json(record))
        say(json.dumps(entry))
    return record


def by_rate(found: Found, way: str, width: int) -> dict[float, list[float | None]]:
    """Return the losses of one line, by growing rate, a seed an entry; None: it diverged."""
    losses: dict[float, list[float | None]] = {}
    for entry in sorted(found, key=lambda entry: (entry["trial"]["rate"], entry["trial"]["seed"])):
        if (entry["trial"]["way"], entry["trial"]["width"]) == (way, width):
            losses.setdefault(entry["trial"]["rate"], []).append(entry["nats_per_token"])
    return losses


def means(losses: dict[float, list[float | None]]) -> dict[float, float]:
    """Return the mean over seeds at each rate at which no seed diverged."""
    whole = {rate: [value for value in values if value is not None] for rate, values in losses.items()}
    return {rate: sum(values) / len(values) for rate, values in whole.items() if len(values) == len(losses[rate])}


def _precision(base: Recipe) -> str:
    """Return the precision of all trials: left to `auto`, each would choose by how busy the machine is just then."""
    mine = processes()
    if base.train.precision != "auto":
        return base.train.precision
    return machine.choose_precision(machine.choose_device(base.train, mine), mine)


def _measure(trial: Trial, base: Recipe, base_width: int, out: Path, stories: int) -> dict[str, Any]:
    """Train and evaluate one; a run that diverges has no loss. The weights are deleted."""
    folder = out / trial.name
    recipe = trial.recipe(base, base_width)
    try:
        train(recipe, folder, trial.name)
    except UserError as error:
        if "not finite" not in str(error):
            raise
        shutil.rmtree(folder)
        return {"nats_per_token": None, "tokens": None}
    last = checkpoints(folder / "checkpoints")
    if not last or read_record(last[-1]).step < recipe.train.steps:
        raise SystemExit(130)  # stopped by a signal; the same command goes on
    store = training_store(folder)
    assert store is not None
    found = evaluate(last[-1], store, limit=stories)
    tokens = read_record(last[-1]).tokens
    shutil.rmtree(folder)
    return {"nats_per_token": found.nats_per_token, "tokens": tokens}
