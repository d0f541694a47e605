"""The storyteller in the box, from stories to its record: one command that repeats it end to end.

`python -m bench.storyteller --train train.txt --validation validation.txt` trains the recipe `storyteller` and, on the
same batches, the same model by plain AdamW and OneCycle; puts the weights into fabula/storyteller, in bfloat16;
measures both models and a 5-gram of the same tokens on the held-out stories; lets the storyteller tell a story for each
line of models/storyteller/prompts.txt; studies it; and writes the card, the report and all figures to
models/storyteller. What is trained already is not trained again; --only names the parts to do.

What is measured is the model in the box. Its training is studied too where the run is still there; a study of the model
alone says what it can do, and not when it came to it.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fabula import recipe as recipes
from fabula.cli.told import STOPPED
from fabula.corpus.build import cached_store
from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.files import read_json, sha256, to_json, write_text
from fabula.generation import Sampling, Storyteller
from fabula.model.folder import load_tokenizer
from fabula.model.layout import load_model, write_model
from fabula.model.record import read_record
from fabula.model.resolve import last_valid_checkpoint
from fabula.study.baselines.tokens import ORDERS, TokenNGrams
from fabula.study.statistics import ratio_intervals
from fabula.terminal import say

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "models" / "storyteller"
IN_THE_BOX = ROOT / "fabula" / "storyteller"
PROMPTS = RECORD / "prompts.txt"
PLAIN = {
    "optimizer.kind": "adamw",
    "optimizer.learning_rate": "2e-3",
    "optimizer.weight_decay": "0.05",
    "optimizer.base_width": "0",
    "schedule.kind": "onecycle",
    "schedule.warmup_fraction": "0.1",
}
"""What the baseline changes: nano's optimizer and schedule, with a peak rate between the best ones at 1.4 and at 7.5 M
parameters (docs/performance.md). Batches and dropout, which a model of this size needs here, stay the storyteller's."""
SAMPLING = Sampling()


def main() -> None:
    """Do what is asked, in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="TinyStories' training stories")
    parser.add_argument("--validation", type=Path, required=True, help="held-out stories")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the two runs")
    parser.add_argument("--baseline-steps", type=int, help="of the baseline (default: as many as the storyteller's)")
    parser.add_argument("--suite", default="fast", help="of the study (default: fast)")
    parser.add_argument("--checkpoints", default="10", help="that are studied (default: 10)")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="parts to do")
    arguments = parser.parse_args()
    RECORD.mkdir(parents=True, exist_ok=True)
    try:
        for part in arguments.only:
            say(f"-- {part}")
            PARTS[part](arguments)
    except UserError as error:
        raise SystemExit(f"bench: {error}") from None


def _fabula(*words: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fabula", *map(str, words)], stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )
    if done.returncode:
        raise UserError(f"fabula {words[0]} ended with {done.returncode}")
    return done.stdout


def _train(arguments: argparse.Namespace, name: str, changes: dict[str, str]) -> Path:
    run: Path = (arguments.runs / name).resolve()
    files = ["--corpus", arguments.train.resolve(), "--corpus.validation", str(arguments.validation.resolve())]
    settings = [word for field, value in changes.items() for word in (f"--{field}", value)]
    _fabula("train", "storyteller", *files, *settings, "--out", run)
    return run


def train(arguments: argparse.Namespace) -> None:
    """Train the storyteller."""
    _train(arguments, "storyteller", {})


def baseline(arguments: argparse.Namespace) -> None:
    """Train the same model by AdamW and OneCycle, for as many steps or for --baseline-steps."""
    steps = {"train.steps": str(arguments.baseline_steps)} if arguments.baseline_steps else {}
    _train(arguments, "storyteller-plain", {**PLAIN, **steps})


def _store(arguments: argparse.Namespace) -> TokenStore:
    """Return the token store that both models learn from; it is built where it isn't yet."""
    recipe = recipes.load("storyteller")
    files = {"source": [str(arguments.train.resolve())], "validation": [str(arguments.validation.resolve())]}
    recipe = recipes.from_table({"corpus": files}, recipe)
    return cached_store(recipe.corpus, recipe.tokenizer)


def evaluate(arguments: argparse.Namespace) -> None:
    """Measure on the held-out stories: the model in the box, the baseline as far as it is trained, and the 5-gram."""
    store, corpus = _store(arguments), arguments.validation.name
    text = _fabula("evaluate", IN_THE_BOX, "--corpus", store.path, "--json")
    own = {**json.loads(text), "model": IN_THE_BOX.name, "corpus": corpus}
    write_text(RECORD / "evaluation.json", to_json(own))
    figures: dict[str, Any] = {}
    for name in ("storyteller", "storyteller-plain"):
        run = (arguments.runs / name).resolve()
        if _is_complete(run):
            write_text(run / "evaluation.json", _fabula("evaluate", run, "--json"))
    plain = (arguments.runs / "storyteller-plain").resolve()
    if _is_complete(plain):
        targets = read_record(last_valid_checkpoint(plain)).tokens
        measured = {**read_json(plain / "evaluation.json"), "model": plain.name, "corpus": corpus}
        recipe = recipes.load(str(plain / "recipe.toml"))
        changed = {**PLAIN, "train.steps": str(recipe.train.steps)}
        figures["AdamW and OneCycle"] = {**measured, "targets_learned_from": targets, "changes": changed}
    figures[f"{ORDERS}-gram"] = _five_gram(store)
    write_text(RECORD / "baselines.json", to_json(figures))


def _is_complete(run: Path) -> bool:
    if not (run / "recipe.toml").is_file():
        return False
    recipe = recipes.load(str(run / "recipe.toml"))
    return (run / "checkpoints" / f"step-{recipe.train.steps:05d}").is_dir()


def _five_gram(store: TokenStore) -> dict[str, Any]:
    """Return the held-out loss of interpolated modified Kneser-Ney over the same tokens."""
    train_split, held_out = store.train, store.validation
    learned = [train_split.story(index)[:-1] for index in range(train_split.stories)]
    asked = [held_out.story(index)[:-1] for index in range(held_out.stories)]
    model = TokenNGrams.fit(learned, store.vocab_size, store.end_of_text_id)
    nats = np.array([-found.sum() for found in model.log_probabilities(asked, ORDERS)])
    tokens = np.array([len(story) + 1 for story in asked], np.float64)
    sizes = held_out.story_bytes[: held_out.stories].astype(np.float64)
    intervals = ratio_intervals(np.stack((nats, nats)), np.stack((tokens, sizes * math.log(2))), 0)
    assert intervals is not None, "more than one story"
    return {
        "nats_per_token": float(nats.sum() / tokens.sum()),
        "nats_per_token_interval": list(intervals[0]),
        "bits_per_byte": float(nats.sum() / math.log(2) / sizes.sum()),
        "bits_per_byte_interval": list(intervals[1]),
        "stories": len(asked),
        "tokens": int(tokens.sum()),
        "bytes": int(sizes.sum()),
    }


def study(arguments: argparse.Namespace) -> None:
    """Ask the run, or without it the model in the box, every question of the study; keep verdicts and report."""
    run, folder = _studied(arguments)
    if run:
        _fabula("study", run, "--out", folder, "--suite", arguments.suite, "--checkpoints", arguments.checkpoints)
    else:
        store = _store(arguments).path
        _fabula("study", IN_THE_BOX, "--corpus", store, "--out", folder, "--suite", arguments.suite)
    for name in ("report.html", "verdicts.json"):
        shutil.copyfile(folder / name, RECORD / name)


def card(arguments: argparse.Namespace) -> None:
    """Write the model card from the records of the run, or of the model in the box."""
    run, folder = _studied(arguments)
    records: list[str | Path] = [] if run else ["--records", RECORD]
    _fabula("export", run or IN_THE_BOX, "--to", "card", "--study", folder, *records, "--out", RECORD / "card.md")


def _studied(arguments: argparse.Namespace) -> tuple[Path | None, Path]:
    """Return the run that is studied, None when it is gone, and the folder of the study."""
    run = (arguments.runs / "storyteller").resolve()
    if _is_complete(run):
        return run, run / "study"
    return None, run.with_name("storyteller-study")


def install(arguments: argparse.Namespace) -> None:
    """Put the last checkpoint into the package, in bfloat16, and what the run recorded beside its card."""
    run = arguments.runs / "storyteller"
    checkpoint = last_valid_checkpoint(run)
    shutil.rmtree(IN_THE_BOX, ignore_errors=True)
    IN_THE_BOX.mkdir()
    tokenizer = load_tokenizer(checkpoint)
    tokenizer.post_processor = None
    write_model(IN_THE_BOX, load_model(checkpoint), tokenizer, "bfloat16")
    recipe = recipes.load(str(run / "recipe.toml"))
    names = {"source": [arguments.train.name], "validation": [arguments.validation.name]}
    write_text(RECORD / "recipe.toml", recipes.to_toml(recipes.from_table({"corpus": names}, recipe)))
    record = read_json(run / "run.json")
    record["corpus"]["path"] = ""
    for session in record["sessions"]:
        session["command"] = [Path(word).name for word in session["command"]]
    record["data"] = {path.name: {"sha256": sha256(path), "bytes": path.stat().st_size} for path in _files(arguments)}
    record["data"]["licence"] = "TinyStories (Eldan and Li, 2023), CDLA-Sharing-1.0; no text of it is kept here"
    record["weights"] = {path.name: sha256(path) for path in sorted(IN_THE_BOX.iterdir())}
    write_text(RECORD / "run.json", to_json(record))


def _files(arguments: argparse.Namespace) -> tuple[Path, Path]:
    return arguments.train, arguments.validation


def stories(arguments: argparse.Namespace) -> None:
    """Tell a story for each prompt with the model in the box and the defaults, seed 0; nothing is chosen or edited."""
    prompts = [line for line in PROMPTS.read_text(encoding="utf-8").splitlines() if line]
    storyteller = Storyteller.load(IN_THE_BOX, device="cpu")
    told = [(prompt, storyteller.generate(prompt, SAMPLING)[0]) for prompt in prompts]
    lines = [
        "# Twenty stories, unedited",
        "",
        f"`python -m bench.storyteller --only stories`: one story for each line of prompts.txt, "
        f"temperature {SAMPLING.temperature:g}, top-p {SAMPLING.top_p:g}, "
        f"repetition penalty {SAMPLING.repetition_penalty:g}, seed {SAMPLING.seed}.",
    ]
    for number, (prompt, story) in enumerate(told, 1):
        lines += ["", f"## {number}", "", f"{prompt}{story.text.rstrip()}", "", f"*({STOPPED[story.stop_reason]})*"]
    write_text(RECORD / "stories.md", "\n".join(lines) + "\n")


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "train": train,
    "baseline": baseline,
    "install": install,
    "evaluate": evaluate,
    "stories": stories,
    "study": study,
    "card": card,
}

if __name__ == "__main__":
    main()
