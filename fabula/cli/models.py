"""`fabula evaluate`: one model's loss."""

import argparse
from pathlib import Path
from typing import Any

from fabula.cli.parser import MODEL_HELP, at_least, command, report
from fabula.errors import UserError


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
    evaluate.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16", "int8", "int4"],
        help="measure as the native kernel computes it with such weights (default: PyTorch in float32)",
    )
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")


def evaluate_model(parsed: argparse.Namespace) -> None:
    """`fabula evaluate`."""
    from fabula.model.resolve import choose_device, model_folder, training_store
    from fabula.study.evaluate import evaluate

    folder = model_folder(parsed.model)
    learned_from = training_store(folder)
    corpus = [Path(name) for name in parsed.corpus or [learned_from] if name]
    if not corpus:
        raise UserError(f"{folder} has no record of its corpus here: name one with --corpus")
    limit = None if parsed.stories is None else at_least("--stories", parsed.stories, 1)
    device = "cpu" if parsed.precision and parsed.device == "auto" else choose_device(parsed.device)
    evaluation = evaluate(
        folder, corpus, training_store=learned_from, limit=limit, device=device, precision=parsed.precision
    )
    report(evaluation.to_json(), parsed.json, lambda: print(evaluation.summary()))
