"""What this machine is, and the choices that follow from it: device, precision, threads, compiler, allocator."""

import contextlib
import ctypes
import gc
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import torch

import fabula
from fabula.errors import UserError
from fabula.model import resolve as devices
from fabula.model.kernels import has_kernel, instruction_set
from fabula.recipe import Train
from fabula.terminal import say
from fabula.training.processes import Processes

BF16_PEAK_FLOPS = {
    "B200": 2.25e15,
    "H200": 989.4e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989.4e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "A10": 125e12,
    "RTX 5090": 209.5e12,
    "RTX 4090": 165.2e12,
    "RTX 3090": 71e12,
}
"""Dense bfloat16 FLOP/s from the makers' data sheets; the first name found in the device's name counts."""
BF16_WORTH_FROM = 1.5
"""Times that a CPU's bfloat16 product must be faster than float32's before `precision = "auto"` takes it."""
COMPILE_PAYS_AFTER = 1e14
"""Training FLOPs from which `compile = "auto"` compiles on a CPU without the native kernel: less is over too soon."""


def choose_device(train: Train, mine: Processes) -> torch.device:
    """Return the device to train on.

    Raises:
        UserError: a GPU was asked for and there is none.
    """
    kind = devices.choose_device(train.device)
    if kind == "cuda":
        if mine.local_rank >= torch.cuda.device_count():
            raise UserError(
                f"{mine.local_count} processes here, but PyTorch sees {torch.cuda.device_count()} CUDA devices"
            )
        return torch.device("cuda", mine.local_rank)
    return torch.device(kind)


def choose_precision(device: torch.device, mine: Processes) -> Literal["float32", "bfloat16"]:
    """Return what `train.precision = "auto"` means here: bfloat16 on CUDA, and on a CPU that is clearly faster with it.

    CPUs differ by a factor of five (an EPYC of 2023 multiplies bfloat16 2.6 times as fast as float32, a Xeon of that
    year half as fast), so it is measured, for a fifth of a second. Processes on CPUs, which might not agree on what
    they measure, take float32.
    """
    if device.type == "cuda":
        return "bfloat16"
    if device.type != "cpu" or mine.count > 1:
        return "float32"
    seconds = {dtype: _product_seconds(dtype) for dtype in (torch.float32, torch.bfloat16)}
    faster = seconds[torch.float32] > BF16_WORTH_FROM * seconds[torch.bfloat16]
    return "bfloat16" if faster else "float32"


def _product_seconds(dtype: torch.dtype) -> float:
    """Return the least time of a matrix product as training does them."""
    left, right = torch.ones(2048, 256, dtype=dtype), torch.ones(256, 1024, dtype=dtype)
    times = []
    for _ in range(8):
        started = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - started)
    return min(times)


def choose_compile(train: Train, device: torch.device, flops: float) -> bool:
    """Say whether to use torch.compile for a run of `flops`; where a compiler is wanted and missing, say so."""
    if train.compile == "off" or device.type == "mps":
        return False
    if device.type == "cpu":
        if train.compile == "auto" and (has_kernel() or flops < COMPILE_PAYS_AFTER):
            return False
        found = any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++"))
        if not found:
            say("no C++ compiler found (g++ or clang++): training without torch.compile, the same but slower")
        return found
    return True


def use_threads(train: Train, mine: Processes) -> int:
    """Set and return the number of CPU threads of this process."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = train.threads or max(1, available // mine.local_count)
    torch.set_num_threads(threads)
    return threads


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks instead of giving each large one back to the kernel and faulting it in anew.

    Worth 1.4 to 2 times the training speed at GPT-2's vocabulary on a CPU; a no-op where there is no glibc.
    """
    if sys.platform != "linux":
        return
    m_mmap_max, m_trim_threshold = -4, -1
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, -1)
    except (OSError, AttributeError):  # musl has no mallopt
        return


def return_freed_memory() -> None:
    """Give freed blocks back to the kernel now; a no-op where there is no glibc."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def peak_memory(device: torch.device) -> int:
    """Return the most bytes held so far: on the GPU, or by this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte


def peak_flops(device: torch.device) -> float | None:
    """Return the device's dense bfloat16 FLOP/s, or None when it isn't known."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((flops for key, flops in BF16_PEAK_FLOPS.items() if key in name), None)


def describe(device: torch.device) -> dict[str, Any]:
    """Return what a run's record says of the machine and the programs on it."""
    return {
        "versions": {
            "fabula": fabula.__version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in ("torch", "numpy", "tokenizers", "safetensors")},
        },
        "commit": _commit(),
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "processor": _processor(),
            "kernel": instruction_set() if device.type == "cpu" else None,
            "threads": torch.get_num_threads(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        },
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what of two descriptions decides how sums are rounded, and differs, as "PART: NOW (before: BEFORE)".

    What a description doesn't say, for it was written before Fabula recorded it, doesn't differ.
    """
    parts = [("versions", "torch"), *(("machine", part) for part in ("device", "processor", "kernel"))]
    return [
        f"{part}: {now[group][part] or 'none'} (before: {before[group][part] or 'none'})"
        for group, part in parts
        if part in before.get(group, {}) and before[group][part] != now[group][part]
    ]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of the source tree that Fabula runs from, with `+` when files differ from it."""
    source = Path(fabula.__file__).parent
    git = ["git", "-C", str(source)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain", "."], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
