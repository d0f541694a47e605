"""The processes that train together: torchrun starts them, this file lets them find each other."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Processes:
    """This process among those that train together (torchrun sets them by environment variables)."""

    rank: int
    count: int
    local_rank: int
    local_count: int

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files and talks."""
        return self.rank == 0


def processes() -> Processes:
    """Read torchrun's variables; without them, one process."""
    names = (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0), ("LOCAL_WORLD_SIZE", 1))
    return Processes(*(int(os.environ.get(name, default)) for name, default in names))


@contextlib.contextmanager
def process_group(device: torch.device, mine: Processes, patience: timedelta | None = None) -> Iterator[None]:
    """Let the processes talk to each other while the block runs; one process alone needs nothing.

    `patience` is how long they wait for each other; None: PyTorch's default.
    """
    if mine.count == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=patience)
    try:
        yield
    finally:
        dist.destroy_process_group()
