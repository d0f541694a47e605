"""A checkpoint to stories: sampling, and the engine that tells them."""

from fabula.generation.engine import Piece, StopReason, Storyteller, Telling, load
from fabula.generation.sampling import Sampling

__all__ = ["Piece", "Sampling", "StopReason", "Storyteller", "Telling", "load"]
