"""What all commands share: the parser whose errors are one line, a recipe's fields as options, JSON or text out."""

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich_argparse import RawDescriptionRichHelpFormatter

from fabula import recipe as recipes
from fabula.errors import UserError, did_you_mean

RUNS = Path("runs")
MODEL_HELP = (
    "a checkpoint folder, a run (its last checkpoint), any Llama folder in the Hub's layout, a hub name, or "
    "`storyteller`, the model that comes with Fabula"
)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like all of Fabula's."""

    def __init__(self, **settings: Any) -> None:
        """Take ArgumentParser's settings; options can't be abbreviated."""
        settings.setdefault("formatter_class", RawDescriptionRichHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is."""
        raise UserError(f"{message} (see {self.prog} --help)")


def command(commands: Any, name: str, run: Callable[..., None], summary: str, **settings: Any) -> Parser:
    """Add a command that calls `run` with what was parsed."""
    parser: Parser = commands.add_parser(name, help=summary, description=summary, **settings)
    parser.set_defaults(run=run)
    return parser


def split_off_recipe_fields(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Take `--section.field VALUE` and `--section.field=VALUE` out of the arguments."""
    words: list[str] = []
    fields: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument[2:].partition("=")
        if not argument.startswith("--") or "." not in name:
            words.append(argument)
        elif name not in recipes.field_names():
            raise UserError(f"unknown option --{name}: {did_you_mean(name, recipes.field_names())}")
        else:
            given = value if equals else next(rest, None)
            if given is None:
                raise UserError(f"--{name} needs a value")
            fields[name] = given
    return words, fields


def fields_help(sections: Sequence[str]) -> str:
    """List the recipe's fields with their sentences."""
    lines = []
    for name, sentence in recipes.field_help().items():
        if name.partition(".")[0] in sections:
            lines += [f"  --{name}", f"      {sentence}"]
    return "\n".join(lines).replace("%", "%%").replace("[", "\\[")


def at_least(name: str, value: int, low: int) -> int:
    """Return a number from the command line, or say what it must be."""
    if value < low:
        raise UserError(f"{name} = {value} must be at least {low}")
    return value


def report(figures: dict[str, Any], as_json: bool, show: Callable[[], None]) -> None:
    """Print figures as one JSON object, or let `show` print them for a person."""
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        show()


def print_rich(renderable: Any) -> None:
    """Print a table."""
    from rich.console import Console

    with contextlib.suppress(BrokenPipeError):
        Console().print(renderable)


@contextlib.contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Turn a missing library into the line that says which extra brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "fabula":
            raise
        raise UserError(f"this needs the library {missing}: pip install 'fabula[{extra}]'") from None
