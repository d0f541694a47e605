"""`fabula generate`: stories from one model."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

from fabula.cli.parser import MODEL_HELP, RUNS, at_least, command
from fabula.errors import UserError
from fabula.fields import sentences
from fabula.generation.sampling import HUB_NAMES, Sampling
from fabula.terminal import say

if TYPE_CHECKING:
    from fabula.cli.told import Told
    from fabula.generation.story import Request
    from fabula.generation.storyteller import Storyteller
    from fabula.generation.writing.best import Scored

EXAMPLES = """Examples:
  fabula generate "Once upon a time, a boy found a silver key."
  fabula generate "Tom was sad." --n 5 --temperature 1          five stories, and how they differ
  fabula generate "Tom was sad." --seed 3                       the fourth of them again
  fabula generate "One day" --best-of 8                         eight stories, of which the likeliest whole one
  fabula generate --words "key, dragon, brave"                  a story that uses these words
  fabula generate "One day" --show-probabilities                how sure the model was of each token
  fabula generate --batch-file prompts.txt --json > told.json   a story for every line, told together
  fabula generate "One day" --precision int8 --draft corpus     faster, on a CPU
"""


def add_generate(commands: Any) -> None:
    """Declare `fabula generate`."""
    generate = command(commands, "generate", generate_stories, "Tell stories, word by word.", epilog=EXAMPLES)
    _add_story(generate.add_argument_group("Story"))
    _add_sampling(generate.add_argument_group("Sampling", "how the next token is drawn"))
    _add_writers(generate.add_argument_group("Writers", "tell several, keep the best"))
    _add_engine(generate.add_argument_group("Engine", "what computes, and how fast"))


def _add_story(group: Any) -> None:
    group.add_argument("prompt", nargs="?", metavar="PROMPT", help="how the story begins (default: nothing)")
    group.add_argument("--batch-file", type=Path, metavar="FILE", help="prompts instead of PROMPT, one a line")
    group.add_argument("--n", type=int, default=1, metavar="N", help="stories for each prompt (default: 1)")
    group.add_argument("--model", help=f"{MODEL_HELP} (default: that one)")
    group.add_argument("--show-probabilities", action="store_true", help="how probable the model found each token")
    group.add_argument("--json", action="store_true", help="print one JSON object")
    group.add_argument(
        "--alternatives", type=int, default=0, metavar="N", help="with --json: the N most probable tokens of each place"
    )


def _add_sampling(group: Any) -> None:
    written = sentences(Sampling)
    hints = get_type_hints(Sampling, include_extras=True)
    for field in fields(Sampling):
        hint = hints[field.name]
        kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        own = "the model's own, or " if field.name in HUB_NAMES else ""
        shown = f" (default: {own}{field.default})" if field.default != () else " (may be repeated)"
        settings: dict[str, Any] = {"help": (written[field.name] + shown).replace("%", "%%")}
        if get_origin(kind) is Literal:
            settings |= {"choices": get_args(kind)}
        elif get_origin(kind) is tuple:
            settings |= {"action": "append", "metavar": "TEXT"}
        else:
            settings |= {"type": kind, "metavar": "X" if kind is float else "N"}
        group.add_argument("--" + field.name.replace("_", "-"), **settings)


def _add_writers(group: Any) -> None:
    group.add_argument(
        "--best-of",
        type=int,
        metavar="N",
        help="tell N stories and keep the one whose tokens the model finds likeliest on average, of those that end and "
        "don't repeat themselves (likeliest means most usual, too)",
    )
    group.add_argument(
        "--words",
        metavar="WORDS",
        help="words that the story must use, with commas between; of --best-of stories (default: 8) the one is kept in "
        "which they surprise the model least",
    )


def _add_engine(group: Any) -> None:
    group.add_argument(
        "--backend",
        choices=["auto", "native", "torch"],
        default="auto",
        help="native: the C kernel, CPU only; torch: PyTorch (default: auto, the kernel unless there is a GPU)",
    )
    group.add_argument(
        "--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="where to compute (default: auto)"
    )
    group.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16", "int8", "int4"],
        default="auto",
        help="of the weights: fewer bits are faster and less exact (default: auto, as the model stores them)",
    )
    group.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads (default: 0, as many as cores)")
    group.add_argument(
        "--draft",
        metavar="DRAFT",
        help="guess tokens ahead, for the same story sooner: `ngram` (from the story alone), `corpus` (also from "
        "what is usual in the model's training text), a token store, or a smaller model",
    )


def generate_stories(parsed: argparse.Namespace) -> None:
    """`fabula generate`."""
    given = {field.name: getattr(parsed, field.name) for field in fields(Sampling)}
    given = {name: value for name, value in given.items() if value is not None}
    prompts = _prompts(parsed)
    _check(parsed, Sampling(**given))
    from fabula.model.resolve import STORYTELLER, model_folder, newest_run

    if parsed.model is None and (run := newest_run(RUNS)):
        say(f"told by the {STORYTELLER} that comes with Fabula; your newest run tells with --model {run}")
    parsed.model = model_folder(parsed.model or STORYTELLER)
    from fabula.cli.told import Page, told_together
    from fabula.generation.storyteller import Storyteller

    engine = {name: getattr(parsed, name) for name in ("backend", "device", "precision", "threads", "draft")}
    storyteller = Storyteller.load(parsed.model, **engine)
    sampling = replace(storyteller.sampling, **given)
    if parsed.best_of or parsed.words:
        _print(parsed, storyteller, sampling, _chosen(parsed, storyteller, sampling, prompts))
        return
    asked = _requests(parsed, storyteller, sampling, prompts)
    if parsed.json or (len(asked) > 1 and not sys.stdout.isatty()):
        stories = told_together(storyteller, [prompt for prompt, _ in asked], [request for _, request in asked])
        _print(parsed, storyteller, sampling, stories)
        return
    page = Page(parsed.show_probabilities)
    for number, (prompt, request) in enumerate(asked):
        page.stream(storyteller, prompt, request, first=not number)


def _prompts(parsed: argparse.Namespace) -> list[str]:
    if not parsed.batch_file:
        return [parsed.prompt or ""]
    if parsed.prompt is not None:
        raise UserError("PROMPT and --batch-file exclude each other: put the prompt into the file")
    try:
        lines = parsed.batch_file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"can't read {parsed.batch_file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{parsed.batch_file} is not a UTF-8 text file of prompts, one a line") from None
    prompts = [line for line in lines if line.strip()]
    if not prompts:
        raise UserError(f"{parsed.batch_file} holds no prompt: it must have one a line")
    return prompts


def _check(parsed: argparse.Namespace, sampling: Sampling) -> None:
    at_least("--n", parsed.n, 1)
    at_least("--threads", parsed.threads, 0)
    at_least("--alternatives", parsed.alternatives, 0)
    if parsed.best_of is not None:
        at_least("--best-of", parsed.best_of, 1)
    if parsed.alternatives and not parsed.json:
        raise UserError("--alternatives needs --json: they are many")
    if parsed.alternatives and (parsed.best_of or parsed.words):
        raise UserError("--alternatives doesn't go with --best-of and --words")
    if parsed.words is not None and not _words(parsed):
        raise UserError("--words needs words, with commas between: --words 'key, dragon, brave'")
    if parsed.n > 1 and sampling.greedy:
        raise UserError(f"--n {parsed.n} with --temperature 0: all would be the same story; raise the temperature")


def _words(parsed: argparse.Namespace) -> list[str]:
    return [word.strip() for word in (parsed.words or "").split(",") if word.strip()]


def _requests(
    parsed: argparse.Namespace, storyteller: "Storyteller", sampling: Sampling, prompts: list[str]
) -> list[tuple[str, "Request"]]:
    """Return every story that is wanted, prompt by prompt, each with its prompt."""
    from fabula.generation.story import Request

    probabilities = bool(parsed.show_probabilities or parsed.alternatives)
    return [
        (
            prompt,
            Request(
                tokens, len(storyteller.lead), sampling, sampling.seed + i, None, parsed.alternatives, probabilities
            ),
        )
        for prompt, tokens in [(prompt, tuple(storyteller.encode(prompt))) for prompt in prompts]
        for i in range(parsed.n)
    ]


def _chosen(
    parsed: argparse.Namespace, storyteller: "Storyteller", sampling: Sampling, prompts: list[str]
) -> Iterator["Told"]:
    """Yield the best of several stories, n for each prompt."""
    from fabula.cli.told import Told
    from fabula.generation.writing.best import best_of
    from fabula.generation.writing.words import ATTEMPTS, with_words

    attempts = parsed.best_of or ATTEMPTS
    for prompt in prompts:
        for i in range(parsed.n):
            seeded = replace(sampling, seed=sampling.seed + i * attempts)
            if parsed.words:
                worded = with_words(storyteller, prompt, _words(parsed), seeded, attempts=attempts)
                ranking = [
                    {**_score(one.story), "missing": list(one.missing), "surprise": dict(one.surprise)}
                    for one in worded
                ]
                yield Told.chosen(storyteller, worded[0].telling, ranking)
            else:
                ranked = best_of(storyteller, prompt, attempts, seeded)
                yield Told.chosen(storyteller, ranked.best, [_score(one) for one in ranked.stories])


def _score(one: "Scored") -> dict[str, Any]:
    return {"seed": one.telling.seed, "score": one.score, "repeated": one.repeated, "faults": list(one.faults)}


def _print(
    parsed: argparse.Namespace, storyteller: "Storyteller", sampling: Sampling, stories: Iterator["Told"]
) -> None:
    """Print stories as they come, or all of them as JSON; when the user interrupts, those that have come."""
    from fabula.cli.told import Page

    page = Page(parsed.show_probabilities)
    all_told: list[Told] = []
    interrupted = False
    started = time.perf_counter()
    try:
        for told in stories:
            if not parsed.json:
                page.show(told, first=not all_told)
            all_told.append(told)
    except KeyboardInterrupt:
        interrupted = True
    seconds = time.perf_counter() - started
    tokens = sum(len(told.steps) for told in all_told)
    if parsed.json:
        document = {
            "model": str(parsed.model),
            "backend": storyteller.backend.name,
            "draft": storyteller.draft.name if storyteller.draft else None,
            "sampling": asdict(sampling),
            "seconds": seconds,
            "tokens_per_second": tokens / seconds,
            "stories": [told.to_json(bool(parsed.show_probabilities or parsed.alternatives)) for told in all_told],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    elif len(all_told) > 1:
        say(f"[{len(all_told)} stories, {tokens:,} tokens in {seconds:.1f} s: {tokens / seconds:,.0f}/s together]")
    if interrupted:
        raise KeyboardInterrupt
