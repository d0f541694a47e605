"""A model folder's weights as the kernel takes them: addresses of rows in the mapped files, nothing copied."""

import json
import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from fabula.errors import UserError
from fabula.model.config import LlamaConfig
from fabula.model.folder import weight_files

DTYPES = {"F32": (0, 4), "BF16": (1, 2), "F16": (2, 2)}
"""The kernel's number for a safetensors dtype, and the bytes of one of its numbers."""
EXPONENTS = {"F32": (np.uint32, 0x7F800000), "BF16": (np.uint16, 0x7F80), "F16": (np.uint16, 0x7C00)}
"""A number of the dtype as a word, and the bits that are all 1 in infinity and NaN."""
CHUNK = 1 << 20
"""Numbers looked at together."""


@dataclass(frozen=True)
class Matrix:
    """A weight in a mapped file."""

    address: int
    shape: tuple[int, ...]
    dtype: str

    def row_addresses(self) -> NDArray[np.uint64]:
        """Return where each row begins, shape (rows,)."""
        rows, columns = self.shape
        size = columns * DTYPES[self.dtype][1]
        return np.uint64(self.address) + np.arange(rows, dtype=np.uint64) * np.uint64(size)


class Weights:
    """The weights of a plain Llama, mapped: they stay in memory as long as this object."""

    def __init__(self, folder: Path, config: LlamaConfig) -> None:
        """Map the files and check every name and shape.

        Raises:
            UserError: a file is missing or damaged, or the weights are not those that config.json describes.
        """
        self.folder = folder
        self._files: list[mmap.mmap] = []
        self._maps: list[NDArray[np.uint8]] = []
        self._found: dict[str, Matrix] = {}
        for path in weight_files(folder):
            self._add(path)
        if config.tied and "model.embed_tokens.weight" in self._found:
            self._found["lm_head.weight"] = self._found["model.embed_tokens.weight"]
        unexpected = set(self._found)
        for name, shape in expected_shapes(config):
            if name not in self._found:
                raise UserError(f"{folder}: the weight {name} is missing")
            if self._found[name].shape != shape:
                found = list(self._found[name].shape)
                raise UserError(f"{folder}: {name} has shape {found}, config.json says {list(shape)}")
            unexpected.remove(name)
        if unexpected:
            raise UserError(f"{folder}: unexpected weight {min(unexpected)}")

    def let_go(self) -> None:
        """Give the memory of what was read back to the system; what is looked at again is read from the file again."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for file in self._files:
                file.madvise(mmap.MADV_DONTNEED)

    def matrix(self, name: str) -> Matrix:
        """Return a weight by its name in the file."""
        return self._found[name]

    def numbers(self, name: str) -> NDArray[np.float32]:
        """Return a copy of a weight: float32, of its shape."""
        found = self._found[name]
        raw = self._bytes_of(found)
        if found.dtype == "BF16":
            numbers = (raw.view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)
        else:
            numbers = raw.view(np.float32 if found.dtype == "F32" else np.float16).astype(np.float32)
        return numbers.reshape(found.shape)

    def check_finite(self, name: str) -> None:
        """Look for infinity and NaN in a weight that nothing else looks through.

        Raises:
            UserError: there is one.
        """
        found = self._found[name]
        word, exponent = EXPONENTS[found.dtype]
        words = self._bytes_of(found).view(word)
        for start in range(0, len(words), CHUNK):
            if ((words[start : start + CHUNK] & exponent) == exponent).any():
                raise UserError(f"{self.folder}: a number of {name} is not finite")

    def _bytes_of(self, matrix: Matrix) -> NDArray[np.uint8]:
        owner = next(one for one in self._maps if one.ctypes.data <= matrix.address < one.ctypes.data + one.size)
        start = matrix.address - owner.ctypes.data
        return owner[start : start + math.prod(matrix.shape) * DTYPES[matrix.dtype][1]]

    def _add(self, path: Path) -> None:
        header = read_header(path)
        with path.open("rb") as file:
            self._files.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        mapped = np.frombuffer(self._files[-1], np.uint8)
        self._maps.append(mapped)
        for name, entry in header.items():
            if name.endswith("rotary_emb.inv_freq"):
                continue
            if entry["dtype"] not in DTYPES:
                raise UserError(f"{path}: {name} is stored as {entry['dtype']}; allowed are F32, BF16 and F16")
            if name in self._found:
                raise UserError(f"{path}: {name} is in another file too")
            self._found[name] = Matrix(mapped.ctypes.data + entry["start"], tuple(entry["shape"]), entry["dtype"])


def expected_shapes(config: LlamaConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the names of a plain Llama's weights and their shapes; one by one, for config.json may ask for any number.

    The embedding is first, the head last.
    """
    hidden, width = config.hidden, config.heads * config.head_width
    kv_width, intermediate = config.kv_heads * config.head_width, config.intermediate
    yield "model.embed_tokens.weight", (config.vocab_size, hidden)
    for layer in range(config.layers):
        parts: dict[str, tuple[int, ...]] = {
            "input_layernorm": (hidden,),
            "self_attn.q_proj": (width, hidden),
            "self_attn.k_proj": (kv_width, hidden),
            "self_attn.v_proj": (kv_width, hidden),
            "self_attn.o_proj": (hidden, width),
            "post_attention_layernorm": (hidden,),
            "mlp.gate_proj": (intermediate, hidden),
            "mlp.up_proj": (intermediate, hidden),
            "mlp.down_proj": (hidden, intermediate),
        }
        for part, shape in parts.items():
            yield f"model.layers.{layer}.{part}.weight", shape
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (config.vocab_size, hidden)


def read_header(path: Path) -> dict[str, dict[str, Any]]:
    """Return a safetensors file's weights: `dtype`, `shape`, and `start`, the offset in the file.

    Raises:
        UserError: the file is damaged. The library has checked every offset and size before ours are computed.
    """
    try:
        with safe_open(path, "np") as file:
            names = set(file.keys())
    except SafetensorError as error:
        raise UserError(f"{path} is damaged: {error}") from None
    with path.open("rb") as raw:
        size = int.from_bytes(raw.read(8), "little")
        header = json.loads(raw.read(size))
    return {name: {**header[name], "start": 8 + size + header[name]["data_offsets"][0]} for name in names}
