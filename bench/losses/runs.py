"""Trainings in processes of their own, some at a time; one that is finished is never done again."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.losses.plan import Run
from fabula import recipe as recipes
from fabula.errors import UserError
from fabula.files import read_json, to_json, write_text
from fabula.terminal import progress, say
from fabula.training.run import RunFolder

ROOT = Path(__file__).resolve().parents[2]
WATCH = 1.0
"""Seconds between two looks at the runs in progress."""


@dataclass(frozen=True)
class Place:
    """Where runs are kept and how they are done."""

    out: Path
    threads: int
    """Of each training."""
    at_once: int
    """Trainings at a time."""
    held_out_stories: int
    """The first of them that a model is measured on."""

    def result_file(self, run: Run) -> Path:
        """Name the file that says that a run is finished, and how."""
        return self.out / run.folder / f"held-out-{self.held_out_stories}.json"

    def result(self, run: Run) -> dict[str, Any] | None:
        """Return what a finished run has to say, or None."""
        file = self.result_file(run)
        found: dict[str, Any] | None = read_json(file) if file.is_file() else None
        return found

    def share_done(self, run: Run) -> float:
        """Say how far a run is."""
        if self.result_file(run).is_file():
            return 1.0
        file = RunFolder(self.out / run.folder / "run").metrics_file
        lines = file.read_bytes().count(b"\n") if file.is_file() else 0
        return min(lines / run.recipe.train.steps, 1.0)


def do_all(runs: Sequence[Run], place: Place) -> list[str]:
    """Do what isn't finished yet; returns a line for each run that failed.

    Control-C lets the runs in progress save themselves: the same command continues them.
    """
    due = [run for run in runs if place.result(run) is None]
    work = {run: float(run.tokens) * _weights(run) for run in due}
    done = {run: place.share_done(run) for run in due}
    failed = []
    unit = max(sum(work.values()), 1.0)
    with (
        progress(
            f"{len(due)} trainings, {place.at_once} at once", 100 * (1 - _total(work, done) / unit), "%"
        ) as advance,
        ThreadPoolExecutor(place.at_once) as pool,
    ):
        futures = {pool.submit(_do, run, place): run for run in due}
        try:
            for finished in _watched(futures):
                before = _total(work, done)
                done = {run: place.share_done(run) for run in due}
                advance(max(0.0, 100 * (_total(work, done) - before) / unit))
                failed += [f"{futures[future].name}: {future.result()}" for future in finished if future.result()]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            say("stopping: runs in progress save themselves; the same command goes on from there")
            raise
    return failed


def _watched(futures: dict[Future[str], Run]) -> Iterator[set[Future[str]]]:
    """Yield what has finished since the last look, at least every `WATCH` seconds, until all has."""
    waiting = set(futures)
    while waiting:
        finished, waiting = wait(waiting, WATCH, FIRST_COMPLETED)
        yield finished


def _total(work: dict[Run, float], done: dict[Run, float]) -> float:
    return sum(amount * done[run] for run, amount in work.items())


def _weights(run: Run) -> int:
    """Return about how many weights a token is multiplied with; only the progress bar needs it."""
    model = run.recipe.model
    layer = 4 * model.hidden**2 + 3 * model.hidden * model.intermediate
    return model.layers * layer + model.hidden * run.recipe.tokenizer.vocab_size


def _do(run: Run, place: Place) -> str:
    """Train and measure; returns why it couldn't, or nothing."""
    folder = place.out / run.folder
    folder.mkdir(parents=True, exist_ok=True)
    recipe = folder / f"{run.name}.toml"
    write_text(recipe, recipes.to_toml(run.recipe))
    began = time.perf_counter()
    train = ["train", str(recipe), "--out", str(folder / "run"), "--train.threads", str(place.threads)]
    failed = _fabula(train, folder / "train.log", place.threads)
    trained = RunFolder(folder / "run").metrics()
    if failed or not trained or trained[-1]["step"] < run.recipe.train.steps:
        return failed or "was stopped"
    measured = folder / "evaluation.json"
    evaluate = ["evaluate", str(folder / "run"), "--json", "--stories", str(place.held_out_stories)]
    failed = _fabula(evaluate, folder / "evaluate.log", place.threads, measured)
    if failed:
        return failed
    result = {
        "name": run.name,
        "tokens": trained[-1]["tokens"],
        "training_seconds": trained[-1]["seconds"],
        "wall_seconds": time.perf_counter() - began,
        "threads": place.threads,
        "at_once": place.at_once,
        "evaluation": read_json(measured),
    }
    write_text(place.result_file(run), to_json(result))
    return ""


def _fabula(arguments: list[str], log: Path, threads: int, out: Path | None = None) -> str:
    """Run a `fabula` command; returns the last line that it said if it failed, or nothing."""
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    # Threads that spin while they wait would take the cores from the trainings beside them.
    environment = {**os.environ, **counts, "OMP_WAIT_POLICY": "PASSIVE"}
    with log.open("wb") as said, (out or Path(os.devnull)).open("wb") as answer:
        done = subprocess.run(
            [sys.executable, "-m", "fabula", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=answer,
            stderr=said,
            check=False,
        )
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "" if done.returncode == 0 else f"{(lines or ['no reason given'])[-1]} ({log})"


def best_choice(runs: Sequence[Run], place: Place) -> Run:
    """Return the run with the least held-out loss.

    Raises:
        UserError: one of them has no result.
    """
    losses = {}
    for run in runs:
        result = place.result(run)
        if result is None:
            raise UserError(f"{run.name} has no result to choose by")
        losses[run] = result["evaluation"]["nats_per_token"]
    return min(losses, key=lambda run: losses[run])
