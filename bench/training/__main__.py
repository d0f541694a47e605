"""How fast models are trained, here and by others: the same shape, data, batch and threads.

Every contender trains in a process of its own, in the loop that its users run; the processes take turns, one step each,
round after round, all others asleep. A contender that can't take part is listed with the reason.

The peers are yours to get. `transformers` and `accelerate`, and `litgpt` if it is to take part, are packages:

  python3 -m venv peers
  peers/bin/pip install -e . transformers accelerate litgpt

(run from Fabula's folder: one environment, and one PyTorch, serve everybody; --python names it). nanoGPT and llama2.c
are repositories of Andrej Karpathy's: clone them and say where they are with --nanogpt and --llama2c; their model.py is
imported from there. A litgpt of which only a clone is at hand is named with --litgpt.

Sizes: nano, 7M, test-1, with another vocabulary nano-4k, nano-50k, 7M-50k ... (50k is GPT-2's tokenizer, --tokenizer).
"""

import argparse
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import cores, describe
from bench.tables import paste
from bench.training import data
from bench.training.contenders import ALLOCATORS, FEEDS, PRECISIONS, Contender, contenders
from bench.training.contest import Contest, Plan
from bench.training.sizes import find
from bench.training.tables import markdown
from fabula.errors import UserError
from fabula.files import read_json, to_json
from fabula.terminal import say


def main() -> None:
    """Compare and print."""
    parsed = _parser().parse_args()
    try:
        if parsed.list:
            print("\n".join(entry.name for entry in _chosen(parsed)))
            return
        measured = [read_json(path) for path in parsed.render] if parsed.render else [_measure(parsed)]
    except UserError as error:
        raise SystemExit(f"bench: {error}") from None
    if parsed.json and not parsed.render:
        parsed.json.write_text(to_json(measured[0]), encoding="utf-8")
    text = "\n".join(map(markdown, measured))
    if parsed.markdown:
        paste(parsed.markdown, "training", text)
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="nano", help="what is trained (default: nano)")
    parser.add_argument(
        "--render", type=Path, nargs="+", metavar="JSON", help="measure nothing: print earlier --json files' tables"
    )
    parser.add_argument("--corpus", nargs="+", default=[], help="files of stories (default: the built-in story world)")
    parser.add_argument("--tokenizer", type=Path, help="folder of GPT-2's tokenizer, for the 50k sizes")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the peers' packages")
    parser.add_argument("--nanogpt", type=Path, metavar="CLONE", help="nanoGPT's repository")
    parser.add_argument("--llama2c", type=Path, metavar="CLONE", help="llama2.c's repository")
    parser.add_argument("--litgpt", type=Path, metavar="CLONE", help="litgpt's repository, if it isn't installed")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WORDS", help="contenders with one of these in the name"
    )
    parser.add_argument("--without", nargs="+", default=[], metavar="WORDS", help="but none with one of these")
    parser.add_argument("--precision", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    parser.add_argument("--feed", nargs="+", default=list(FEEDS), choices=FEEDS)
    parser.add_argument(
        "--allocator",
        default="own",
        choices=ALLOCATORS,
        help="whether freed memory is kept: as each program has it (own), nowhere, everywhere, or each in both ways",
    )
    parser.add_argument("--windows", type=int, help="in a step's batch (default: the size's)")
    parser.add_argument("--threads", type=int, default=cores(), help="of every contender (default: all cores)")
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--steps", type=int, default=Plan.steps, help="of each turn")
    parser.add_argument("--warm-up", type=int, default=Plan.warm_up, help="steps before the first round")
    parser.add_argument("--starts", type=int, default=Plan.starts, help="starts with everything compiled before")
    parser.add_argument("--list", action="store_true", help="only list the contenders")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--markdown", type=Path, help="put the tables into this document, between their marks")
    return parser


def _measure(parsed: argparse.Namespace) -> dict[str, Any]:
    entries = _chosen(parsed)
    size = find(parsed.size, parsed.windows)
    plan = Plan(parsed.rounds, parsed.steps, parsed.warm_up, parsed.threads, parsed.starts)
    clones = {"nano_gpt": parsed.nanogpt, "llama2_c": parsed.llama2c, "lit_gpt": parsed.litgpt}
    places = {engine: str(path.resolve()) for engine, path in clones.items() if path}
    log = Path(tempfile.gettempdir()) / "fabula-contest.log"
    say(f"what the contenders print goes to {log}")
    with tempfile.TemporaryDirectory(prefix="fabula-contest-", ignore_cleanup_errors=True) as folder:
        found = data.prepare(size, parsed.corpus, parsed.tokenizer, Path(folder))
        contest = Contest(entries, size, found, plan, places, parsed.python, log)
        try:
            contest.run()
        except KeyboardInterrupt:
            say("stopped; what was measured until now:")
    return {
        "machine": describe(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "corpus": f"Stories of {', '.join(Path(name).name for name in parsed.corpus) or 'the built-in story world'}",
        "command": _command(),
        **contest.to_json(),
    }


def _chosen(parsed: argparse.Namespace) -> list[Contender]:
    entries = [
        entry
        for entry in contenders(parsed.allocator)
        if entry.precision in parsed.precision
        and entry.feed in parsed.feed
        and (not parsed.only or any(words.lower() in entry.name.lower() for words in parsed.only))
        and not any(words.lower() in entry.name.lower() for words in parsed.without)
    ]
    if not entries:
        raise UserError("no contender of that name, precision and feed")
    return entries


def _command() -> str:
    """Return the command without places of this machine, which mean nothing elsewhere."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "bench.training", *words])


if __name__ == "__main__":
    main()
