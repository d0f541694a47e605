"""`fabula evaluate` and `fabula generate`: one model's loss and stories."""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fabula.cli.parser import MODEL_HELP, RUNS, at_least, command, report
from fabula.errors import UserError
from fabula.terminal import say


def add_evaluate(commands: Any) -> None:
    """Declare `fabula evaluate`."""
    evaluate = command(
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
    limit = None if parsed.stories is None else at_least("--stories", parsed.stories, 1)
    device = choose_device(parsed.device)
    evaluation = evaluate(folder, corpus, training_store=learned_from, limit=limit, device=device)
    report(evaluation.to_json(), parsed.json, lambda: print(evaluation.summary()))


def add_generate(commands: Any) -> None:
    """Declare `fabula generate`."""
    generate = command(commands, "generate", generate_stories, "Tell a story, word by word.")
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
