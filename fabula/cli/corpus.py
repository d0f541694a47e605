"""`fabula corpus`: token stores and the story world."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from fabula import recipe as recipes
from fabula.cli.parser import Parser, at_least, command, fields_help, print_rich, report


def add_corpus(commands: Any) -> None:
    """Declare `fabula corpus build`, `show` and `storyworld`."""
    corpus = commands.add_parser("corpus", help="build and look at token stores", description="Stories to tokens.")
    inner = corpus.add_subparsers(prog="fabula corpus", metavar="COMMAND", required=True, parser_class=Parser)
    build = command(
        inner,
        "build",
        corpus_build,
        "Read stories, tokenize them, write a token store.",
        epilog="Example:  fabula corpus build stories.txt --out store --tokenizer.vocab_size 4096\n\n"
        + fields_help(("corpus", "tokenizer")),
    )
    build.add_argument("source", nargs="+", help="storyworld, tinystories, tinystories-v2, or story files")
    build.add_argument("--out", type=Path, required=True, help="folder of the new store")
    build.add_argument("--validation", nargs="+", default=[], help="files of held-out stories")
    build.add_argument("--json", action="store_true", help="print the store's statistics as one JSON object")
    build.set_defaults(takes_recipe_fields=True)
    show = command(inner, "show", corpus_show, "Statistics of a token store: sizes, lengths, duplicates, packing.")
    show.add_argument("store", type=Path, help="folder of a token store")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    world = command(inner, "storyworld", corpus_storyworld, "Measure the built-in story world, or print its stories.")
    world.add_argument("--stories", type=int, default=20_000, help="how many to measure (default: %(default)s)")
    world.add_argument("--seed", type=int, default=0, help="the world's seed")
    world.add_argument("--show", type=int, metavar="N", help="print N stories instead of measuring")
    world.add_argument("--record", action="store_true", help="with --show: print each story's event record too")
    world.add_argument("--long", action="store_true", help="with --show: long ones, as corpus.long_share mixes in")
    world.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="processes that tell stories")
    world.add_argument("--json", action="store_true", help="print one JSON object")


def corpus_build(parsed: argparse.Namespace) -> None:
    """`fabula corpus build`."""
    from fabula.corpus.build import build

    recipe = recipes.from_table({"corpus": {"source": parsed.source, "validation": parsed.validation}})
    recipe = recipes.override(recipe, parsed.fields)
    _show_store(build(recipe.corpus, recipe.tokenizer, parsed.out), as_json=parsed.json)


def corpus_show(parsed: argparse.Namespace) -> None:
    """`fabula corpus show`."""
    from fabula.corpus.store import TokenStore

    _show_store(TokenStore.open(parsed.store), as_json=parsed.json)


def _show_store(store: Any, *, as_json: bool) -> None:
    from fabula.corpus import statistics

    description = statistics.describe(store)
    report(description, as_json, lambda: print_rich(statistics.table(description)))


def corpus_storyworld(parsed: argparse.Namespace) -> None:
    """`fabula corpus storyworld`."""
    from fabula.corpus.storyworld import measures, stories

    if parsed.show is not None:
        for story in stories(parsed.seed, 0, parsed.show, long_share=float(parsed.long)):
            print(story.text + "\n")
            if parsed.record:
                print(json.dumps(story.record.to_json(), indent=2) + "\n")
        return
    measured = measures.measure(parsed.seed, at_least("--stories", parsed.stories, 1), parsed.processes)
    report(measured.to_json(), parsed.json, lambda: print_rich(measures.table(measured)))
