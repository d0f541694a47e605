"""GPUs that one can rent or own, and how long a step takes on them: computed from data sheets, not measured."""

from dataclasses import dataclass

from fabula.model.config import LlamaConfig
from fabula.recipe import Recipe
from fabula.training import costs
from fabula.training.costs import Pace, Span
from fabula.training.machine import BF16_PEAK_FLOPS

GB = 1e9
PRICES_FROM = "May 2026"
"""When the prices were looked at: H100, H200 and A100 from published comparisons of rental sites, others roughly."""
PRODUCTS_REACH = Span(0.60, 0.75)
"""Share of the data sheet's FLOP/s that matrix products of these shapes reach; assumed."""
MEMORY_REACHES = Span(0.80, 1.0)
"""Share of the data sheet's memory bandwidth; assumed. With `costs.traffic` and the line above, GPT-2-like models of
124 M weights come out at 25 to 60 % MFU; published are 39 to 48 % (MPT-125M and nanoGPT's successors on A100, nanochat
on H100)."""
LAUNCHES = Span(30, 110)
"""Kernels that a layer launches in a micro-batch, compiled or not; assumed."""
LAUNCH_SECONDS = Span(5e-6, 8e-6)
"""Of one kernel; assumed. Small models wait for this and for nothing else."""
STEP_SECONDS = Span(1e-3, 3e-3)
"""Host work that a step waits for, however small the model; assumed."""
OUTSIDE = Span(0.6 * GB, 1.2 * GB)
"""Memory that PyTorch's count doesn't hold: the CUDA context and workspaces."""
FRAGMENTED = 1.08
"""Times the counted memory that the allocator may need; assumed."""
SEVERAL_REACH = Span(0.85, 0.97)
"""Share of ideal division that several GPUs of one machine reach; assumed."""
FLOAT32_SLOWER = 8
"""Times that float32 products, which Fabula doesn't round to TF32, are slower than bfloat16's, at the least."""
UPDATE_BYTES = 36.0
"""Moved by AdamW and clipping for each weight: gradient three times, weight and moments read and written."""


@dataclass(frozen=True)
class Gpu:
    """A GPU's data sheet, and what renting it costs."""

    name: str
    flops: float
    """Dense bfloat16 FLOP/s."""
    memory: float
    """Bytes."""
    bandwidth: float
    """Bytes per second."""
    price: Span
    """Dollars for an hour; an assumption, see `PRICES_FROM`."""


def _gpu(name: str, gigabytes: int, bandwidth: float, price: tuple[float, float], flops: float = 0.0) -> Gpu:
    return Gpu(name, flops or BF16_PEAK_FLOPS[name], gigabytes * GB, bandwidth, Span(*price))


GPUS = (
    _gpu("B200", 180, 7.7e12, (4.0, 9.0)),
    _gpu("H200", 141, 4.8e12, (2.5, 7.0)),
    _gpu("H100", 80, 3.35e12, (2.0, 5.0)),
    _gpu("A100", 80, 2.04e12, (0.8, 3.0)),
    _gpu("L40S", 48, 0.864e12, (0.8, 1.9)),
    _gpu("RTX 5090", 32, 1.79e12, (0.5, 1.0)),
    _gpu("RTX 4090", 24, 1.008e12, (0.35, 0.7)),
    _gpu("RTX 3090", 24, 0.936e12, (0.2, 0.45)),
    _gpu("L4", 24, 0.3e12, (0.4, 0.8)),
    _gpu("RTX 4070", 12, 0.504e12, (0.1, 0.25), flops=58.3e12),
    _gpu("RTX 3060", 12, 0.36e12, (0.05, 0.15), flops=25.5e12),
)
"""A100 is the one of 80 GB, H100 the SXM one."""


def pace(gpu: Gpu, count: int, recipe: Recipe, config: LlamaConfig, attended: float, micro_batch: int) -> Pace:
    """Return the pace of `count` of these GPUs together, in micro-batches of so many windows."""
    precision = "float32" if recipe.train.precision == "float32" else "bfloat16"
    width = 2 if precision == "bfloat16" else 4
    peak = gpu.flops / (1 if width == 2 else FLOAT32_SLOWER)
    products = costs.flops(config, attended).executed * config.context
    moved = costs.traffic(config, width) * config.context
    work = Span(
        products / (peak * PRODUCTS_REACH.high) + moved.low / (gpu.bandwidth * MEMORY_REACHES.high),
        products / (peak * PRODUCTS_REACH.low) + moved.high / (gpu.bandwidth * MEMORY_REACHES.low),
    )
    launches = LAUNCHES * ((config.layers + 1) / micro_batch)
    window = work.at_least(Span(launches.low * LAUNCH_SECONDS.low, launches.high * LAUNCH_SECONDS.high))
    if count > 1:
        window = Span(window.low / count / SEVERAL_REACH.high, window.high / count / SEVERAL_REACH.low)
    return Pace(window, _update_seconds(gpu, recipe, config, peak) + STEP_SECONDS)


def _update_seconds(gpu: Gpu, recipe: Recipe, config: LlamaConfig, peak: float) -> Span:
    moved = UPDATE_BYTES * costs.weights(config).total / gpu.bandwidth
    products = costs.update_flops(config, recipe.optimizer.kind) / peak
    return Span(
        moved / MEMORY_REACHES.high + products / PRODUCTS_REACH.high,
        moved / MEMORY_REACHES.low + products / PRODUCTS_REACH.low,
    )


def needed_memory(recipe: Recipe, config: LlamaConfig, micro_batch: int) -> Span:
    """Return the bytes that a GPU must have for micro-batches of so many windows.

    A compiled model lies in the lower half of what `costs.memory` finds possible, any other in the upper.
    """
    precision = "float32" if recipe.train.precision == "float32" else "bfloat16"
    held = costs.memory(recipe, config, micro_batch, precision).total
    half = (held.low + held.high) / 2
    held = Span(half, held.high) if recipe.train.compile == "off" else Span(held.low, half)
    return Span(held.low, held.high * FRAGMENTED) + OUTSIDE


def largest_micro_batch(gpu: Gpu, recipe: Recipe, config: LlamaConfig, share: int) -> int:
    """Return the most windows of a process's `share` that fit for sure and divide it evenly; 0 when one is too many."""
    divisors = (size for size in range(share, 0, -1) if share % size == 0)
    return next((size for size in divisors if needed_memory(recipe, config, size).high <= gpu.memory), 0)
