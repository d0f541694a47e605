"""The limit: the matrix products of a training step and nothing else, each into memory that is already there."""

from itertools import chain
from typing import Any

import torch

from bench.training.counting import Count
from bench.training.engines.loop import prepare
from bench.training.pace import Pace

CHUNK = 2048
"""Rows of a product at once, so that the head's result stays small."""


def train(spec: dict[str, Any], pace: Pace) -> None:
    """Multiply, step after step: forward, for the inputs' gradient, and for the weights'."""
    prepare(spec)
    dtype = getattr(torch, spec["precision"])
    tokens = spec["rows"] * spec["shape"]["context"]
    shapes = matrices(spec["shape"])
    pace.facts = {
        "version": f"torch {torch.__version__}",
        "parameters": 0,
        "matrix_weights": sum(times * width * height for times, width, height in shapes),
    }
    rows = [min(CHUNK, tokens - start) for start in range(0, tokens, CHUNK)]
    products = [
        (times, product)
        for times, width, height in shapes
        for product in chain.from_iterable(_products(count, width, height, dtype) for count in rows)
    ]
    while True:
        for times, (left, right, out) in products:
            for _ in range(times):
                torch.mm(left, right, out=out)
        pace.step(0.0, lambda: Count(targets=tokens))


def matrices(shape: dict[str, Any]) -> list[tuple[int, int, int]]:
    """Return how often each size of weight matrix occurs in a Llama, and that size: inputs and outputs."""
    hidden, layers = shape["hidden"], shape["layers"]
    keys = hidden // shape["heads"] * shape["kv_heads"]
    return [
        (2 * layers, hidden, hidden),
        (2 * layers, hidden, keys),
        (2 * layers, hidden, shape["intermediate"]),
        (layers, shape["intermediate"], hidden),
        (1, hidden, shape["vocab_size"]),
    ]


def _products(rows: int, width: int, height: int, dtype: torch.dtype) -> list[tuple[torch.Tensor, ...]]:
    inputs, weight, outputs = (
        torch.randn(*size).to(dtype) for size in ((rows, width), (height, width), (rows, height))
    )
    return [
        (inputs, weight.T, torch.empty_like(outputs)),
        (outputs, weight, torch.empty_like(inputs)),
        (outputs.T, inputs, torch.empty_like(weight)),
    ]
