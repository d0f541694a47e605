"""Drive a studio with many clients at once, with clients that leave, and with requests that nobody should send.

The studio is started here (`fabula serve RUN`), or runs already (`--url`, with `--token` where it asks for one). Ends
with status 1 when anything went wrong: an error that is no 429, an accepted story that didn't come to its end, a story
that goes on after its client left, an attack that wasn't refused.

  python -m bench.studio models/series --json studio.json --markdown docs/performance.md   (4 minutes)
  python -m bench.studio models/series --seconds 5 --rounds 1 --no-loris                   (20 seconds)
"""

import argparse
import asyncio
import os
import shlex
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import fabula
from bench.machine import describe
from bench.studio.attacks import attack, loris
from bench.studio.load import leave, load
from bench.studio.server import first_model, served
from bench.studio.tables import markdown, quantiles
from bench.tables import paste
from fabula.files import read_json, to_json


def main() -> None:
    """Drive, print, and judge."""
    parsed = _parser().parse_args()
    if parsed.render:
        found = read_json(parsed.render)
    elif (parsed.run is None) == (parsed.url is None):
        raise SystemExit("either a RUN to serve, or the --url of a studio that runs")
    else:
        found = asyncio.run(_driven(parsed))
    if parsed.json:
        parsed.json.write_text(to_json(found), encoding="utf-8")
    text = markdown(found)
    if parsed.markdown:
        paste(parsed.markdown, "studio", text)
    print(text)
    faults = _faults(found)
    if faults:
        raise SystemExit("\n".join(faults))


async def _driven(parsed: argparse.Namespace) -> dict[str, Any]:
    others = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    log = Path(tempfile.gettempdir()) / "fabula-bench-studio.log"
    async with served(parsed.run, parsed.url, parsed.token, parsed.threads, log) as address:
        model = parsed.model or await first_model(address)
        await load(address, model, 1, 0.5)  # loads the model
        driven = await load(address, model, parsed.clients, parsed.seconds)
        leaving = await leave(address, model, parsed.leavers, parsed.rounds)
        tried = await attack(address, model)
        slow = None if parsed.no_loris else await loris(address)
        again = await load(address, model, 4, 1.0)
    values = asdict(driven)
    values |= {"first_quantiles": quantiles(driven.first), "gap_quantiles": quantiles(driven.gaps)}
    del values["first"], values["gaps"]
    return {
        "machine": describe(),
        "others": others,
        "date": time.strftime("%Y-%m-%d"),
        "fabula": fabula.__version__,
        "command": shlex.join(["python", "-m", "bench.studio", *map(_without_folders, sys.argv[1:])]),
        "model": model,
        "load": values,
        "leaving": asdict(leaving),
        "attacks": [asdict(one) for one in tried],
        "loris": asdict(slow) if slow else None,
        "afterwards": {"completed": again.completed, "faults": dict(again.faults)},
    }


def _without_folders(argument: str) -> str:
    """Return an argument as anybody may see it: of a path of this machine its name."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def _faults(found: dict[str, Any]) -> list[str]:
    """Say what went wrong."""
    load, leaving, slow = found["load"], found["leaving"], found["loris"]
    faults = [f"{count} x {fault}" for fault, count in load["faults"].items()]
    if load["completed"] < load["accepted"]:
        faults.append(f"{load['accepted'] - load['completed']} accepted stories didn't come to their end")
    if leaving["open"]:
        faults.append(f"{leaving['open']} stories go on after their clients have left")
    faults += [
        f"{one['name']}: answered {one['answer']}" + ("" if one["alive"] else ", and the studio no longer answers")
        for one in found["attacks"]
        if not (one["right"] and one["alive"])
    ]
    if slow and slow["closed"] < slow["clients"]:
        faults.append(f"{slow['clients'] - slow['closed']} slow clients were not cut off")
    if found["afterwards"]["faults"] or not found["afterwards"]["completed"]:
        faults.append(f"no stories afterwards: {found['afterwards']['faults']}")
    return faults


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.studio", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="a run, a packed series or a model to serve")
    parser.add_argument("--url", help="a studio that runs already")
    parser.add_argument("--token", default="", help="its token")
    parser.add_argument("--model", help="which model is asked (default: the last that is listed)")
    parser.add_argument("--threads", type=int, default=0, help="of the studio started here (default: as it likes)")
    parser.add_argument("--clients", type=int, default=64, help="clients at once (default: 64)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they ask (default: 60)")
    parser.add_argument("--leavers", type=int, default=200, help="clients that vanish (default: 200)")
    parser.add_argument("--rounds", type=int, default=5, help="times that they do (default: 5)")
    parser.add_argument("--no-loris", action="store_true", help="leave out the slow clients, who take a minute")
    parser.add_argument("--json", type=Path, help="write everything there")
    parser.add_argument("--render", type=Path, metavar="JSON", help="drive nothing: show what --json wrote")
    parser.add_argument("--markdown", type=Path, help="put the tables between the marks of this document")
    return parser


if __name__ == "__main__":
    main()
