"""A checkpoint's record: where in the run it stands, and the hash of every file. Nothing here needs PyTorch.

A folder without a valid `checkpoint.json` does not exist for any reader, so a torn write is never taken for a model.
"""

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from fabula.errors import UserError
from fabula.files import read_json, sha256, sha256_text, to_json

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


def altered_files(folder: Path) -> list[str]:
    """Say what is wrong with a checkpoint's files: missing, altered or unlisted ones."""
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
