"""Models for the native kernel: tiny ones in a folder's weights, with nothing else around them."""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from hypothesis import strategies as st
from safetensors.torch import save_file

from fabula.generation.backend import Feed, Floats, Precision
from fabula.generation.native import NativeBackend, _declared, _Shape
from fabula.generation.native.weights import Weights
from fabula.model.folder import WEIGHTS
from fabula.model.llama import Llama
from fabula.native.library import library
from tests.tiny import tiny_model

PRECISIONS: list[Precision] = ["float32", "bfloat16", "int8", "int4"]
DTYPES = [torch.float32, torch.bfloat16, torch.float16]


def instruction_sets() -> list[str]:
    """Those that were built and that this machine runs, the best first."""
    found = library()
    if found is None:
        return []
    kernel, shape = _declared(found), _Shape(1, 2, 1, 1, 1, 2, 1, 1, 1e-6)
    there = []
    for name in ("avx512bf16", "avx512", "avx2", "neon", "portable"):
        if model := kernel.fabula_model_new(ctypes.byref(shape), 0, 1, name.encode()):
            kernel.fabula_model_free(model)
            there.append(name)
    return there


SETS = instruction_sets()
FUSED = [name for name in SETS if name.startswith("avx")]
"""Sets that round alike: each multiplies and adds in one step."""


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, int | bool]:
    """Shapes that fill no vector: sizes that are multiples of nothing, heads from narrow to wide."""
    kv_heads, group = draw(st.sampled_from([1, 2, 3])), draw(st.sampled_from([1, 2, 3, 4, 7]))
    width = 2 * draw(st.integers(1, 40))
    heads = kv_heads * group if kv_heads * group * width <= 400 else kv_heads
    return {
        "vocab_size": draw(st.integers(257, 330)),
        "hidden": heads * width,
        "layers": draw(st.integers(1, 2)),
        "heads": heads,
        "kv_heads": kv_heads,
        "intermediate": draw(st.integers(1, 150)),
        "context": draw(st.integers(1, 70)),
        "tied": draw(st.booleans()),
    }


def stored(model: Llama, dtype: torch.dtype) -> Llama:
    """Round a model's weights to what a file of this dtype holds."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.to(dtype))
    return model


def random_model(seed: int = 0, dtype: torch.dtype = torch.float32, **shape: int | bool) -> Llama:
    """A model whose products keep the size of their inputs, with gains; its weights are numbers of the dtype."""
    hidden = shape.get("hidden", 32)
    model = tiny_model(seed, initializer_range=hidden**-0.5, **shape)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.copy_(1 + 0.3 * torch.randn(parameter.shape, generator=generator))
    return stored(model, dtype)


def native(
    model: Llama,
    precision: Precision = "float32",
    threads: int = 1,
    instruction_set: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> NativeBackend:
    """Give a model to the kernel, by way of a file of this dtype."""
    with TemporaryDirectory() as folder:  # what is mapped outlives its name
        tensors = {name: tensor.to(dtype).clone() for name, tensor in model.state_dict().items()}
        if model.config.tied:
            del tensors["lm_head.weight"]
        save_file(tensors, Path(folder, WEIGHTS))
        weights = Weights(Path(folder), model.config)
        return NativeBackend(weights, model.config, precision, threads, instruction_set)


def read_all(backend: NativeBackend, tokens: Sequence[int]) -> Floats:
    """Return the logits after each token of a story that is read alone and at once: (T, V)."""
    slot = backend.open(len(tokens))
    rows = backend.read([Feed(slot, 0, tokens, len(tokens))])
    logits = np.stack([backend.logits(row) for row in range(rows)])
    backend.close(slot)
    return logits


def random_tokens(backend: NativeBackend, random: np.random.Generator, length: int | None = None) -> list[int]:
    """Return a story of some length that the context holds."""
    length = length or int(random.integers(1, backend.context + 1))
    return random.integers(0, backend.vocab_size, length).tolist()


def same_bits(a: Floats, b: Floats) -> bool:
    """Say whether two arrays of floats are the same to the last bit."""
    return a.tobytes() == b.tobytes()


def error(found: Floats, expected: Floats) -> float:
    """Return the largest difference over the largest magnitude."""
    return float(np.abs(found.astype(np.float64) - expected).max() / np.abs(expected).max())
