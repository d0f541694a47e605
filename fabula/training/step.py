"""One step's figures, from the device to the host without making either wait."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Step:
    """What one optimizer step found, on its device until it is read."""

    number: int
    figures: Tensor
    """Summed loss, gradient norm, 1 if both are finite, processes asked to stop: float64 (4)."""
    targets: int
    """Real targets over all processes."""
    learning_rate: float
    ready: Any = None
    """On CUDA, the event after which `figures`, a copy in host memory, is complete."""

    def to_host(self) -> "Step":
        """Start the copy to the host; the device goes on with the next step meanwhile."""
        if self.figures.device.type != "cuda":
            return self
        host = torch.empty(self.figures.shape, dtype=self.figures.dtype, pin_memory=True)
        host.copy_(self.figures, non_blocking=True)
        ready = torch.cuda.Event()  # type: ignore[no-untyped-call]
        ready.record()
        return replace(self, figures=host, ready=ready)

    def read(self) -> list[float]:
        """Return the four figures, waiting for this step alone."""
        if self.ready is not None:
            self.ready.synchronize()
        values: list[float] = self.figures.tolist()
        return values
