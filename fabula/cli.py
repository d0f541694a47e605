"""Every command, a few lines each. What a command needs is imported when it runs, so that help answers at once."""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from rich_argparse import RawDescriptionRichHelpFormatter

import fabula
from fabula import recipe as recipes
from fabula.errors import UserError, did_you_mean
from fabula.terminal import say

RUNS = Path("runs")
MODEL_HELP = "a checkpoint folder, a run (its last checkpoint), any Llama folder in the Hub's layout, or a hub name"
USER_MISTAKE, INTERRUPTED = 2, 130
"""Exit statuses."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like all of Fabula's."""

    def __init__(self, **settings: Any) -> None:
        """Take ArgumentParser's settings; options can't be abbreviated."""
        settings.setdefault("formatter_class", RawDescriptionRichHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is."""
        raise UserError(f"{message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits 0 on success, 2 with one line on a user's mistake."""
    try:
        words, fields = _split_off_recipe_fields(sys.argv[1:] if arguments is None else arguments)
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
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for add in (_add_corpus, _add_train, _add_evaluate, _add_generate, _add_verify):
        add(commands)
    return parser


def _command(commands: Any, name: str, run: Callable[..., None], summary: str, **settings: Any) -> Parser:
    parser: Parser = commands.add_parser(name, help=summary, description=summary, **settings)
    parser.set_defaults(run=run)
    return parser


# corpus


def _add_corpus(commands: Any) -> None:
    corpus = commands.add_parser("corpus", help="build and look at token stores", description="Stories to tokens.")
    inner = corpus.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    build = _command(
        inner,
        "build",
        corpus_build,
        "Read stories, tokenize them, write a token store.",
        epilog="Example:  fabula corpus build stories.txt --out store --tokenizer.vocab_size 4096\n\n"
        + _fields_help(("corpus", "tokenizer")),
    )
    build.add_argument("source", nargs="+", help="storyworld, tinystories, tinystories-v2, or story files")
    build.add_argument("--out", type=Path, required=True, help="folder of the new store")
    build.add_argument("--validation", nargs="+", default=[], help="files of held-out stories")
    build.add_argument("--json", action="store_true", help="print the store's statistics as one JSON object")
    build.set_defaults(takes_recipe_fields=True)
    show = _command(inner, "show", corpus_show, "Statistics of a token store: sizes, lengths, duplicates, packing.")
    show.add_argument("store", type=Path, help="folder of a token store")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    world = _command(inner, "storyworld", corpus_storyworld, "Measure the built-in story world, or print its stories.")
    world.add_argument("--stories", type=int, default=20_000, help="how many to measure (default: %(default)s)")
    world.add_argument("--seed", type=int, default=0, help="the world's seed")
    world.add_argument("--show", type=int, metavar="N", help="print N stories instead of measuring")
    world.add_argument("--record", action="store_true", help="with --show: print each story's event record too")
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
    _report(description, as_json, lambda: _print_rich(statistics.table(description)))


def corpus_storyworld(parsed: argparse.Namespace) -> None:
    """`fabula corpus storyworld`."""
    from fabula.corpus.storyworld import measures, stories

    if parsed.show is not None:
        for story in stories(parsed.seed, 0, parsed.show):
            print(story.text + "\n")
            if parsed.record:
                print(json.dumps(story.record.to_json(), indent=2) + "\n")
        return
    measured = measures.measure(parsed.seed, _at_least("--stories", parsed.stories, 1), parsed.processes)
    _report(measured.to_json(), parsed.json, lambda: _print_rich(measures.table(measured)))


# train


def _add_train(commands: Any) -> None:
    train = _command(
        commands,
        "train",
        train_recipe,
        "Train a recipe and leave a series of checkpoints; continue by itself where a run was left.",
        epilog=f"Shipped recipes: {', '.join(recipes.shipped_recipes())}\n"
        "On many GPUs:    torchrun --nproc-per-node 8 -m fabula train test-1\n\n"
        "Every field of the recipe is an option (--section.field VALUE; lists with commas):\n\n"
        + _fields_help(tuple(recipes.SECTIONS)),
    )
    train.add_argument("recipe", help="a shipped recipe's name, or a TOML file")
    train.add_argument("--out", type=Path, help="folder of the run (default: runs/RECIPE)")
    train.add_argument("--corpus", nargs="+", help="the same as --corpus.source: a name, a token store, or files")
    train.set_defaults(takes_recipe_fields=True)


def train_recipe(parsed: argparse.Namespace) -> None:
    """`fabula train`."""
    recipe = recipes.load(parsed.recipe)
    if parsed.corpus:
        recipe = recipes.from_table({"corpus": {"source": parsed.corpus, "stories": 0}}, recipe)
    recipe = recipes.override(recipe, parsed.fields)
    name = Path(parsed.recipe).stem if parsed.recipe.endswith(".toml") else parsed.recipe
    from fabula.training.loop import train

    train(recipe, parsed.out or RUNS / name, name)


# evaluate, generate, verify


def _add_evaluate(commands: Any) -> None:
    evaluate = _command(
        commands,
        "evaluate",
        evaluate_model,
        "The pinned held-out loss: nats per token, bits per byte, intervals.",
    )
    evaluate.add_argument("model", help=MODEL_HELP)
    evaluate.add_argument(
        "--corpus", nargs="+", help="a token store (its held-out split) or story files (default: a run's own store)"
    )
    evaluate.add_argument("--stories", type=int, help="only the first N held-out stories (default: all)")
    evaluate.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"], help="where to compute")
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")


def evaluate_model(parsed: argparse.Namespace) -> None:
    """`fabula evaluate`."""
    from fabula.model.resolve import choose_device, model_folder
    from fabula.study.evaluate import evaluate
    from fabula.training.run import training_store

    folder = model_folder(parsed.model)
    learned_from = training_store(folder)
    corpus = [Path(name) for name in parsed.corpus or [learned_from] if name]
    if not corpus:
        raise UserError(f"{folder} has no record of its corpus here: name one with --corpus")
    limit = None if parsed.stories is None else _at_least("--stories", parsed.stories, 1)
    device = choose_device(parsed.device)
    evaluation = evaluate(folder, corpus, training_store=learned_from, limit=limit, device=device)
    _report(evaluation.to_json(), parsed.json, lambda: print(evaluation.summary()))


def _add_generate(commands: Any) -> None:
    generate = _command(commands, "generate", generate_stories, "Tell a story, word by word.")
    generate.add_argument("prompt", nargs="?", default="", help="how the story begins (default: nothing)")
    generate.add_argument("--model", help=f"{MODEL_HELP} (default: the newest run under {RUNS}/)")
    generate.add_argument("--n", type=int, default=1, help="how many stories")
    generate.add_argument("--temperature", type=float, default=0.7, help="0: always the likeliest token")
    generate.add_argument("--top-p", type=float, default=0.9, help="keep the likeliest tokens that sum to this")
    generate.add_argument("--top-k", type=int, default=0, help="keep this many likeliest tokens; 0: all")
    generate.add_argument("--min-p", type=float, default=0.0, help="drop tokens below this share of the likeliest")
    generate.add_argument("--repetition-penalty", type=float, default=1.1, help="above 1: repeat less")
    generate.add_argument("--max-new-tokens", type=int, default=512, help="longest story, in tokens")
    generate.add_argument("--seed", type=int, default=0, help="the same seed tells the same story")
    generate.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"], help="where to compute")
    generate.add_argument("--json", action="store_true", help="print one JSON object")


def generate_stories(parsed: argparse.Namespace) -> None:
    """`fabula generate`."""
    from fabula.model.resolve import choose_device, model_folder, newest_run

    folder = model_folder(parsed.model or str(newest_run(RUNS)))
    from fabula.generation import Sampling, Storyteller

    sampling = Sampling(
        temperature=parsed.temperature,
        top_p=parsed.top_p,
        top_k=parsed.top_k,
        min_p=parsed.min_p,
        repetition_penalty=parsed.repetition_penalty,
        max_new_tokens=parsed.max_new_tokens,
        seed=parsed.seed,
    )
    storyteller = Storyteller.load(folder, choose_device(parsed.device))
    if parsed.n == 1 and not parsed.json:
        _stream_story(storyteller, parsed.prompt, sampling)
        return
    tellings = storyteller.tell(parsed.prompt, sampling, parsed.n)
    if parsed.json:
        print(json.dumps({"model": str(folder), "stories": [asdict(telling) for telling in tellings]}, indent=2))
        return
    for telling in tellings:
        print(f"{telling.prompt}{telling.text}\n")
        say(f"[seed {telling.seed}: {telling.tokens} tokens, {telling.tokens_per_second:.0f}/s, {telling.stop_reason}]")


def _stream_story(storyteller: Any, prompt: str, sampling: Any) -> None:
    pieces = storyteller.stream(prompt, sampling)
    print(prompt, end="", flush=True)
    started = time.perf_counter()
    for piece in pieces:
        print(piece.text, end="", flush=True)
    print()
    say(f"[{piece.tokens} tokens, {piece.tokens / (time.perf_counter() - started):.0f}/s, {piece.stop_reason}]")


def _add_verify(commands: Any) -> None:
    verify = _command(commands, "verify", verify_series, "Check the hashes, distinctness and loadability of a series.")
    verify.add_argument("path", type=Path, help="a run, a checkpoint folder, or a token store")
    verify.add_argument("--json", action="store_true", help="print one JSON object")


def verify_series(parsed: argparse.Namespace) -> None:
    """`fabula verify`."""
    from fabula.training.verify import verify

    result = verify(parsed.path)
    _report(result.to_json(), parsed.json, lambda: print(result.summary()))
    if result.problems:
        raise UserError(f"{parsed.path}: {len(result.problems)} problems, the first: {result.problems[0]}")


# shared


def _split_off_recipe_fields(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
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


def _fields_help(sections: Sequence[str]) -> str:
    """List the recipe's fields with their sentences."""
    lines = []
    for name, sentence in recipes.field_help().items():
        if name.partition(".")[0] in sections:
            lines += [f"  --{name}", f"      {sentence}"]
    return "\n".join(lines).replace("%", "%%").replace("[", "\\[")


def _at_least(name: str, value: int, low: int) -> int:
    if value < low:
        raise UserError(f"{name} = {value} must be at least {low}")
    return value


def _report(figures: dict[str, Any], as_json: bool, show: Callable[[], None]) -> None:
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        show()


def _print_rich(renderable: Any) -> None:
    from rich.console import Console

    with contextlib.suppress(BrokenPipeError):
        Console().print(renderable)
