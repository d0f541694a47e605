"""Measure how training's speed and memory grow with width, depth, context, vocabulary and micro-batch, on this machine.

Real steps of the real Trainer on made-up stories, one factor at a time around a centre, every point in a process of its
own; the rounds go over all points in another order each, so that the machine's drift doesn't look like growth. Points
whose steps disagree are measured again, and a point counts by the lower quartile of its steps: other programs only slow
it down. The times are fitted by what each step has to do, the fit is judged on points that it hasn't seen, and
`fabula train --estimate` is checked against two runs.

  python -m bench.growth --json growth.json --picture docs/growth.png --markdown docs/performance.md  (15 minutes)
  python -m bench.growth --quick                                                                        (3 minutes)
"""

import argparse
import json
import os
import random
import shlex
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.growth.check import check
from bench.growth.fit import fit_memory, fit_seconds
from bench.growth.picture import draw
from bench.growth.points import AXES, Point, measure, quick
from bench.growth.summary import disturbed, summary
from bench.growth.tables import markdown
from bench.machine import cores, describe
from bench.tables import paste
from fabula.files import to_json
from fabula.terminal import progress

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Measure, fit, check, draw and print."""
    parsed = _parser().parse_args()
    if parsed.point:
        print(json.dumps(measure(Point(**json.loads(parsed.point)), parsed.steps, parsed.precision, parsed.threads)))
        return
    found = json.loads(parsed.render.read_text(encoding="utf-8")) if parsed.render else _measured(parsed)
    if parsed.json:
        parsed.json.write_text(to_json(found), encoding="utf-8")
    if parsed.picture:
        draw(found, parsed.picture)
    text = markdown(found)
    if parsed.markdown:
        paste(parsed.markdown, "growth", text)
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer points, one round, shorter runs to check")
    parser.add_argument("--rounds", type=int, help="times that each point is measured (default: 2)")
    parser.add_argument("--again", type=int, default=4, help="times that a disturbed point is measured besides")
    parser.add_argument("--steps", type=int, default=3, help="counted steps of each process")
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=cores(), help="of every process (default: all cores)")
    parser.add_argument("--no-check", action="store_true", help="leave out the check of --estimate")
    parser.add_argument("--json", type=Path, help="write everything that was measured, and the fitted constants")
    parser.add_argument("--picture", type=Path, help="draw it")
    parser.add_argument("--markdown", type=Path, help="put the tables between this document's growth marks")
    parser.add_argument("--render", type=Path, metavar="JSON", help="measure nothing: show an earlier --json")
    parser.add_argument("--point", help=argparse.SUPPRESS)
    return parser


def _measured(parsed: argparse.Namespace) -> dict[str, Any]:
    axes = quick(AXES) if parsed.quick else AXES
    rounds = parsed.rounds or (1 if parsed.quick else 2)
    precision = parsed.precision if parsed.precision != "auto" else _precision()
    points = list(dict.fromkeys(point for points in axes.values() for point in points))
    measurements: dict[Point, list[dict[str, Any]]] = {point: [] for point in points}
    with progress("measuring growth", total=rounds * len(points), unit="points") as advance:
        for number in range(rounds + parsed.again):
            due = [point for point in points if number < rounds or disturbed(measurements[point])]
            for point in random.Random(number).sample(due, len(due)):
                measurements[point].append(_in_a_process(point, parsed.steps, precision, parsed.threads))
                advance(1)
    records = [summary(point, measurements[point]) for point in points]
    seconds, memory = fit_seconds(records), fit_memory(records)
    return {
        "machine": describe(),
        "command": shlex.join(["python", "-m", "bench.growth", *sys.argv[1:]]),
        "precision": precision,
        "threads": parsed.threads,
        "rounds": rounds,
        "again": parsed.again,
        "steps": parsed.steps,
        "axes": {name: [points.index(point) for point in of] for name, of in axes.items()},
        "points": records,
        "seconds": asdict(seconds),
        "memory": asdict(memory),
        "check": [] if parsed.no_check else check(seconds, rounds, precision, parsed.threads, quick=parsed.quick),
    }


def _precision() -> str:
    from fabula import recipe as recipes
    from fabula.training import machine
    from fabula.training.processes import processes

    device = machine.choose_device(recipes.Train(), processes())
    return machine.choose_precision(device, processes())


def _in_a_process(point: Point, steps: int, precision: str, threads: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.growth", "--point", json.dumps(asdict(point))]
    command += ["--steps", str(steps), "--precision", precision, "--threads", str(threads)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{point} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    main()
