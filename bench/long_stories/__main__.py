"""Does a model that learned from long stories use its long context? Trains with and without them, asks, draws, records.

The first arm begins with lists that are said again (`lists.py`), in two stages, and goes on with the recipe's stories.
A stage is as long as it has to be for the lists to be copied, tried from the shortest length on. The second arm begins
with the same lists, and goes on with stories without long ones. The third learns from these alone: as many positions as
the others in all their stages, were those as long as they may be, at the rates with which those begin. Model, seeds and
tokenizer are the same. All are asked about long stories that no corpus has (the study's `world_recall`, `context_gain`,
`position`) and the templates of `memory`.

  python -m bench.long_stories --out runs/long-stories --picture docs/memory.png --record models/long-stories

What is trained or asked already is not done again.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from bench.long_stories import lists
from bench.long_stories.asking import COLUMNS, PANELS, Material, ask, check, estimates
from bench.long_stories.picture import draw
from bench.machine import cores, describe
from fabula import recipe as recipes
from fabula.corpus.build import cached_store
from fabula.errors import UserError
from fabula.files import read_json, to_json, write_text
from fabula.model.resolve import last_valid_checkpoint
from fabula.recipe import Recipe
from fabula.study.corpus import StudyCorpus
from fabula.study.scores import Scores
from fabula.study.scoring.llama import open_model
from fabula.terminal import progress, say
from fabula.training.run import RunFolder

ROOT = Path(__file__).resolve().parents[2]
WITH, LISTS, WITHOUT = "with long stories", "lists, no long stories", "without"
SHORT_FOR_LONG = 2
"""So many times more stories without long ones, so that neither arm sees a story twice as often as the other."""
LIST_STEPS = (900, 1_350, 2_000, 3_000)
"""Of a stage with lists: the first number that is enough. Copying is found from one step to the next, by some seeds
twice as late as by others; where the lists went on long after that, it didn't carry over to stories (docs/log.md)."""
LIST_POSITIONS = 512
"""A step; small ones, since it is their number that finds what repeats."""
COPIED = {"rhymes": 2.6, "names": 2.8}
"""Nats per token at the end of a stage, below which its lists are copied; uncopied, they cost 3.6 and more."""
LAST_STEPS = 100
"""Of a stage, over which that is the mean."""
RATES = {"rhymes": (3e-2, 0.013), "names": (2e-2, 0.008)}
"""Learning rates of each stage with lists: AdamW's, Muon's."""
GAIN = 0.01
"""Nats per token that make far words worth something, as in the study's horizon."""


def main() -> None:
    """Do what isn't done yet, and show it."""
    parsed = _parser().parse_args()
    try:
        comparison = Comparison(parsed)
        comparison.train()
        found = comparison.measure()
    except UserError as error:
        raise SystemExit(f"bench: {error}") from None
    if parsed.record:
        comparison.write_record(parsed.record, found)
    if parsed.picture:
        draw(found, parsed.picture)
    print(_table(found))


class Comparison:
    """Three arms, each with the same seeds."""

    def __init__(self, parsed: argparse.Namespace) -> None:
        self.out: Path = parsed.out.resolve()
        self.seeds: list[int] = parsed.seeds
        self.threads, self.at_once = parsed.threads, parsed.at_once
        base = recipes.load(parsed.recipe)
        self.store = cached_store(base.corpus, base.tokenizer)
        self.tokenizer = replace(base.tokenizer, path=str(self.store.path / "tokenizer.json"))
        self.base = replace(base, tokenizer=self.tokenizer)
        corpus = replace(base.corpus, long_share=0.0, stories=SHORT_FOR_LONG * base.corpus.stories)
        without = replace(self.base, corpus=corpus)
        self.arms = {WITH: self.base, LISTS: without, WITHOUT: self._alone(without)}

    def _alone(self, base: Recipe) -> Recipe:
        """Return a recipe that makes up for the stages with lists."""
        more = len(lists.STAGES) * max(LIST_STEPS) * LIST_POSITIONS // base.train.tokens_per_step
        train = replace(base.train, steps=base.train.steps + more)
        return replace(_at_rates(base, "rhymes"), train=train)

    def _stage(self, stage: str, steps: int = LIST_STEPS[0]) -> Recipe:
        """Return the recipe of a stage with lists."""
        base = self.base
        source = str(self.out / f"{stage}.jsonl")
        train = replace(base.train, steps=steps, tokens_per_step=LIST_POSITIONS)
        return replace(
            _at_rates(base, stage),
            corpus=replace(base.corpus, source=(source,), long_share=0.0, stories=0),
            model=replace(base.model, context=LIST_POSITIONS),
            train=train,
            schedule=replace(base.schedule, decay_fraction=0.3),
        )

    def run(self, arm: str, seed: int) -> Path:
        """Name the folder of a run."""
        return self.out / f"{_short(arm)}-{seed}"

    def train(self) -> None:
        """Train every run that isn't complete, `at_once` at a time."""
        self.out.mkdir(parents=True, exist_ok=True)
        for stage in lists.STAGES:
            lists.write(self.out / f"{stage}.jsonl", stage)
        runs = [(arm, seed) for seed in self.seeds for arm in self.arms]
        with ThreadPoolExecutor(self.at_once) as pool, progress("training", len(runs), "runs") as advance:
            begun = dict(zip(self.seeds, pool.map(self._train_lists, self.seeds), strict=True))

            def train_arm(arm: str, seed: int) -> None:
                self._train(self.run(arm, seed).name, self.arms[arm], seed, "" if arm == WITHOUT else begun[seed])

            for _ in pool.map(train_arm, *zip(*runs, strict=True)):
                advance(1)

    def _train_lists(self, seed: int) -> str:
        """Train both stages with lists, each as long as it takes, and return the last one's folder."""
        start = ""
        for stage in lists.STAGES:
            for steps in LIST_STEPS:
                folder = self._train(f"{stage}-{seed}-{steps}", self._stage(stage, steps), seed, start)
                if self._loss(folder) < COPIED[stage]:
                    break
            start = folder
        return start

    def _list_steps(self, stage: str, seed: int) -> int:
        """Return how many steps of a stage were enough, or as many as there may be."""
        return max(steps for steps in LIST_STEPS if (self.out / f"{stage}-{seed}-{steps}").is_dir())

    @staticmethod
    def _loss(folder: str) -> float:
        """Return the mean loss of a run's last steps, nats per token."""
        return fmean(row["loss"] for row in RunFolder(Path(folder)).metrics()[-LAST_STEPS:])

    def _train(self, name: str, recipe: Recipe, seed: int, start: str) -> str:
        """Train what isn't trained yet, and return its folder."""
        recipe = replace(recipe, train=replace(recipe.train, seed=seed, threads=self.threads, start_from=start))
        path, folder = self.out / f"{name}.toml", self.out / name
        write_text(path, recipes.to_toml(recipe))
        counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(self.threads))
        command = [sys.executable, "-m", "fabula", "train", str(path), "--out", str(folder)]
        environment = {**os.environ, **counts, "OMP_WAIT_POLICY": "PASSIVE"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"{name}: {done.stderr.strip().splitlines()[-1]}")
        return str(folder)

    def measure(self) -> dict[str, Any]:
        """Ask every run what it hasn't been asked, and return everything that is known."""
        torch.set_num_threads(self.threads)
        corpus = StudyCorpus.open(self.store.path)
        material = Material.make(self.out / "questions", corpus)
        with progress("asking", len(self.arms) * len(self.seeds) * len(PANELS), "panels") as advance:
            for arm in self.arms:
                for seed in self.seeds:
                    for panel in PANELS:
                        self._ask(arm, seed, panel, material)
                        advance(1)
        gates = self.out / "gates.json"
        if not gates.is_file():
            say("holding the questions against the study's gates")
            write_text(gates, to_json(check(corpus, material)))
        return {
            "machine": describe(),
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "command": _command(),
            "gates": read_json(gates),
            "list_steps": {
                stage: {str(seed): self._list_steps(stage, seed) for seed in self.seeds} for stage in COPIED
            },
            "arms": {arm: self._arm(arm) for arm in self.arms},
        }

    def _scores(self, arm: str, seed: int, panel: str) -> Path:
        return self.out / "scores" / self.run(arm, seed).name / f"{panel}.npz"

    def _ask(self, arm: str, seed: int, panel: str, material: Material) -> None:
        path = self._scores(arm, seed, panel)
        if not path.is_file():
            ask(open_model(last_valid_checkpoint(self.run(arm, seed))), material, panel).save(path)

    def _arm(self, arm: str) -> dict[str, Any]:
        trained = {seed: RunFolder(self.run(arm, seed)).metrics()[-1] for seed in self.seeds}
        loaded = {panel: {seed: Scores.load(self._scores(arm, seed, panel)) for seed in self.seeds} for panel in PANELS}
        panels = {
            panel: {column: estimates(loaded[panel], column) for column in columns}
            for panel, columns in COLUMNS.items()
        }
        worth = [int(p["condition"]) for p in panels["context_gain"]["gain"] if p["low"] > GAIN]
        return {
            "runs": {
                str(seed): {name: row[name] for name in ("step", "tokens", "loss", "seconds")}
                for seed, row in trained.items()
            },
            "horizon": max(worth, default=0),
            "panels": panels,
        }

    def write_record(self, folder: Path, found: dict[str, Any]) -> None:
        """Write the figures and the recipes of all stages; what a recipe says of this machine is left out."""
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "figures.json", to_json(found))
        stages = {stage: self._stage(stage) for stage in lists.STAGES}
        for name, recipe in {**stages, **{_short(arm): recipe for arm, recipe in self.arms.items()}}.items():
            source = tuple(Path(text).name for text in recipe.corpus.source)
            plain = replace(recipe, tokenizer=replace(recipe.tokenizer, path=""))
            plain = replace(plain, corpus=replace(recipe.corpus, source=source))
            write_text(folder / f"{name}.toml", recipes.to_toml(plain))


def _short(arm: str) -> str:
    return arm.split()[0].strip(",")


def _at_rates(recipe: Recipe, stage: str) -> Recipe:
    rate, matrix_rate = RATES[stage]
    optimizer = replace(recipe.optimizer, learning_rate=rate, matrix_learning_rate=matrix_rate)
    return replace(recipe, optimizer=optimizer)


def _table(found: dict[str, Any]) -> str:
    lines = []
    for arm, record in found["arms"].items():
        lines.append(f"{arm}: horizon {record['horizon']} tokens")
        for panel, columns in record["panels"].items():
            for column, points in columns.items():
                told = "  ".join(
                    f"{p['condition']}: {p['value']:.3f} [{p['low']:.3f}, {p['high']:.3f}]" for p in points
                )
                lines.append(f"  {panel} {column}: {told}")
    return "\n".join(lines)


def _command() -> str:
    """Return the command without places of this machine, which mean nothing elsewhere."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "bench.long_stories", *words])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.long_stories", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of what they answered")
    parser.add_argument("--recipe", default="nano-long", help="of the first arm (default: nano-long)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1, help="of each training, and of asking")
    parser.add_argument("--at-once", type=int, default=cores(), help="trainings at a time (default: one a core)")
    parser.add_argument("--picture", type=Path, help="draw to this file")
    parser.add_argument("--record", type=Path, help="folder for the figures and both recipes")
    return parser


if __name__ == "__main__":
    main()
