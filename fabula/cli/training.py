"""`fabula train`, `fabula verify` and `fabula unpack`: a series of checkpoints, made, checked and made again."""

import argparse
from pathlib import Path
from typing import Any

from fabula import recipe as recipes
from fabula.cli.estimate import add_estimate, check_options, show_estimate
from fabula.cli.parser import RUNS, command, fields_help, report
from fabula.errors import UserError
from fabula.terminal import say


def add_train(commands: Any) -> None:
    """Declare `fabula train`."""
    train = command(
        commands,
        "train",
        train_recipe,
        "Train a recipe and leave a series of checkpoints; continue by itself where a run was left.",
        epilog=f"Shipped recipes: {', '.join(recipes.shipped_recipes())}\n"
        "Before it:       fabula train test-1 --estimate\n"
        "On many GPUs:    torchrun --nproc-per-node 8 -m fabula train test-1\n\n"
        "Every field of the recipe is an option (--section.field VALUE; lists with commas):\n\n"
        + fields_help(tuple(recipes.SECTIONS)),
    )
    train.add_argument("recipe", help="a shipped recipe's name, or a TOML file")
    train.add_argument("--out", type=Path, help="folder of the run (default: runs/RECIPE)")
    train.add_argument("--corpus", nargs="+", help="the same as --corpus.source: a name, a token store, or files")
    add_estimate(train)
    train.set_defaults(takes_recipe_fields=True)


def train_recipe(parsed: argparse.Namespace) -> None:
    """`fabula train`."""
    recipe = recipes.load(parsed.recipe)
    if parsed.corpus:
        recipe = recipes.from_table({"corpus": {"source": parsed.corpus, "stories": 0}}, recipe)
    recipe = recipes.override(recipe, parsed.fields)
    name = Path(parsed.recipe).stem if parsed.recipe.endswith(".toml") else parsed.recipe
    if parsed.estimate:
        show_estimate(parsed, recipe, name)
        return
    check_options(parsed)
    from fabula.training.loop import train

    train(recipe, parsed.out or RUNS / name, name)


def add_verify(commands: Any) -> None:
    """Declare `fabula verify`."""
    verify = command(commands, "verify", verify_series, "Check the hashes, distinctness and loadability of a series.")
    verify.add_argument("path", type=Path, help="a run, a checkpoint folder, or a token store")
    verify.add_argument("--json", action="store_true", help="print one JSON object")


def verify_series(parsed: argparse.Namespace) -> None:
    """`fabula verify`."""
    from fabula.training.verify import verify

    result = verify(parsed.path)
    report(result.to_json(), parsed.json, lambda: print(result.summary()))
    if result.problems:
        raise UserError(f"{parsed.path}: {len(result.problems)} problems, the first: {result.problems[0]}")


def add_unpack(commands: Any) -> None:
    """Declare `fabula unpack`."""
    unpack = command(
        commands,
        "unpack",
        unpack_series,
        "Make a packed series (`fabula export RUN --to series`) into a run again, to study, compare or tell from.",
        epilog="Example:  fabula unpack models/series --out runs/series",
    )
    unpack.add_argument("path", type=Path, metavar="SERIES", help="a folder with series.json")
    unpack.add_argument("--out", type=Path, help=f"folder of the run (default: {RUNS}/ and the series' name)")


def unpack_series(parsed: argparse.Namespace) -> None:
    """`fabula unpack`."""
    from fabula.training.packed import unpack

    say(f"written: {unpack(parsed.path, parsed.out or RUNS / parsed.path.resolve().name)}")
