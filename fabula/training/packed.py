"""A packed series: checkpoints of one run in little space, to be kept or sent, and made into a run again.

The folder has what the run's checkpoints share (config, tokenizer) once, the run's recipe and record without any path,
some of its metrics, `series.json`, and for each step `step-NNNNN.safetensors`. There each matrix is int8 with a float32
scale for each row (`NAME` and `NAME.scale`: their product is the weight), which changes a weight by at most a 254th of
the largest of its row; vectors stay as they are.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from fabula import recipe as recipes
from fabula.errors import UserError
from fabula.files import new_folder, read_json, sha256, to_json
from fabula.model.checkpoint import write_checkpoint
from fabula.model.folder import WEIGHTS, load_config, load_tokenizer
from fabula.model.layout import load_model, save_tensors
from fabula.model.llama import Llama
from fabula.model.record import checkpoints, folder_name, read_record
from fabula.training.run import RunFolder

SERIES = "series.json"
SHARED = ("config.json", "tokenizer.json")
METRICS_KEPT = 400
"""Lines of metrics.jsonl that are kept, about."""
LARGEST = 127


def is_packed(folder: Path) -> bool:
    """Say whether a folder holds a packed series."""
    return (folder / SERIES).is_file()


def pack(run: Path, out: Path, steps: Sequence[int]) -> Path:
    """Write the checkpoints of `steps` (none: of all) as a packed series; an existing one at `out` is replaced.

    Raises:
        UserError: no run, a step without a checkpoint, or something else at `out`.
    """
    found = {read_record(folder).step: folder for folder in checkpoints(run / "checkpoints")}
    if not found:
        raise UserError(f"{run} is no run with checkpoints")
    steps = steps or sorted(found)
    missing = [step for step in steps if step not in found]
    if missing:
        raise UserError(f"{run} has no checkpoint of step {missing[0]}; it has {', '.join(map(str, sorted(found)))}")
    if out.exists() and any(out.iterdir()) and not is_packed(out):
        raise UserError(f"{out} holds something else; choose another --out")
    with new_folder(out) as folder:
        for name in SHARED:
            (folder / name).write_bytes((found[steps[-1]] / name).read_bytes())
        entries = [_pack_checkpoint(found[step], folder) for step in steps]
        _write_records(RunFolder(run), folder, steps)
        (folder / SERIES).write_text(to_json({"weights": "int8", "checkpoints": entries}), encoding="utf-8")
    return out


def unpack(packed: Path, out: Path) -> Path:
    """Make a packed series into a run, whose weights are float32 and differ from the first ones by the int8 rounding.

    Raises:
        UserError: no packed series, a damaged one, or something else at `out`.
    """
    if not is_packed(packed):
        raise UserError(f"{packed} is no packed series: it has no {SERIES}")
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out} is not empty; choose another --out")
    config, tokenizer = load_config(packed), load_tokenizer(packed)
    tokenizer.post_processor = None  # which puts end-of-text first; writing a model adds it
    with new_folder(out) as folder:
        for name in ("recipe.toml", "run.json", "metrics.jsonl"):
            (folder / name).write_bytes((packed / name).read_bytes())
        for entry in read_json(packed / SERIES)["checkpoints"]:
            path = packed / Path(entry["file"]).name
            if not path.is_file() or sha256(path) != entry["sha256"]:
                raise UserError(f"{path} is missing or was altered: its SHA-256 is not the recorded one")
            model = Llama(config)
            model.load_state_dict(unpacked_weights(path), strict=not config.tied)
            place = {key: entry[key] for key in ("step", "tokens", "corpus_hash", "corpus_position", "loss")}
            write_checkpoint(folder / "checkpoints" / folder_name(entry["step"]), model, tokenizer, **place)
    return out


def packed_weights(model: Llama) -> dict[str, Tensor]:
    """Return a model's weights as a packed file holds them; shared ones once."""
    tensors = {}
    for name, weight in model.state_dict().items():
        if model.config.tied and name == "lm_head.weight":
            continue
        if weight.dim() == 1:
            tensors[name] = weight
        else:
            scale = weight.abs().amax(1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny) / LARGEST
            tensors[name] = (weight / scale).round().to(torch.int8)
            tensors[f"{name}.scale"] = scale
    return tensors


def unpacked_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights in a packed file, float32.

    Raises:
        UserError: the file is damaged.
    """
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged: {error}") from None
    scales = {name.removesuffix(".scale"): tensors.pop(name) for name in list(tensors) if name.endswith(".scale")}
    return {name: tensor * scales[name] if name in scales else tensor for name, tensor in tensors.items()}


def _pack_checkpoint(checkpoint: Path, folder: Path) -> dict[str, Any]:
    record = read_record(checkpoint)
    file = folder / f"{folder_name(record.step)}.safetensors"
    save_tensors(file, packed_weights(load_model(checkpoint)))
    return {
        "step": record.step,
        "tokens": record.tokens,
        "loss": record.loss,
        "corpus_hash": record.corpus_hash,
        "corpus_position": record.corpus_position,
        "file": file.name,
        "sha256": sha256(file),
        "packed_from": record.files.get(WEIGHTS),
    }


def _write_records(run: RunFolder, folder: Path, steps: Sequence[int]) -> None:
    """Write the run's recipe, record and metrics as they can be shown to anybody: no path of this machine."""
    recipe = run.recipe()
    assert recipe is not None, "checkpoints are written after the recipe"
    corpus = replace(recipe.corpus, source=_names(recipe.corpus.source), validation=_names(recipe.corpus.validation))
    shown = replace(recipe, corpus=corpus, series=replace(recipe.series, steps=tuple(steps)))
    record = read_json(run.path / "run.json")
    record["corpus"]["path"] = ""
    for session in record["sessions"]:
        session["command"] = _names(session["command"])
    every = max(1, recipe.train.steps // METRICS_KEPT)
    kept = [entry for entry in run.metrics() if entry["step"] % every == 0 or entry["step"] in steps]
    (folder / "recipe.toml").write_text(recipes.to_toml(shown), encoding="utf-8")
    (folder / "run.json").write_text(to_json(record), encoding="utf-8")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in kept), encoding="utf-8")


def _names(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(Path(path).name for path in paths)
