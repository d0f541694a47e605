"""Fabula trains small storytelling language models and measures how storytelling emerges."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fabula.generation import load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    if name == "load":
        from fabula.generation import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
