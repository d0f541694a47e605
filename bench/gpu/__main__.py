"""What a GPU makes of training, in one command: `python -m bench.gpu [--corpus STORE] --out FOLDER [--minutes 9]`.

Checks on CUDA what the tests check on a CPU, measures the ceiling of bfloat16 products, and then `test-1` at its full
recipe: as `fabula train` runs it, watched for waits and profiled, beside the Trainer of `transformers`, one technique
after the other, and within the memory of smaller GPUs. Without a corpus it trains on random stories of real lengths.

What matters most comes first. `results.json` and `table.md` are written after each measurement, and the same command
goes on where it was ended; after `--minutes` nothing new is begun. `--dry-run` goes through everything on a CPU with a
tiny model, which takes two minutes and measures nothing.
"""

import argparse
import datetime
import json
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from bench.gpu import data
from bench.gpu.plan import WORK, Job, plan
from bench.gpu.process import Worker
from bench.gpu.settings import Settings
from bench.gpu.tables import markdown, results
from fabula import recipe as recipes
from fabula.files import write_text
from fabula.recipe import Recipe
from fabula.terminal import say

RESERVE = 20.0
"""Seconds before the end in which nothing new is begun."""
NEEDED = ("checks", "watched")
"""Parts that must not fail: the command's status says so."""
SMOKE = {
    "model": {"hidden": 32, "layers": 2, "heads": 2, "kv_heads": 2, "intermediate": 64, "context": 64},
    "train": {
        "tokens_per_step": 512,
        "micro_batch": 4,
        "device": "cpu",
        "compile": "off",
        "loss_chunk": 64,
        "threads": 1,
    },
}


def main() -> int:
    """Measure; returns 0, or 1 when a check failed or a step waited for the device."""
    options = parse()
    if not options.dry_run and not torch.cuda.is_available():
        raise SystemExit("no CUDA device here (--dry-run goes through everything on the CPU)")
    options.out.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as scratch:
        settings = prepare(options, Path(scratch))
        found = begun(options)
        measure(plan(options.parts, options.micro_batch, options.memory), settings, found, options.out, deadline)
    print(markdown(found))
    failed = [name for part in NEEDED for name, answer in found["parts"].get(part, {}).items() if "failed" in answer]
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data.add_options(parser)
    parts = [part for part in WORK if part not in ("machine", "race")]
    parser.add_argument("--out", type=Path, required=True, help="folder for results.json, table.md and worker.log")
    parser.add_argument("--minutes", type=float, default=9.0, help="after which nothing new is begun")
    parser.add_argument("--parts", nargs="+", choices=[*parts, "race"], default=parts)
    parser.add_argument("--steps", type=int, default=24, help="optimizer steps of each measurement, at most")
    parser.add_argument("--seconds", type=float, default=8.0, help="after which a rung of the ladder does no more")
    parser.add_argument("--micro-batch", type=int, default=16)
    parser.add_argument("--memory", type=float, nargs="*", default=[24.0, 12.0], help="GiB of smaller GPUs")
    parser.add_argument("--race-minutes", type=float, default=4.0, help="of training for each recipe of --parts race")
    parser.add_argument("--dry-run", action="store_true", help="everything on the CPU with a tiny model")
    options = parser.parse_args()
    options.out = options.out.resolve()
    return options


def prepare(options: argparse.Namespace, scratch: Path) -> Settings:
    """Open or make the corpus and write down the recipe to measure."""
    store = data.open_or_make(options.corpus, options.tokenizer, scratch / "store", options.dry_run)
    table: dict[str, Any] = {"corpus": {"source": [str(store.path)]}}
    recipe: Recipe = recipes.from_table(table | (SMOKE if options.dry_run else {}), recipes.load("test-1"))
    path = scratch / "recipe.toml"
    write_text(path, recipes.to_toml(recipe))
    return Settings(
        recipe=str(path),
        vocabulary=store.vocab_size,
        device="cpu" if options.dry_run else "cuda",
        smoke=options.dry_run,
        steps=options.steps,
        seconds=options.seconds,
        race_minutes=options.race_minutes,
    )


def begun(options: argparse.Namespace) -> dict[str, Any]:
    """Return what an earlier command has measured in this folder, or the frame for it."""
    path = options.out / "results.json"
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["smoke"] != options.dry_run:
            raise SystemExit(f"{path} is of another kind of run: choose another --out")
        return found
    return {
        "command": shlex.join(["python", "-m", "bench.gpu", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "corpus": ", ".join(Path(name).name for name in options.corpus) or "random stories",
        "smoke": options.dry_run,
        "parts": {},
        "not_reached": [],
    }


def measure(jobs: list[Job], settings: Settings, found: dict[str, Any], out: Path, deadline: float) -> None:
    """Do the jobs that are not done yet, and write down each answer as it comes."""
    worker = Worker(out / "worker.log")
    found["not_reached"] = []
    try:
        for job in jobs:
            if "result" in found["parts"].get(job.part, {}).get(job.name, {}):
                continue
            left = deadline - RESERVE - time.monotonic()
            if left <= 0:
                found["not_reached"].append(f"{job.part}, {job.name}")
                continue
            answer = perform(worker, job, settings, found, left)
            found["parts"].setdefault(job.part, {})[job.name] = answer
            write(found, out)
    finally:
        worker.close()
        write(found, out)


def perform(worker: Worker, job: Job, settings: Settings, found: dict[str, Any], left: float) -> dict[str, Any]:
    """Do a job and tell how it went."""
    say(f"{job.part}, {job.name} ...")
    started = time.monotonic()
    if job.part == "race":
        speeds = results(found, "product").values()
        if not speeds:
            return {"failed": "the race needs the product's speed: measure `product` first"}
        job.given["tokens_per_second"] = min(told["tokens_per_second"] for told in speeds)
    if job.part == "memory":
        job.given["largest"] = expected_micro_batch(found, job.given["gibibytes"])
    answer = worker.do(job, settings, min(job.limit, left))
    told = answer.get("failed") or headline(answer["result"])
    say(f"    {told} ({time.monotonic() - started:.0f} s)")
    return answer


def expected_micro_batch(found: dict[str, Any], gibibytes: float) -> int:
    """Return the largest micro-batch whose peak on the ladder is below a GPU's memory; 16 where none was measured."""
    rungs = results(found, "ladder").items()
    peaks = {told["micro_batch"]: told.get("peak_bytes", 0) for name, told in rungs if name.startswith("micro-batch")}
    return max((size for size, peak in peaks.items() if peak < gibibytes * 2**30), default=16)


def headline(result: dict[str, Any]) -> str:
    """Return a result's most telling number."""
    for key, unit in (
        ("tokens_per_second", "tokens/s"),
        ("flops_per_second", "FLOP/s"),
        ("bits_per_byte", "bits/byte"),
    ):
        if key in result:
            return f"{result[key]:,.6g} {unit}"
    return "done"


def write(found: dict[str, Any], out: Path) -> None:
    """Write both files, each of them whole or not at all."""
    write_text(out / "results.json", json.dumps(found, indent=1) + "\n")
    write_text(out / "table.md", markdown(found))


if __name__ == "__main__":
    sys.exit(main())
