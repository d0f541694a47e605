"""The built-in story world: a seeded simulator of small worlds that tells each history as a short story.

history(seed, index)  what happens: cast, places, things, events with causes and effects (planner, world, schemas)
tell(seed, index)     the same history as text, with the place in the text where each event is told (telling)
long_history, tell_long  the same for stories of several chapters (long): early facts that matter late
contradictions(story) what the text or the record states that cannot be true (checking; knows no simulator)
measures.measure(...) how varied and how sound many stories are
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from fabula.corpus.storyworld.checking import contradictions
from fabula.corpus.storyworld.long.composing import long_history
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
    "is_long",
    "long_history",
    "stories",
    "tell",
    "tell_long",
]


def tell(seed: int, index: int) -> Story:
    """Return story `index` of the series `seed`: a pure function, the same on every platform."""
    chance = random.Random(f"storyworld/{seed}/{index}/telling")
    return Teller(history(seed, index), chance).tell()


def tell_long(seed: int, index: int) -> Story:
    """Return long story `index` of the series `seed`: several chapters, in which what was told early matters late."""
    chance = random.Random(f"storyworld/{seed}/{index}/long telling")
    return Teller(long_history(seed, index), chance).tell()


def is_long(seed: int, index: int, long_share: float) -> bool:
    """Tell whether story `index` of the series `seed` is a long one when that share of the stories is."""
    return random.Random(f"storyworld/{seed}/{index}/length").random() < long_share


def stories(seed: int, start: int, stop: int, long_share: float = 0.0) -> Iterator[Story]:
    """Yield the stories with the indices from `start` up to `stop`, exclusive; `long_share` of them are long ones."""
    for index in range(start, stop):
        yield tell_long(seed, index) if is_long(seed, index, long_share) else tell(seed, index)
