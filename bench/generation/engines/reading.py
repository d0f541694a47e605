"""No engine, but the limit of all: how fast this machine reads memory, measured in the same rounds."""

import ctypes
import mmap
import os
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bench.generation.engines import Spec

SECONDS = 0.1
"""One reading takes about this long."""
READINGS = 5
"""The fastest counts: it is a limit that is sought."""
SOURCE = Path(__file__).with_name("read.c")


class Reading:
    """Reads a block of memory, in huge pages where the system gives them, with C or else with NumPy."""

    weight_bytes, version = 0, ""

    def __init__(self, spec: Spec) -> None:
        self.threads = spec["threads"]
        block = mmap.mmap(-1, max(spec["sizes"]))
        if hasattr(mmap, "MADV_HUGEPAGE"):
            block.madvise(mmap.MADV_HUGEPAGE)
        self.block = np.frombuffer(block, dtype=np.uint64)
        self.block[:] = 1  # untouched pages would all be one and the same page of zeros
        self.library = compiled()
        self.computes = "C" if self.library else "NumPy (no C compiler): an underestimate"

    def read(self, size: int) -> float:
        """Return the bytes per second at which all threads together read the first `size` bytes, again and again."""
        passes = max(1, round(SECONDS / self._seconds(size, 1)))
        return passes * size / min(self._seconds(size, passes) for _ in range(READINGS))

    def _seconds(self, size: int, passes: int) -> float:
        if self.library:
            return float(self.library.read_seconds(self.block.ctypes.data, size, self.threads, passes))
        parts = np.array_split(self.block[: size // 8], self.threads)
        with ThreadPoolExecutor(self.threads) as pool:
            begun = time.perf_counter()
            for _ in range(passes):
                list(pool.map(np.sum, parts))
            return time.perf_counter() - begun


def compiled() -> ctypes.CDLL | None:
    """Compile `read.c`; None where there is no compiler."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "read.so"
        options = ["-O3", "-march=native", "-shared", "-fPIC", "-pthread"]
        subprocess.run([compiler, *options, str(SOURCE), "-o", str(out)], check=True)
        library = ctypes.CDLL(str(out))
    library.read_seconds.restype = ctypes.c_double
    library.read_seconds.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int]
    return library


def load(spec: Spec) -> Reading:
    """Allocate the memory."""
    return Reading(spec)
