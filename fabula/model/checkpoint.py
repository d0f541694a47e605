"""Checkpoints: model folders with a record of where in the run they stand and the hash of every file.

A folder without a valid `checkpoint.json` does not exist for any reader, so a torn write is never taken for a model.
"""

import contextlib
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from fabula.errors import UserError
from fabula.files import new_folder, read_json, sha256, sha256_text, to_json
from fabula.model.layout import Dtype, load_model, weight_files, write_model
from fabula.model.llama import Llama

RECORD = "checkpoint.json"


@dataclass(frozen=True)
class CheckpointRecord:
    """What `checkpoint.json` says, besides `sha256`: the hash of all the rest of it, as `to_json` writes it."""

    step: int
    """Optimizer steps behind these weights."""
    tokens: int
    """Real target tokens seen."""
    corpus_hash: str
    """The token store's hash."""
    corpus_position: int
    """Windows taken from the corpus; with the recipe it decides all that follows."""
    loss: float | None
    """The last step's training loss, nats per token; None before the first."""
    files: dict[str, str]
    """SHA-256 of every other file in the folder."""


def folder_name(step: int) -> str:
    """Return the name of a step's folder."""
    return f"step-{step:05d}"


def write_checkpoint(
    folder: Path,
    model: Llama,
    tokenizer: Tokenizer,
    *,
    step: int,
    tokens: int,
    corpus_hash: str,
    corpus_position: int,
    loss: float | None,
    dtype: Dtype = "float32",
) -> None:
    """Write a checkpoint: to a temporary folder, hashed, flushed, renamed."""
    with new_folder(folder) as temporary:
        write_model(temporary, model, tokenizer, dtype)
        hashes = {path.name: sha256(path) for path in sorted(temporary.iterdir())}
        record = asdict(CheckpointRecord(step, tokens, corpus_hash, corpus_position, loss, hashes))
        (temporary / RECORD).write_text(to_json({**record, "sha256": sha256_text(to_json(record))}), encoding="utf-8")


def read_record(folder: Path) -> CheckpointRecord:
    """Read a checkpoint's record.

    Raises:
        UserError: there is none, or it isn't one.
    """
    values = read_json(folder / RECORD)
    if not isinstance(values, dict) or "sha256" not in values:
        raise UserError(f"{folder / RECORD} is not a checkpoint record")
    expected = values.pop("sha256")
    if sha256_text(to_json(values)) != expected:
        raise UserError(f"{folder / RECORD} was altered: its SHA-256 is not the recorded one")
    try:
        return CheckpointRecord(**values)
    except TypeError as error:
        raise UserError(f"{folder / RECORD} is not a checkpoint record: {error}") from None


def problems(folder: Path, *, load: bool = False) -> list[str]:
    """Say what is wrong with a checkpoint: missing, altered or unlisted files; with `load`, weights that don't load."""
    try:
        record = read_record(folder)
    except UserError as error:
        return [str(error)]
    found = []
    for name, expected in record.files.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{path} is missing")
        elif sha256(path) != expected:
            found.append(f"{path} was altered: its SHA-256 is not the recorded one")
    unlisted = {path.name for path in folder.iterdir()} - set(record.files) - {RECORD}
    found += [f"{folder / name} is not in the record" for name in sorted(unlisted)]
    if load and not found:
        try:
            model = load_model(folder)
        except UserError as error:
            return [str(error)]
        if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
            found.append(f"{folder}: a weight is not finite")
    return found


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoint folders below `folder` that have a readable record, by step."""
    found = []
    for path in folder.glob("step-*"):
        if (path / RECORD).is_file():
            with contextlib.suppress(UserError):
                found.append((read_record(path).step, path))
    return [path for _, path in sorted(found)]


def remove_leftovers(folder: Path) -> None:
    """Delete temporary folders that a killed process left behind."""
    for path in folder.glob(".*.tmp"):
        shutil.rmtree(path, ignore_errors=True)


def same_weights(first: Path, second: Path) -> bool:
    """Say whether two model folders hold equal weights."""
    if len(weight_files(first)) != len(weight_files(second)):
        return False
    for left, right in zip(weight_files(first), weight_files(second), strict=True):
        with safe_open(left, "pt") as a, safe_open(right, "pt") as b:
            if set(a.keys()) != set(b.keys()):
                return False
            if not all(torch.equal(a.get_tensor(name), b.get_tensor(name)) for name in a.keys()):  # noqa: SIM118
                return False
    return True
