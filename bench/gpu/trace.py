"""What a profile says: how long the device had nothing to do, what it did, and when the host waited for it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaMemcpy", "Memcpy DtoH")
"""Calls in which the host waits for the device, and copies that may be the reason."""
KINDS = (
    ("attention", ("flash", "fmha", "cudnn_generated_fort_native_sdpa")),
    ("matrix products", ("gemm", "nvjet", "cutlass", "xmma", "wgmma", "cublas")),
    ("optimizer", ("multi_tensor_apply", "adam")),
    ("copies", ("memcpy", "memset")),
    ("compiled", ("triton",)),
)
"""Kernels by parts of their names, the first that fits."""


class Span(NamedTuple):
    """Something that took time, on the host or on the device."""

    name: str
    start: float
    """Microseconds."""
    end: float
    on_device: bool


def spans(profiler: Any) -> list[Span]:
    """Return a finished profile's events."""
    return [
        Span(event.name, event.time_range.start, event.time_range.end, event.device_type.name == "CUDA")
        for event in profiler.events()
    ]


def summary(found: Sequence[Span]) -> dict[str, Any]:
    """Return the device's idle share, its time by kind of kernel, and how often the host waited."""
    device = sorted((span for span in found if span.on_device and span.end > span.start), key=lambda span: span.start)
    waits: dict[str, int] = defaultdict(int)
    for span in found:
        for name in WAITS:
            # cudaMemcpyAsync is no wait: the name has to end there.
            if span.name == name or (name.startswith("Memcpy") and span.name.startswith(name)):
                waits[name] += 1
    if not device:
        return {"idle_share": None, "device_share": {}, "slowest_kernels": [], "waits": dict(waits)}
    whole = max(span.end for span in device) - device[0].start
    return {
        "idle_share": 1 - busy(device) / whole,
        "device_share": _shares(device),
        "slowest_kernels": _slowest(device),
        "waits": dict(waits),
    }


def busy(device: Sequence[Span]) -> float:
    """Return the time in which at least one of some spans, in the order of their starts, was running."""
    total, until = 0.0, float("-inf")
    for span in device:
        total += max(0.0, span.end - max(span.start, until))
        until = max(until, span.end)
    return total


def kind(kernel: str) -> str:
    """Return what sort of work a kernel does, by its name."""
    name = kernel.lower()
    return next((kind for kind, parts in KINDS if any(part in name for part in parts)), "other")


def _shares(device: Sequence[Span]) -> dict[str, float]:
    """Return each kind's share of all kernels' time."""
    times: dict[str, float] = defaultdict(float)
    for span in device:
        times[kind(span.name)] += span.end - span.start
    whole = sum(times.values())
    return {name: time / whole for name, time in sorted(times.items(), key=lambda item: -item[1])}


def _slowest(device: Sequence[Span], count: int = 12) -> list[dict[str, Any]]:
    """Return the kernels that took most time in all."""
    times: dict[str, list[float]] = defaultdict(list)
    for span in device:
        times[span.name].append(span.end - span.start)
    whole = sum(map(sum, times.values()))
    most = sorted(times.items(), key=lambda item: -sum(item[1]))[:count]
    return [{"kernel": name[:120], "times": len(each), "share": sum(each) / whole} for name, each in most]
