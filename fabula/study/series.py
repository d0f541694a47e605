"""What is studied: runs with all their checkpoints, and single models, as series with unique labels."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from fabula.errors import UserError
from fabula.files import sha256, to_json
from fabula.model.folder import parameter_count, weight_files
from fabula.model.record import RECORD, checkpoints, read_record
from fabula.model.resolve import model_folder
from fabula.recipe import Recipe
from fabula.study.folder import Series, StudiedCheckpoint
from fabula.study.suite import chosen_checkpoints
from fabula.terminal import say
from fabula.training.run import RunFolder

LEARNING_RATES = 200
"""Points of the learning rate's course that are kept."""


def find_series(names: Sequence[str], limit: int | None) -> list[Series]:
    """Return a series for each RUN_OR_MODEL, with at most `limit` checkpoints each.

    Raises:
        UserError: nothing of that name, or a run without a checkpoint.
    """
    series: list[Series] = []
    for name in names:
        path = Path(name)
        found = _run(path, limit) if (path / "checkpoints").is_dir() else _model(name)
        taken = {entry.label for entry in series}
        label, number = found.label, 2
        while label in taken:
            label, number = f"{found.label}-{number}", number + 1
        series.append(replace(found, label=label, group=found.group or label))
    names_of: dict[str, str] = {}
    for entry in series:
        names_of.setdefault(entry.group, entry.label)
    return [replace(entry, group=names_of[entry.group]) for entry in series]


def _run(path: Path, limit: int | None) -> Series:
    run = RunFolder(path)
    recipe = run.recipe()
    folders = {read_record(folder).step: folder for folder in checkpoints(run.checkpoints)}
    if recipe is None or not folders:
        raise UserError(f"{path} is a run without {'a recipe' if recipe is None else 'a checkpoint yet'}")
    steps = chosen_checkpoints(list(folders), limit)
    if len(steps) < len(folders):
        say(f"{path}: {len(steps)} of {len(folders)} checkpoints are studied (--checkpoints or another suite: more)")
    metrics = run.metrics()
    every = max(1, len(metrics) // LEARNING_RATES)
    return Series(
        label=series_label(path),
        group=_without_seed(recipe, str(read_record(folders[steps[-1]]).corpus_hash)),
        seed=recipe.train.seed,
        parameters=parameter_count(folders[steps[-1]]),
        steps=recipe.train.steps,
        context=recipe.model.context,
        learning_rates=tuple((entry["step"], entry["learning_rate"]) for entry in metrics[::every]),
        checkpoints=tuple(_checkpoint(folders[step]) for step in steps),
    )


def _model(name: str) -> Series:
    folder = model_folder(name)
    found = _checkpoint(folder) if (folder / RECORD).is_file() else StudiedCheckpoint(0, None, str(folder), "")
    from fabula.files import read_json

    config = read_json(folder / "config.json")
    return Series(
        label=series_label(Path(name)),
        group="",
        seed=None,
        parameters=parameter_count(folder),
        steps=0,
        context=int(config.get("max_position_embeddings") or config.get("n_positions") or 1024),
        learning_rates=(),
        checkpoints=(replace(found, weights=weights_hash(folder)),),
    )


def _checkpoint(folder: Path) -> StudiedCheckpoint:
    record = read_record(folder)
    return StudiedCheckpoint(record.step, record.tokens, str(folder), weights_hash(folder))


def weights_hash(folder: Path) -> str:
    """Return SHA-256 over a model folder's weight files; a checkpoint's record saves reading them."""
    names = [path.name for path in weight_files(folder)]
    if (folder / RECORD).is_file():
        hashes = [read_record(folder).files[name] for name in names]
    else:
        hashes = [sha256(folder / name) for name in names]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _without_seed(recipe: Recipe, corpus_hash: str) -> str:
    """Return a hash that runs share which differ in nothing but their seed and where they ran."""
    table = asdict(recipe)
    for field in ("seed", "device", "threads", "save_every", "trackers", "compile"):
        table["train"].pop(field)
    for section in ("study", "corpus"):
        table.pop(section, None)
    table["corpus"] = corpus_hash
    return hashlib.sha256(to_json(table).encode()).hexdigest()


def series_label(path: Path) -> str:
    """Return the name that a study gives to a run's or model's folder."""
    parts = [part for part in path.resolve().parts[-3:] if part != "checkpoints"]
    name = "-".join(parts[-2:]) if re.fullmatch(r"step-\d+", parts[-1]) else parts[-1]
    return re.sub(r"[^\w.-]+", "-", name)
