"""Every command, a few lines each. What a command needs is imported when it runs, so that help answers at once."""

import os
import sys
from collections.abc import Sequence

import fabula
from fabula.cli.corpus import add_corpus
from fabula.cli.generate import add_generate
from fabula.cli.models import add_evaluate
from fabula.cli.parser import Parser, split_off_recipe_fields
from fabula.cli.serve import add_serve
from fabula.cli.study import add_export, add_study
from fabula.cli.training import add_train, add_unpack, add_verify
from fabula.errors import UserError
from fabula.terminal import say

USER_MISTAKE, INTERRUPTED = 2, 130
"""Exit statuses."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits 0 on success, 2 with one line on a user's mistake."""
    try:
        words, fields = split_off_recipe_fields(sys.argv[1:] if arguments is None else arguments)
        parsed = _parser().parse_args(words)
        if fields and not getattr(parsed, "takes_recipe_fields", False):
            raise UserError(
                f"unknown option --{next(iter(fields))}: only train and corpus build take a recipe's fields"
            )
        parsed.fields = fields
        parsed.run(parsed)
        sys.stdout.flush()
    except UserError as error:
        say(f"fabula: {error}")
        sys.exit(USER_MISTAKE)
    except KeyboardInterrupt:
        say("fabula: interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of our output (head, less) has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _parser() -> Parser:
    parser = Parser(
        prog="fabula",
        description="Train small storytelling language models and measure how storytelling emerges.",
        epilog="Begin with:  fabula train nano   and then:  fabula generate 'Once upon a time'",
    )
    parser.add_argument("--version", action="version", version=f"fabula {fabula.__version__}")
    # `prog` is said so that argparse needn't ask the help's formatter, which would import rich for every command.
    commands = parser.add_subparsers(prog="fabula", metavar="COMMAND", required=True, parser_class=Parser)
    for add in (
        add_corpus,
        add_train,
        add_evaluate,
        add_study,
        add_generate,
        add_serve,
        add_export,
        add_unpack,
        add_verify,
    ):
        add(commands)
    return parser
