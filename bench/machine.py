"""What this machine is, without its name."""

import os
import platform
import re
from pathlib import Path

NOTABLE = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> str:
    """Name the CPU's model, its vector instructions and the memory."""
    found = Path("/proc/cpuinfo")
    if not found.exists():
        return f"{platform.processor() or platform.machine()}, {cores()} cores, {platform.system()}"
    text = found.read_text()

    def stated(name: str) -> str:
        match = re.search(rf"^{name}\s*:\s*(.*)$", text, re.MULTILINE)
        return match[1].strip() if match else "unknown"

    flags = set(stated("flags").split())
    vectors = ", ".join(name for name in NOTABLE if name in flags) or "no notable vector instructions"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = f"{stated('model name')} (family {stated('cpu family')}, model {stated('model')})"
    return f"{model}, {cores()} cores, {memory:.0f} GiB, {vectors}, Linux"
