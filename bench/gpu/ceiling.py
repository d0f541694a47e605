"""How fast the GPU multiplies bfloat16 matrices at all, and those of the model."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.gpu.settings import Settings, synchronize
from fabula.recipe import Recipe

LARGE = {"cuda": 8192, "cpu": 64}
"""Side of the square matrices whose product is the ceiling."""
ROWS = {"cuda": 32_768, "cpu": 128}
"""Tokens of a micro-batch in the model's products."""
REPEATS = {"cuda": 20, "cpu": 2}
ALIGNMENT = 64
"""Rows that a padded vocabulary is a multiple of."""


@dataclass(frozen=True)
class Product:
    """A linear layer's products: forward, and the two of backward."""

    name: str
    inputs: int
    outputs: int
    count: int
    """How many a model has."""


def run(settings: Settings) -> dict[str, Any]:
    """Return FLOP/s of the ceiling and of each product, and what the model's products alone would take."""
    device, recipe = settings.torch_device, settings.load()
    side = LARGE[settings.device]
    ceiling = flops_per_second(side, side, side, device)
    rows = ROWS[settings.device]
    measured = [_measured(product, rows, device) for product in products(recipe, settings.vocabulary)]
    used = [entry for entry in measured if entry["count"]]
    seconds = sum(entry["count"] * entry["seconds"] for entry in used) / rows
    flops = sum(entry["count"] * entry["flops"] for entry in used) / rows
    return {
        "side": side,
        "flops_per_second": ceiling,
        "rows": rows,
        "products": measured,
        "products_alone_tokens_per_second": 1 / seconds,
        "products_alone_of_ceiling": flops / seconds / ceiling,
    }


def products(recipe: Recipe, vocabulary: int) -> list[Product]:
    """Return the model's products; those with a count of 0 stand beside them for comparison."""
    model = recipe.model
    head_width = model.hidden // model.heads
    keys = (model.kv_heads or model.heads) * head_width
    padded = -(-vocabulary // ALIGNMENT) * ALIGNMENT
    return [
        Product("query, output", model.hidden, model.hidden, 2 * model.layers),
        Product("key, value", model.hidden, keys, 2 * model.layers),
        Product("query, key and value in one", model.hidden, model.hidden + 2 * keys, 0),
        Product("gate, up", model.hidden, model.intermediate, 2 * model.layers),
        Product("gate and up in one", model.hidden, 2 * model.intermediate, 0),
        Product("down", model.intermediate, model.hidden, model.layers),
        Product("head", model.hidden, vocabulary, 1),
        Product("head, padded", model.hidden, padded, 0),
    ]


def _measured(product: Product, rows: int, device: torch.device) -> dict[str, Any]:
    # A head's logits for all rows at once would be 3 GB: a chunk of them, as in training, costs the same per row.
    chunk = min(rows, rows // 8 if product.name.startswith("head") else rows)
    x = torch.randn(chunk, product.inputs, device=device, dtype=torch.bfloat16)
    weight = torch.randn(product.outputs, product.inputs, device=device, dtype=torch.bfloat16)
    grad = torch.randn(chunk, product.outputs, device=device, dtype=torch.bfloat16)
    parts = {
        "forward": lambda: x @ weight.T,
        "input_gradient": lambda: grad @ weight,
        "weight_gradient": lambda: grad.T @ x,
    }
    seconds = {name: median_seconds(part, device) * rows / chunk for name, part in parts.items()}
    flops = 6.0 * rows * product.inputs * product.outputs
    total = sum(seconds.values())
    return {**vars(product), "flops": flops, "seconds": total, "flops_per_second": flops / total, "parts": seconds}


def flops_per_second(m: int, k: int, n: int, device: torch.device) -> float:
    """Return how fast (m, k) x (k, n) is in bfloat16, on random numbers: zeros are faster."""
    left = torch.randn(m, k, device=device, dtype=torch.bfloat16)
    right = torch.randn(k, n, device=device, dtype=torch.bfloat16)
    return 2.0 * m * k * n / median_seconds(lambda: left @ right, device)


def median_seconds(work: Callable[[], Tensor], device: torch.device) -> float:
    """Return the median time of some repeats, of which each is timed on the device's own clock."""
    for _ in range(3):
        work()
    times = []
    for _ in range(REPEATS[device.type]):
        started = mark(device)
        work()
        times.append((started, mark(device)))
    synchronize(device)
    return statistics.median(between(*pair) for pair in times)


def mark(device: torch.device) -> Any:
    """Return a point in time: on CUDA an event in the stream, which nobody waits for."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event


def between(start: Any, end: Any) -> float:
    """Return the seconds between two marks that the device has passed."""
    return float(end - start if isinstance(start, float) else start.elapsed_time(end) / 1e3)
