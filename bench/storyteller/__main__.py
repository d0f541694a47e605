"""The storyteller in the box, from stories to its record: one command that repeats it end to end.

`python -m bench.storyteller --train train.txt --validation validation.txt` trains the recipe `storyteller` and, on the
same batches, the same model by plain AdamW and OneCycle; trains the first one further, on the same stories with other
names, the plain ones more often, and at last on those alone, and takes means of weights on the way (`STAGES`); puts the
weights into fabula/storyteller, in bfloat16; measures it, the baseline and a 5-gram of the same tokens on the held-out
stories; lets the storyteller tell a story for each line of models/storyteller/prompts.txt; studies it; and writes the
card, the report and all figures to models/storyteller. What is trained already is not trained again; --only names the
parts to do.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.storyteller.texts import Mix, Texts
from fabula import recipe as recipes
from fabula.cli.told import STOPPED
from fabula.corpus.build import cached_store
from fabula.corpus.readers import END_OF_TEXT
from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.files import new_folder, read_json, sha256, to_json, write_text
from fabula.generation import Storyteller
from fabula.model.folder import GENERATION, load_tokenizer
from fabula.model.layout import load_model, write_model
from fabula.model.record import read_record
from fabula.model.resolve import last_valid_checkpoint
from fabula.study.baselines.tokens import ORDERS, TokenNGrams
from fabula.study.statistics import ratio_intervals
from fabula.terminal import say

ROOT = Path(__file__).parents[2]
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
FIRST = "storyteller"


@dataclass(frozen=True)
class Stage:
    """A training that begins with the mean of the weights that others left, in bfloat16."""

    name: str
    after: tuple[str, ...]
    """The trainings whose weights it begins with."""
    mix: Mix
    """What its text is made of."""
    changes: Mapping[str, str]
    """What its recipe changes in the first one's."""


AT_NINE_THOUSANDTHS = {
    "optimizer.learning_rate": "12e-3",
    "optimizer.matrix_learning_rate": "9e-3",
    "schedule.final_div_factor": "3.3",
}
"""Rates of the stages that others come after: they needn't end at none."""
AT_THREE_THOUSANDTHS = {"optimizer.learning_rate": "4e-3", "optimizer.matrix_learning_rate": "3e-3"}
STAGES = (
    Stage("further", (FIRST,), Mix((3, 2, 1), 2), {"train.steps": "640", **AT_NINE_THOUSANDTHS}),
    Stage("plainest", ("further",), Mix((3, 1, 0), 3), {"train.steps": "400", **AT_THREE_THOUSANDTHS}),
    Stage("lists", (FIRST, "further"), Mix((2, 2, 1), 11, 0.3, 6500), {"train.steps": "360", **AT_NINE_THOUSANDTHS}),
    Stage("names", (FIRST, "further"), Mix((2, 2, 1), 11, 0.3), {"train.steps": "360", **AT_NINE_THOUSANDTHS}),
    Stage("last", ("lists", "names"), Mix((3, 1, 0), 21, 0.04), {"train.steps": "320", **AT_THREE_THOUSANDTHS}),
)
IN_THE_MEAN = ("plainest", "last")
"""The trainings whose weights' mean is in the box."""
SAMPLING = {"do_sample": True, "temperature": 0.5, "top_p": 0.9, "repetition_penalty": 1.05}
"""How the model in the box asks to be told: readers found fewer slips than with the defaults (docs/log.md)."""


def main() -> None:
    """Do what is asked, in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="TinyStories' training stories")
    parser.add_argument("--validation", type=Path, required=True, help="held-out stories")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--baseline-steps", type=int, help="of the baseline (default: as many as the storyteller's)")
    parser.add_argument("--suite", default="fast", help="of the study (default: fast)")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="parts to do")
    arguments = parser.parse_args()
    RECORD.mkdir(parents=True, exist_ok=True)
    try:
        for part in (part for part in PARTS if part in arguments.only):
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


def _train(arguments: argparse.Namespace, name: str, changes: Mapping[str, str], text: Path | None = None) -> None:
    """Train a run, or what is left of it, on the training stories or on another text."""
    files = ["--corpus", (text or arguments.train).resolve(), "--corpus.validation", arguments.validation.resolve()]
    settings = [word for field, value in changes.items() for word in (f"--{field}", value)]
    _fabula("train", FIRST, *files, *settings, "--out", _run(arguments, name))


def _run(arguments: argparse.Namespace, name: str) -> Path:
    """Name the folder of a run: of the first training, of a stage, or of the baseline."""
    folder: Path = arguments.runs / (name if name == FIRST else f"{FIRST}-{name}")
    return folder.resolve()


def train(arguments: argparse.Namespace) -> None:
    """Train the storyteller, and further, stage by stage."""
    _train(arguments, FIRST, {})
    for stage in STAGES:
        run = _run(arguments, stage.name)
        text, weights = run.with_suffix(".txt"), run.parent / "begun" / "+".join(stage.after)
        if not weights.is_dir():
            _put([last_valid_checkpoint(_run(arguments, name)) for name in stage.after], weights)
        if not text.is_file():
            vocabulary = load_tokenizer(weights).get_vocab()
            write_text(text, Texts(_stories(arguments.train)).text(stage.mix, vocabulary))
        _train(arguments, stage.name, {"train.start_from": str(weights), "train.ramp_from": "0", **stage.changes}, text)


def _stories(path: Path) -> list[str]:
    """Return a file's stories, which stand apart by lines of end-of-text."""
    return [story.strip() for story in path.read_text(encoding="utf-8").split(END_OF_TEXT) if story.strip()]


def _put(checkpoints: Sequence[Path], folder: Path) -> None:
    """Write a model in bfloat16, its weights the mean of those of the checkpoints."""
    models = [load_model(checkpoint) for checkpoint in checkpoints]
    weights = [model.state_dict() for model in models]
    models[0].load_state_dict({name: torch.stack([w[name] for w in weights]).mean(0) for name in weights[0]})
    with new_folder(folder) as begun:
        tokenizer = load_tokenizer(checkpoints[0])
        tokenizer.post_processor = None
        write_model(begun, models[0], tokenizer, "bfloat16")


def baseline(arguments: argparse.Namespace) -> None:
    """Train the same model by AdamW and OneCycle, for as many steps or for --baseline-steps."""
    steps = {"train.steps": str(arguments.baseline_steps)} if arguments.baseline_steps else {}
    _train(arguments, "plain", {**PLAIN, **steps})


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
    path = RECORD / "baselines.json"
    figures: dict[str, Any] = read_json(path) if path.is_file() else {}
    plain = _run(arguments, "plain")
    if _is_complete(plain):
        write_text(plain / "evaluation.json", _fabula("evaluate", plain, "--json"))
        targets = read_record(last_valid_checkpoint(plain)).tokens
        measured = {**read_json(plain / "evaluation.json"), "model": plain.name, "corpus": corpus}
        recipe = recipes.load(str(plain / "recipe.toml"))
        changed = {**PLAIN, "train.steps": str(recipe.train.steps)}
        figures["AdamW and OneCycle"] = {**measured, "targets_learned_from": targets, "changes": changed}
    figures[f"{ORDERS}-gram"] = _five_gram(store)
    write_text(path, to_json(figures))


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
    """Ask the model in the box every question of the study; keep verdicts and report."""
    folder = _study_folder(arguments)
    _fabula("study", IN_THE_BOX, "--corpus", _store(arguments).path, "--out", folder, "--suite", arguments.suite)
    for name in ("report.html", "verdicts.json"):
        shutil.copyfile(folder / name, RECORD / name)


def card(arguments: argparse.Namespace) -> None:
    """Write the model card from the study and the record."""
    folder = _study_folder(arguments)
    _fabula("export", IN_THE_BOX, "--to", "card", "--study", folder, "--records", RECORD, "--out", RECORD / "card.md")


def _study_folder(arguments: argparse.Namespace) -> Path:
    folder: Path = arguments.runs / "storyteller-study"
    return folder.resolve()


def install(arguments: argparse.Namespace) -> None:
    """Put the mean of the last weights into the package, and what each training recorded into the record."""
    _put([last_valid_checkpoint(_run(arguments, name)) for name in IN_THE_MEAN], IN_THE_BOX)
    generation = IN_THE_BOX / GENERATION
    write_text(generation, to_json({**read_json(generation), **SAMPLING}))
    for name in (FIRST, *(stage.name for stage in STAGES)):
        run = _run(arguments, name)
        if (run / "recipe.toml").is_file():  # else it was trained on another day, and is on record
            _keep(run, RECORD if name == STAGES[-1].name else RECORD / f"{name}-training", arguments)
    record = read_json(RECORD / "run.json")
    record["mean_of"] = list(IN_THE_MEAN)
    record["weights"] = {path.name: sha256(path) for path in sorted(IN_THE_BOX.iterdir())}
    write_text(RECORD / "run.json", to_json(record))


def _keep(run: Path, folder: Path, arguments: argparse.Namespace) -> None:
    """Keep a run's recipe and record, without this machine's folders."""
    folder.mkdir(exist_ok=True)
    recipe = recipes.load(str(run / "recipe.toml"))
    start = recipe.train.start_from
    names = {
        "corpus": {
            "source": [Path(path).name for path in recipe.corpus.source],
            "validation": [arguments.validation.name],
        },
        "tokenizer": {"path": f"{Path(start).name}/tokenizer.json" if start else ""},
        "train": {"start_from": Path(start).name},
    }
    write_text(folder / "recipe.toml", recipes.to_toml(recipes.from_table(names, recipe)))
    record = read_json(run / "run.json")
    record["corpus"]["path"] = ""
    for session in record["sessions"]:
        session["command"] = [Path(word).name for word in session["command"]]
    if start:
        record["start_from"]["model"] = Path(start).name
    record["data"] = {path.name: {"sha256": sha256(path), "bytes": path.stat().st_size} for path in _files(arguments)}
    record["data"]["licence"] = "TinyStories (Eldan and Li, 2023), CDLA-Sharing-1.0; no text of it is kept here"
    write_text(folder / "run.json", to_json(record))


def _files(arguments: argparse.Namespace) -> tuple[Path, Path]:
    return arguments.train, arguments.validation


def stories(arguments: argparse.Namespace) -> None:
    """Tell a story for each prompt with the model in the box and no options; nothing is chosen or edited."""
    prompts = [line for line in PROMPTS.read_text(encoding="utf-8").splitlines() if line]
    storyteller = Storyteller.load(IN_THE_BOX, device="cpu")
    told = [(prompt, storyteller.generate(prompt)[0]) for prompt in prompts]
    sampling = storyteller.sampling
    lines = [
        "# Twenty stories, unedited",
        "",
        f"`python -m bench.storyteller --only stories`: one story for each line of prompts.txt, "
        f"temperature {sampling.temperature:g}, top-p {sampling.top_p:g}, "
        f"repetition penalty {sampling.repetition_penalty:g}, seed {sampling.seed}.",
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
