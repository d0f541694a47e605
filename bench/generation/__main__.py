"""How fast stories are told, here and by others, on the same weights, prompts and threads.

Every contender loads the model into a process of its own and stays alive; then all take turns, round after round.
Each round: a story of 200 tokens after a prompt of 12, a prompt of 1,000 tokens, 8 stories side by side. All take the
most probable token, and end-of-text is a token like any other, so that everybody does the same work. A contender that
can't take part is listed with the reason.

The peers live in an environment of their own, which --peers names:

  python3 -m venv peers
  peers/bin/pip install torch openvino "optimum-intel[openvino]" nncf
  CMAKE_ARGS=-DGGML_NATIVE=ON peers/bin/pip install --no-binary llama-cpp-python llama-cpp-python

(A CPU build of torch is enough. llama-cpp-python is compiled on this machine, for this CPU; its ready-made packages
leave out newer instructions.)
`transformers` is taken from the environment that runs this.
"""

import argparse
import json
import shlex
import sys
import tempfile
from pathlib import Path

from bench.generation.contenders import PRECISIONS, contenders
from bench.generation.contest import Contest, Plan
from bench.generation.files import Forms, default_cache, random_model
from bench.generation.prompts import Prompts
from bench.generation.tables import agreement, markdown
from bench.machine import cores, describe
from bench.tables import paste
from fabula.errors import UserError
from fabula.files import to_json
from fabula.model.resolve import model_folder
from fabula.terminal import say


def main() -> None:
    """Compare and print."""
    parsed = _parser().parse_args()
    if parsed.render:
        found = json.loads(parsed.render.read_text(encoding="utf-8"))
    else:
        try:
            found = _measure(parsed)
        except UserError as error:
            raise SystemExit(f"bench: {error}") from None
    if parsed.json:
        parsed.json.write_text(to_json(found), encoding="utf-8")
    if parsed.markdown:
        paste(parsed.markdown, "generation", markdown(found))
    print(markdown(found))
    for line in agreement(found):
        print(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.generation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", help="a run (its last checkpoint), a Llama folder or a hub name")
    which.add_argument("--random", metavar="RECIPE", help="random weights of this recipe's shape: speed only")
    which.add_argument("--render", type=Path, metavar="JSON", help="measure nothing: print an earlier --json's tables")
    parser.add_argument(
        "--tokenizer", type=Path, help="--random: the tokenizer's file or folder (default: the recipe's)"
    )
    parser.add_argument("--peers", metavar="PYTHON", help="the interpreter of the peers' environment")
    parser.add_argument(
        "--draft", help="also tell with this draft: ngram, a file of corpus statistics, or a smaller model"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WORD", help="contenders with one of these in the name"
    )
    parser.add_argument("--precision", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    parser.add_argument("--threads", type=int, default=cores(), help="of every contender (default: all cores)")
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--new", type=int, default=Plan.new, help="tokens of a story")
    parser.add_argument("--stories", type=int, default=Plan.stories, help="told side by side")
    parser.add_argument("--stories-new", type=int, default=Plan.stories_new, help="tokens of each of those")
    parser.add_argument("--starts", type=int, default=Plan.starts, help="starts from scratch, import and load included")
    parser.add_argument(
        "--disturb", type=int, nargs="?", const=2, default=0, metavar="ROUNDS", help="also with one core kept busy"
    )
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where prepared models are kept")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--markdown", type=Path, help="put the tables into this document, between their marks")
    return parser


def _measure(parsed: argparse.Namespace) -> dict[str, object]:
    random = parsed.random and random_model(parsed.random, parsed.tokenizer, parsed.cache)
    folder = random or model_folder(parsed.model)
    forms = Forms(folder, parsed.cache, parsed.peers)
    plan = Plan(
        parsed.rounds,
        parsed.new,
        parsed.stories,
        parsed.stories_new,
        parsed.threads,
        parsed.starts,
        parsed.disturb,
    )
    entries = [
        entry
        for entry in contenders(parsed.draft)
        if entry.precision in parsed.precision
        and (not parsed.only or any(word.lower() in entry.name.lower() for word in parsed.only))
    ]
    if not entries:
        raise UserError("no contender of that name and precision")
    log = Path(tempfile.gettempdir()) / "fabula-bench.log"
    say(f"what the contenders print goes to {log}")
    contest = Contest(entries, forms, Prompts(folder, forms.context - 1), plan, log)
    try:
        contest.run()
    except KeyboardInterrupt:
        say("stopped; what was measured until now:")
    return {
        "machine": describe(),
        "model": f"{parsed.random}'s shape with random weights" if parsed.random else folder.name,
        "command": _command(),
        **contest.to_json(),
    }


def _command() -> str:
    """Return the command without places of this machine, which mean nothing elsewhere."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "bench.generation", *words])


if __name__ == "__main__":
    main()
