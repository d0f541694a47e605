"""A model folder in the Hugging Face layout, its weights aside. Nothing here needs PyTorch."""

import math
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from fabula.errors import UserError
from fabula.files import read_json
from fabula.model.config import LlamaConfig, config_from_json

END_OF_TEXT = "<|endoftext|>"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
GENERATION = "generation_config.json"


def load_config(folder: Path) -> LlamaConfig:
    """Read a model folder's shape."""
    return config_from_json(_read_object(folder / "config.json"), folder / "config.json")


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model folder."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / WEIGHTS_INDEX).is_file():
        parts = _read_object(folder / WEIGHTS_INDEX).get("weight_map")
        if not isinstance(parts, dict):
            raise UserError(f"{folder / WEIGHTS_INDEX} has no weight_map")
        names = {str(part) for part in parts.values()}
        inside = [folder / Path(name).name for name in sorted(names)]
        missing = [path.name for path in inside if not path.is_file()]
        if missing:
            raise UserError(f"{folder}: {missing[0]} is missing")
        return inside
    raise UserError(f"{folder} has no {WEIGHTS}; Fabula reads weights from safetensors only")


def stored_dtype(folder: Path) -> Literal["float32", "bfloat16"]:
    """Return what a model folder's weights can be computed in without loss: bfloat16 where all are stored so.

    Raises:
        UserError: the weights are missing or damaged.
    """
    for path in weight_files(folder):
        try:
            with safe_open(path, "np") as file:
                dtypes = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118 - no mapping
        except SafetensorError as error:
            raise UserError(f"{path} is damaged: {error}") from None
        if dtypes != {"BF16"}:
            return "float32"
    return "bfloat16"


def parameter_count(folder: Path) -> int:
    """Return the number of weights in a model folder, shared ones counted once, from the files' headers alone.

    Raises:
        UserError: the weights are missing or damaged.
    """
    count = 0
    for path in weight_files(folder):
        try:
            with safe_open(path, "np") as file:
                shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118 - no mapping
        except SafetensorError as error:
            raise UserError(f"{path} is damaged: {error}") from None
        count += sum(math.prod(shape) for shape in shapes)
    return count


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read a model folder's tokenizer.json."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{path} does not exist")
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises a bare Exception
        raise UserError(f"{path} is not a tokenizer: {error}") from None


def end_of_text_ids(folder: Path, tokenizer: Tokenizer, vocab_size: int) -> tuple[int, ...]:
    """Return the ids that end a text: those of generation_config.json, of config.json, or `<|endoftext|>`.

    Raises:
        UserError: there are none, or they are no tokens of the model.
    """
    value: Any = None
    for name in (GENERATION, "config.json"):
        if value is None and (folder / name).is_file():
            value = _read_object(folder / name).get("eos_token_id")
    if value is None:
        value = tokenizer.token_to_id(END_OF_TEXT)
    ids = value if isinstance(value, list) else [value]
    if not ids or not all(isinstance(token, int) and 0 <= token < vocab_size for token in ids):
        raise UserError(f"{folder}: eos_token_id is {value!r}; it must name a token below {vocab_size:,}")
    return tuple(ids)


def _read_object(path: Path) -> dict[str, Any]:
    values = read_json(path)
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold a JSON object")
    return values
