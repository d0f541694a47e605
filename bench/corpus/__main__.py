"""How fast stories become tokens on the disk, here and with `datasets.map`: reading, tokenizing and writing.

Every contender makes tokens of the same text with the same tokenizer.json, in a process of its own; they take turns,
round after round, and their tokens are compared. Fabula also looks for duplicates, holds stories out and hashes its
files. `datasets` reads with a generator, tokenizes with a fast tokenizer of `transformers` in `map(batched=True,
num_proc=cores)`, and writes one file of 16-bit tokens.

  pip install "fabula[fast]" datasets transformers

Without them the rest is measured. The text is a file of yours, or --synthetic makes one of so many MB from the story
world: --synthetic 2000 --only fast --rounds 1 shows how memory behaves.
"""

import argparse
import json
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.corpus import synthetic
from bench.corpus.contest import CONTENDERS, Contender, compare
from bench.corpus.tables import markdown
from bench.machine import cores, describe
from bench.tables import paste
from fabula.corpus.tokenizer import load
from fabula.errors import UserError
from fabula.files import to_json
from fabula.recipe import Tokenizer


def main() -> None:
    """Compare and print."""
    parsed = _parser().parse_args()
    if parsed.render:
        found = [json.loads(path.read_text(encoding="utf-8")) for path in parsed.render]
    else:
        try:
            found = [_measured(parsed)]
        except UserError as error:
            raise SystemExit(f"bench: {error}") from None
    if parsed.json and not parsed.render:
        parsed.json.write_text(to_json(found[0]), encoding="utf-8")
    text = "\n".join(map(markdown, found))
    if parsed.markdown:
        paste(parsed.markdown, "corpus", text)
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.corpus", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", type=Path, help="a file of stories")
    what.add_argument("--synthetic", type=int, metavar="MB", help="stories made up for the occasion, so many megabytes")
    what.add_argument("--render", type=Path, nargs="+", metavar="JSON", help="print earlier --json's tables again")
    parser.add_argument("--tokenizer", type=Path, help="GPT-2's folder, or a tokenizer.json (default: GPT-2's, loaded)")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WORD", help="contenders with one of these in the name"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where there is room for several times the text")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--markdown", type=Path, help="put the table into this document, between its marks")
    return parser


def _measured(parsed: argparse.Namespace) -> dict[str, Any]:
    chosen = [entry for entry in CONTENDERS if _wanted(entry, parsed.only)]
    if not chosen:
        raise UserError(f"no contender of that name; there are {', '.join(entry.name for entry in CONTENDERS)}")
    if parsed.text and not parsed.text.is_file():
        raise UserError(f"{parsed.text} does not exist")
    with tempfile.TemporaryDirectory(dir=parsed.folder) as folder:
        place = Path(folder)
        tokenizer = load(Tokenizer(kind="bpe", path=str(parsed.tokenizer or "")))
        tokenizer.save(str(place / "tokenizer.json"))
        text = parsed.text and parsed.text.resolve()
        if not text:
            text = place / "stories.txt"
            synthetic.write(text, parsed.synthetic * 10**6)
        records = compare(chosen, text, place / "tokenizer.json", place, parsed.rounds, cores())
        return {
            "machine": describe(),
            "text": parsed.text.name if parsed.text else "synthetic",
            "bytes": text.stat().st_size,
            "vocabulary": tokenizer.get_vocab_size(),
            "rounds": parsed.rounds,
            "command": _command(),
            "contenders": [vars(record) for record in records],
        }


def _wanted(entry: Contender, words: list[str]) -> bool:
    return not words or any(word.lower() in entry.name.lower() for word in words)


def _command() -> str:
    """Return the command without places of this machine, which mean nothing elsewhere."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "bench.corpus", *words])


if __name__ == "__main__":
    main()
