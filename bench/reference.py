"""The reference recipe as far as a machine and some minutes allow, brought back as records: curves, losses, stories.

`python -m bench.reference --out records --minutes 9 --corpus train.txt --validation validation.txt` trains `test-1` (or
another --recipe) until the minutes are over, stops it as a signal does, measures the checkpoints that there are, and
writes to --out all but the weights: recipe, record, metrics, held-out losses, stories, curves.png, and how far it went.
The same command goes on where the last one stopped; a run that is complete is only measured. `--corpus storyworld
--corpus.stories 1500000` trains on more than 300 M fresh tokens of the story world; options of the form
--section.field VALUE change the recipe, as in `fabula train`.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from fabula import recipe as recipes
from fabula.errors import UserError
from fabula.files import read_json, to_json, write_text
from fabula.model.record import checkpoints, read_record
from fabula.terminal import say
from fabula.training.run import RunFolder

SHARE_FOR_TRAINING = 0.8
"""Of the minutes; the rest measures what was trained."""
PROMPT = "Once upon a time, a boy found a silver key."
STORIES_AT = 8
"""Checkpoints that tell a story: the last ones, and others between the first and them."""


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="test-1")
    parser.add_argument("--corpus", nargs="+", required=True, help="as in `fabula train`")
    parser.add_argument("--validation", type=Path, help="held-out stories, when the corpus is files")
    parser.add_argument("--run", type=Path, help="folder of the run, kept between calls (default: runs/RECIPE)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the records")
    parser.add_argument("--minutes", type=float, default=9, help="for everything")
    parser.add_argument("--stories", type=int, default=500, help="held-out stories to measure each checkpoint on")
    arguments, changes = parser.parse_known_args()
    run = arguments.run or Path("runs") / Path(arguments.recipe).stem
    ends = time.monotonic() + 60 * arguments.minutes
    try:
        train(arguments, changes, run, time.monotonic() + 60 * arguments.minutes * SHARE_FOR_TRAINING)
        losses = measure(run, arguments.stories, ends)
        write_records(run, arguments.out, losses)
    except UserError as error:
        raise SystemExit(f"bench: {error}") from None


def train(arguments: argparse.Namespace, changes: list[str], run: Path, until: float) -> None:
    """Train, or go on training, until a time; the run is then saved where it stands."""
    command = ["train", arguments.recipe, "--corpus", *arguments.corpus, "--out", str(run), *changes]
    if arguments.validation:
        command += ["--corpus.validation", str(arguments.validation)]
    process = subprocess.Popen([sys.executable, "-m", "fabula", *command])
    try:
        process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
    if process.wait():
        raise UserError(f"fabula train ended with {process.returncode}")


def measure(run: Path, stories: int, ends: float) -> dict[str, Any]:
    """Return the held-out loss of every checkpoint, the last first, as long as there is time; what is known is kept."""
    file = run / "losses.json"
    known: dict[str, Any] = read_json(file) if file.is_file() else {}
    for folder in reversed(checkpoints(run / "checkpoints")):
        name = f"{read_record(folder).step}"
        if name not in known and time.monotonic() < ends:
            known[name] = json.loads(_fabula("evaluate", str(folder), "--stories", str(stories), "--json"))
            write_text(file, to_json(known))
    return dict(sorted(known.items(), key=lambda entry: int(entry[0])))


def _fabula(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "fabula", *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise UserError(f"fabula {words[0]} ended with {done.returncode}")
    return done.stdout


def write_records(run: Path, out: Path, losses: dict[str, Any]) -> None:
    """Write everything but the weights, with no path of this machine in it."""
    folder = RunFolder(run)
    recipe, metrics = folder.recipe(), folder.metrics()
    if recipe is None or not metrics:
        raise UserError(f"{run} has not begun: give it more minutes")
    out.mkdir(parents=True, exist_ok=True)
    shown = {name: [Path(file).name for file in getattr(recipe.corpus, name)] for name in ("source", "validation")}
    write_text(out / "recipe.toml", recipes.to_toml(recipes.from_table({"corpus": shown}, recipe)))
    write_text(out / "metrics.jsonl", "".join(json.dumps(entry) + "\n" for entry in metrics))
    record = read_json(run / "run.json")
    last = metrics[-1]
    reached = {
        "steps": last["step"],
        "of": recipe.train.steps,
        "tokens": last["tokens"],
        "seconds_of_training": last["seconds"],
        "complete": last["step"] == recipe.train.steps,
    }
    kept = {name: record[name] for name in ("versions", "machine", "commit")}
    write_text(out / "run.json", to_json({**kept, "corpus": record["corpus"]["hash"], "reached": reached}))
    figures = {step: {key: value for key, value in one.items() if key not in PLACES} for step, one in losses.items()}
    write_text(out / "losses.json", to_json(figures))
    write_text(out / "stories.md", _stories(run))
    _draw(metrics, figures, out / "curves.png", f"{out.name}: {last['step']:,} of {recipe.train.steps:,} steps")
    say(f"written: {out} (step {last['step']:,} of {recipe.train.steps:,})")


PLACES = ("model", "corpus")
"""Fields of an evaluation that name folders."""


def _stories(run: Path) -> str:
    folders = checkpoints(run / "checkpoints")
    every = max(1, len(folders) // STORIES_AT)
    lines = [f"# What checkpoints write after “{PROMPT}”", "", "Defaults of `fabula generate`, seed 0, unedited."]
    for folder in folders[::-1][::every][::-1]:
        told = json.loads(_fabula("generate", PROMPT, "--model", str(folder), "--json"))["stories"][0]
        lines += ["", f"## Step {read_record(folder).step:,}", "", f"{PROMPT}{told['text']}"]
    return "\n".join(lines) + "\n"


def _draw(metrics: list[dict[str, Any]], losses: dict[str, Any], file: Path, title: str) -> None:
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.plot([m["step"] for m in metrics], [m["loss"] for m in metrics], lw=0.6, label="training (each step's batch)")
    steps = [int(step) for step in losses]
    values = [one["nats_per_token"] for one in losses.values()]
    spans = [one["nats_per_token_interval"] or [value] * 2 for one, value in zip(losses.values(), values, strict=True)]
    errors = [[v - low for v, (low, _) in zip(values, spans, strict=True)],
              [high - v for v, (_, high) in zip(values, spans, strict=True)]]  # fmt: skip
    axes.errorbar(steps, values, errors, fmt="o-", ms=3, capsize=2, label="held out, 95 % interval")
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("nats per token")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend()
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
