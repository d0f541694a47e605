"""Whether `fabula train --estimate` is right: two recipes are estimated, then trained for some steps, in turns."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.growth.fit import SECONDS, Fit, predict
from bench.growth.points import duties
from fabula import recipe as recipes
from fabula.corpus.build import build
from fabula.corpus.packing import pack
from fabula.corpus.store import TokenStore
from fabula.model.config import LlamaConfig
from fabula.model.loss import chunk_size
from fabula.recipe import Recipe
from fabula.terminal import progress
from fabula.training.run import RunFolder

ROOT = Path(__file__).resolve().parents[2]
STORIES = "3000"
"""Of the story world, to train on."""


@dataclass(frozen=True)
class Shape:
    """A recipe to check the estimate with."""

    name: str
    fields: dict[str, str]
    """Over `nano`'s."""
    steps: int


SHAPES = (
    Shape("nano", {}, 60),
    Shape(
        "7 M",
        {
            "model.hidden": "320",
            "model.layers": "5",
            "model.heads": "5",
            "model.intermediate": "864",
            "model.context": "512",
            "tokenizer.vocab_size": "4096",
            "train.tokens_per_step": "4096",
            "train.micro_batch": "8",
        },
        20,
    ),
)
QUICK_STEPS = 10


def check(seconds: Fit, rounds: int, precision: str, threads: int, *, quick: bool) -> list[dict[str, Any]]:
    """Return for each shape what was predicted (by the estimate, by the growth fit) and what then happened."""
    with tempfile.TemporaryDirectory() as folder, progress("checking the estimate") as advance:
        checks = [_Check(shape, Path(folder), precision, threads, quick=quick) for shape in SHAPES]
        for _ in range(rounds):
            for each in checks:
                each.round()
                advance(1)
        return [each.result(seconds) for each in checks]


class _Check:
    """One shape, estimated and trained several times."""

    def __init__(self, shape: Shape, folder: Path, precision: str, threads: int, *, quick: bool) -> None:
        self.shape, self.folder = shape, folder
        self.steps = QUICK_STEPS if quick else shape.steps
        fields = {
            **shape.fields,
            "train.steps": str(self.steps),
            "train.precision": precision,
            "train.threads": str(threads),
        }
        recipe = recipes.override(recipes.load("nano"), {**fields, "corpus.stories": STORIES})
        self.store = build(recipe.corpus, recipe.tokenizer, folder / f"{shape.name} store")
        table = {"corpus": {"source": [str(self.store.path)], "stories": 0}, "series": {"steps": [0]}}
        self.recipe = recipes.from_table(table, recipe)
        self.file = folder / f"{shape.name}.toml"
        self.file.write_text(recipes.to_toml(self.recipe), encoding="utf-8")
        self.rounds: list[dict[str, float]] = []

    def round(self) -> None:
        """Estimate, then train."""
        estimate = json.loads(_fabula("train", str(self.file), "--estimate", "--json"))
        predicted = next(entry for entry in estimate["predictions"] if entry["measured"])
        out = self.folder / f"{self.shape.name} {len(self.rounds)}"
        started = time.perf_counter()
        _fabula("train", str(self.file), "--out", str(out))
        whole = time.perf_counter() - started
        last = RunFolder(out).metrics()[-1]
        low, high = predicted["step_seconds"]
        self.rounds.append(
            {
                "predicted_seconds": self.steps * (low * high) ** 0.5,
                "seconds": last["seconds"],
                "predicted_whole_low": predicted["seconds"][0],
                "predicted_whole_high": predicted["seconds"][1],
                "whole_seconds": whole,
                "predicted_bytes": (predicted["memory_bytes"][0] * predicted["memory_bytes"][1]) ** 0.5,
                "bytes": last["memory_bytes"],
            }
        )

    def result(self, fit: Fit) -> dict[str, Any]:
        """Return the rounds, and their errors: predicted over measured, less 1."""
        measured = statistics.median(each["seconds"] for each in self.rounds)
        by_fit = self.steps * predict(fit.constants, SECONDS, _record(self.recipe, self.store))
        return {
            "shape": self.shape.name,
            "steps": self.steps,
            "rounds": self.rounds,
            "seconds_errors": [each["predicted_seconds"] / each["seconds"] - 1 for each in self.rounds],
            "bytes_errors": [each["predicted_bytes"] / each["bytes"] - 1 for each in self.rounds],
            "fit_seconds": by_fit,
            "fit_error": by_fit / measured - 1,
        }


def _record(recipe: Recipe, store: TokenStore) -> dict[str, float]:
    """Return what the growth fit asks of a recipe's step."""
    config = LlamaConfig.from_recipe(recipe.model, store.vocab_size)
    packed = pack("stories", store.train, config.context, recipe.train.seed, store.hash, store.end_of_text_id)
    step = {"positions": float(recipe.train.tokens_per_step)}
    return {**step, **duties(config, packed.attended, recipe.train.loss_chunk or chunk_size(config.vocab_size, "cpu"))}


def _fabula(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "fabula", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout
