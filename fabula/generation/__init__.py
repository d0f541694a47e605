"""A checkpoint to stories: sampling, backends, and the engine that tells them.

Names are imported when they are first used: a story that is told by the native kernel never waits for PyTorch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fabula.generation.engine import Engine, Request, Story
    from fabula.generation.sampling import Sampling
    from fabula.generation.story import Steer, StopReason
    from fabula.generation.storyteller import Piece, Storyteller, Telling, load

__all__ = ["Engine", "Piece", "Request", "Sampling", "Steer", "StopReason", "Story", "Storyteller", "Telling", "load"]

_HOMES = {
    "Engine": "engine",
    "Piece": "storyteller",
    "Request": "story",
    "Sampling": "sampling",
    "Steer": "story",
    "StopReason": "story",
    "Story": "story",
    "Storyteller": "storyteller",
    "Telling": "storyteller",
    "load": "storyteller",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
