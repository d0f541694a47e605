"""Checkpoints: model folders with a record of where in the run they stand and the hash of every file.

A folder without a valid `checkpoint.json` does not exist for any reader, so a torn write is never taken for a model.
"""

from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from fabula.errors import UserError
from fabula.files import new_folder, sha256, sha256_text, to_json
from fabula.model.folder import weight_files
from fabula.model.layout import Dtype, load_model, write_model
from fabula.model.llama import Llama
from fabula.model.record import RECORD, CheckpointRecord, altered_files


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


def weight_problems(folder: Path) -> list[str]:
    """Say what is wrong with a checkpoint: its files, weights that don't load, weights that aren't finite."""
    if found := altered_files(folder):
        return found
    try:
        model = load_model(folder)
    except UserError as error:
        return [str(error)]
    if all(torch.isfinite(parameter).all() for parameter in model.parameters()):
        return []
    return [f"{folder}: a weight is not finite"]


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
