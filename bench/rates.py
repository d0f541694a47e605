"""Peak learning rates against held-out loss at several widths: does the best rate stay the best one?

`python -m bench.rates nano-fast --widths 96 192 384 --rates 2e-3 4e-3 8e-3 --matrix-rates 0.01 0.02 0.04 --out rates`
trains the recipe's shape at each width (heads as wide as its own, the feed-forward block in proportion) in three ways:
AdamW with one rate for all widths, AdamW by the width rule (`optimizer.base_width`, the smallest width), and Muon by
the same rule, whose matrices' rate is varied. Figures go to rates.json, and what is there isn't trained again;
rates.png is drawn from it. Options of the form --section.field VALUE change the recipe, as in `fabula train`.
"""

import argparse
import json
import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

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


def main() -> None:
    """Train what is missing, then draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--widths", type=int, nargs="+", default=[96, 192, 384])
    parser.add_argument("--rates", type=float, nargs="*", default=[], help="AdamW's, tried with and without the rule")
    parser.add_argument("--matrix-rates", type=float, nargs="*", default=[], help="Muon's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--stories", type=int, default=300, help="held-out stories to measure on")
    parser.add_argument("--out", type=Path, required=True)
    arguments, rest = parser.parse_known_args()
    try:
        base = recipes.override(recipes.load(arguments.recipe), _settings(rest))
        trials = [
            Trial(way, width, rate, seed)
            for seed in arguments.seeds
            for way in WAYS
            for rate in (arguments.matrix_rates if way == "muon" else arguments.rates)
            for width in sorted(arguments.widths)
        ]
        found = run(trials, base, arguments.out, arguments.stories)
    except UserError as error:
        raise SystemExit(f"bench: {error}") from None
    draw(found, arguments.out / "rates.png", f"{arguments.recipe}, {base.train.steps:,} steps")


def _settings(words: list[str]) -> dict[str, str]:
    if len(words) % 2 or not all(name.startswith("--") for name in words[::2]):
        raise UserError(f"what is {' '.join(words)!r}? Recipe fields are given as --section.field VALUE")
    return {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}


def run(trials: list[Trial], base: Recipe, out: Path, stories: int) -> list[dict[str, Any]]:
    """Train the trials that `out` has no figure of; returns all figures there.

    Raises:
        UserError: a recipe or corpus that can't be trained, or figures there of another recipe.
    """
    file = out / "rates.json"
    out.mkdir(parents=True, exist_ok=True)
    asked: dict[str, Any] = {"recipe": recipes.to_toml(base), "stories": stories}
    record: dict[str, Any] = (
        read_json(file) if file.is_file() else {**asked, "precision": _precision(base), "trials": []}
    )
    if any(record[name] != value for name, value in asked.items()):
        raise UserError(f"{file} holds figures of another recipe or other stories; choose another --out")
    base = recipes.override(base, {"train.precision": record["precision"]})
    done = {Trial(**entry["trial"]) for entry in record["trials"]}
    for number, trial in enumerate(trials, 1):
        if trial in done:
            continue
        say(f"{number} of {len(trials)}: {WAYS[trial.way]}, width {trial.width}, rate {trial.rate:g}")
        entry = {"trial": vars(trial), **_measure(trial, base, min(t.width for t in trials), out, stories)}
        record["trials"].append(entry)
        write_text(file, to_json(record))
        say(json.dumps(entry))
    found: list[dict[str, Any]] = record["trials"]
    return found


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


def draw(found: list[dict[str, Any]], file: Path, title: str) -> None:
    """Draw a panel for each way: loss over rate, a line a width, its best rate marked."""
    ways = [way for way in WAYS if any(entry["trial"]["way"] == way for entry in found)]
    figure, panels = plt.subplots(1, len(ways), figsize=(4.6 * len(ways), 4.2), sharey=True, squeeze=False)
    for axes, way in zip(panels[0], ways, strict=True):
        _panel(axes, way, [entry for entry in found if entry["trial"]["way"] == way])
    panels[0][0].set_ylabel("held-out nats per token")
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(file, dpi=140)


def _panel(axes: Axes, way: str, found: list[dict[str, Any]]) -> None:
    widths = sorted({entry["trial"]["width"] for entry in found})
    for place, width in enumerate(widths):
        by_rate: dict[float, list[float]] = {}
        for entry in found:
            if entry["trial"]["width"] == width and entry["nats_per_token"] is not None:
                by_rate.setdefault(entry["trial"]["rate"], []).append(entry["nats_per_token"])
        rates = sorted(by_rate)
        means = [statistics.mean(by_rate[rate]) for rate in rates]
        if not rates:
            continue
        color = plt.get_cmap("viridis")(place / max(len(widths), 1))
        axes.plot(rates, means, "-", color=color, label=f"width {width}")
        axes.plot([r for r in rates for _ in by_rate[r]], [v for r in rates for v in by_rate[r]], ".", color=color)
        best = min(range(len(rates)), key=means.__getitem__)
        axes.plot(rates[best], means[best], "o", color=color, markersize=9, fillstyle="none")
    axes.set_xscale("log")
    axes.set_xlabel("peak learning rate")
    axes.set_title(WAYS[way], fontsize=10)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
