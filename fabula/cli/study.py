"""`fabula study` and `fabula export`: a series to evidence, and the evidence to the places where people look."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fabula.cli.parser import MODEL_HELP, at_least, command, needs_extra, print_rich, report
from fabula.errors import UserError
from fabula.terminal import say

if TYPE_CHECKING:
    from fabula.publish.gguf import Dtype


def add_study(commands: Any) -> None:
    """Declare `fabula study`."""
    study = command(
        commands,
        "study",
        study_models,
        "Every probe on every checkpoint: intervals, baselines, verdicts, and report.html.",
        epilog="Examples:\n"
        "  fabula study runs/nano                          every checkpoint of a run\n"
        "  fabula study runs/a runs/b runs/c --out seeds   three seeds (or sizes) side by side\n"
        "  fabula study HuggingFaceTB/SmolLM-135M --corpus store\n"
        "  fabula study runs/nano --audit                  one loss under every bookkeeping\n"
        "  torchrun --nproc-per-node 8 -m fabula study runs/test-1 --suite full\n\n"
        "What was measured is kept: a study that was killed continues, and one whose run has grown\n"
        "measures only the new checkpoints. Verdicts follow rules that were fixed beforehand\n"
        "(fabula/study/verdicts.toml).",
    )
    study.add_argument("models", nargs="+", metavar="RUN_OR_MODEL", help=f"a run, or {MODEL_HELP}")
    study.add_argument("--corpus", type=Path, help="token store of the questions (default: the first run's own)")
    study.add_argument("--out", type=Path, help="folder of the study (default: RUN/study)")
    study.add_argument("--suite", choices=["glance", "fast", "full"], help="how much (default: the recipe's, fast)")
    study.add_argument("--probes", help="only these, with commas between (default: all)")
    study.add_argument("--items", type=int, help="questions of each primary probe (default: the suite's)")
    study.add_argument("--checkpoints", type=int, help="at most so many of each run (default: the suite's)")
    study.add_argument("--seed", type=int, help="of questions, draws and stories (default: the recipe's, 0)")
    study.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"], help="where to compute")
    study.add_argument("--fresh", action="store_true", help="forget what this folder's study has measured")
    study.add_argument(
        "--save-items", action="store_true", help="also write every item's scores to item_scores.parquet"
    )
    study.add_argument("--audit", action="store_true", help="instead: one checkpoint's loss under every bookkeeping")
    study.add_argument("--judge", metavar="URL", help="also ask an OpenAI-compatible endpoint to grade the stories")
    study.add_argument("--judge-model", metavar="NAME", help="the judge's model (key: FABULA_JUDGE_KEY)")
    study.add_argument("--json", action="store_true", help="print verdicts (or the audit) as one JSON object")


def study_models(parsed: argparse.Namespace) -> None:
    """`fabula study`."""
    if parsed.audit:
        _audit(parsed)
        return
    if bool(parsed.judge) != bool(parsed.judge_model):
        raise UserError("--judge and --judge-model go together: an endpoint and the name of its model")
    with needs_extra("study"):
        from fabula.study import summary
        from fabula.study.run import Options, study

    options = Options(
        corpus=parsed.corpus,
        out=parsed.out,
        suite=parsed.suite,
        probes=tuple(name.strip() for name in parsed.probes.split(",")) if parsed.probes else (),
        items=None if parsed.items is None else at_least("--items", parsed.items, 30),
        checkpoints=None if parsed.checkpoints is None else at_least("--checkpoints", parsed.checkpoints, 1),
        seed=None if parsed.seed is None else at_least("--seed", parsed.seed, 0),
        device=parsed.device,
        fresh=parsed.fresh,
        save_items=parsed.save_items,
    )
    folder = study(parsed.models, options)
    if folder is None:  # not the first of torchrun's processes
        return
    report(summary.to_json(folder), parsed.json, lambda: print_rich(summary.table(folder)))
    say(f"report: {folder.report}")
    if parsed.judge:
        from fabula.study.judge import judge_study

        judgement = judge_study(folder, parsed.judge, parsed.judge_model)
        report(judgement.to_json(), parsed.json, lambda: print_rich(judgement.table()))


def _audit(parsed: argparse.Namespace) -> None:
    if len(parsed.models) > 1:
        raise UserError(f"--audit takes one checkpoint; {len(parsed.models)} models were named")
    from fabula.corpus.store import TokenStore
    from fabula.model.resolve import choose_device, model_folder

    with needs_extra("study"):
        from fabula.study.audit import audit
    from fabula.model.resolve import training_store

    folder = model_folder(parsed.models[0])
    store = parsed.corpus or training_store(folder)
    if store is None:
        raise UserError(f"{folder} has no record of its corpus here: name a token store with --corpus")
    found = audit(folder, TokenStore.open(store), device=choose_device(parsed.device))
    report(found.to_json(), parsed.json, lambda: print_rich(found.table()))


def add_export(commands: Any) -> None:
    """Declare `fabula export`."""
    export = command(
        commands,
        "export",
        export_model,
        "Write a model, or its evidence, in the form that other programs take.",
        epilog="Examples:\n"
        "  fabula export runs/nano --to card              the run's README.md, every number from a record\n"
        "  fabula export storyteller --to card --out card.md --study DIR   the card of a model without a run\n"
        "  fabula export runs/nano --to gguf              RUN/model.gguf, for llama.cpp, Ollama, LM Studio\n"
        "  fabula export runs/nano --to gguf --dtype q8_0 --out small.gguf\n"
        "  fabula export runs/nano --to lm-eval --out DIR  its study's questions as tasks of lm-evaluation-harness\n"
        "  fabula export runs/nano --to series --steps 0,50,600,1200   checkpoints in a quarter of the space",
    )
    export.add_argument(
        "model", help=f"a run (for lm-eval also the folder of a study; for card and gguf also {MODEL_HELP})"
    )
    export.add_argument("--to", required=True, choices=["card", "gguf", "lm-eval", "series"], help="the form")
    export.add_argument(
        "--out",
        type=Path,
        help="file or folder to write (card: RUN/README.md; gguf: RUN/model.gguf; lm-eval: RUN/lm-eval; "
        "series: RUN/series)",
    )
    export.add_argument(
        "--dtype",
        choices=["auto", "float32", "float16", "bfloat16", "q8_0", "q4_0"],
        help="gguf: of the weights (default: auto, as the model's folder stores them)",
    )
    export.add_argument(
        "--study", type=Path, help="card: folder of the study (default: RUN/study; a model's: NAME-study)"
    )
    export.add_argument(
        "--records",
        type=Path,
        help="card of a single model: folder with the recipe.toml, run.json, metrics.jsonl and evaluation.json that "
        "are kept of its making (default: the model's folder)",
    )
    export.add_argument("--steps", metavar="STEPS", help="series: only these, with commas (default: all)")


def export_model(parsed: argparse.Namespace) -> None:
    """`fabula export`."""
    if parsed.dtype and parsed.to != "gguf":
        raise UserError(f"--dtype belongs to --to gguf, not to {parsed.to}")
    if parsed.steps and parsed.to != "series":
        raise UserError(f"--steps belongs to --to series, not to {parsed.to}")
    if (parsed.study or parsed.records) and parsed.to != "card":
        raise UserError(f"--study and --records belong to --to card, not to {parsed.to}")
    named = Path(parsed.model)
    if parsed.to == "gguf":
        written = _export_gguf(parsed.model, parsed.out, parsed.dtype or "auto")
    elif parsed.to == "series":
        written = _export_series(named, parsed.out or named / "series", parsed.steps)
    elif parsed.to == "card":
        with needs_extra("study"):
            from fabula.publish.card import write_card
        written = write_card(parsed.model, parsed.out, parsed.study, parsed.records)
    else:
        with needs_extra("study"):
            from fabula.publish.lm_eval import export_lm_eval
        studied = named / "study" if (named / "study").is_dir() else named
        written = export_lm_eval(studied, parsed.out or named / "lm-eval")
    say(f"written: {written}")


def _export_series(run: Path, out: Path, steps: str | None) -> Path:
    from fabula.training.packed import pack

    words = (steps or "").replace(",", " ").split()
    if not all(word.isdecimal() for word in words):
        raise UserError(f"--steps {steps} must be steps with commas between: --steps 0,50,600")
    return pack(run, out, sorted(set(map(int, words))))


def _export_gguf(name: str, out: Path | None, dtype: "Dtype") -> Path:
    if out is None and not (Path(name) / "checkpoints").is_dir():
        raise UserError(f"{name} is no run: name the file to write with --out FILE")
    with needs_extra("publish"):
        from fabula.publish.gguf import export_gguf
    from fabula.model.resolve import model_folder

    return export_gguf(model_folder(name), out or Path(name) / "model.gguf", dtype)
