"""What would break into a step: signals, which wait for its end, and Python's garbage collector, which does too."""

import contextlib
import gc
import signal
from collections.abc import Callable, Iterator
from types import FrameType

STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1")


@contextlib.contextmanager
def signals_as(answer: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Send Ctrl-C, SIGTERM and SIGUSR1 to `answer` while the block runs."""
    present = [getattr(signal, name) for name in STOP_SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, answer) for number in present}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def no_collections() -> Iterator[None]:
    """Collect garbage only when asked (`gc.collect()`) while the block runs, and never look at what is there now.

    A full collection walks every object of PyTorch and its friends: hundreds of milliseconds in the midst of a step,
    for which all other processes of a run wait.
    """
    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()
