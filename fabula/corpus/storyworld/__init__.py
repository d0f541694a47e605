"""The built-in story world: a seeded simulator of small worlds that tells each history as a short story.

history(seed, index)  what happens: cast, places, things, events with causes and effects (planner, world, schemas)
tell(seed, index)     the same history as text, with the place in the text where each event is told (telling)
contradictions(story) what the text or the record states that cannot be true (checking; knows no simulator)
measures.measure(...) how varied and how sound many stories are
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from fabula.corpus.storyworld.checking import contradictions
from fabula.corpus.storyworld.planner import history
from fabula.corpus.storyworld.record import Character, Effect, Event, Place, Record, Story, Thing
from fabula.corpus.storyworld.telling.teller import Teller

__all__ = [
    "Character",
    "Effect",
    "Event",
    "Place",
    "Record",
    "Story",
    "Thing",
    "contradictions",
    "history",
    "stories",
    "tell",
]


def tell(seed: int, index: int) -> Story:
    """Return story `index` of the series `seed`: a pure function, the same on every platform."""
    chance = random.Random(f"storyworld/{seed}/{index}/telling")
    return Teller(history(seed, index), chance).tell()


def stories(seed: int, start: int, stop: int) -> Iterator[Story]:
    """Yield the stories with the indices from `start` up to `stop`, exclusive."""
    for index in range(start, stop):
        yield tell(seed, index)
