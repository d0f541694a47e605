"""From a seed to a history: chooses a schema and lets it unfold on a stage."""

from __future__ import annotations

import random
from itertools import accumulate

from fabula.corpus.storyworld.cast import Stage
from fabula.corpus.storyworld.record import Record
from fabula.corpus.storyworld.schemas import SCHEMAS

_CUMULATIVE = list(accumulate(schema.weight for schema in SCHEMAS))


def history(seed: int, index: int) -> Record:
    """Simulate the history of story `index` of the series `seed`; nothing is told yet, so spans are empty."""
    chance = random.Random(f"storyworld/{seed}/{index}/history")
    schema = chance.choices(SCHEMAS, cum_weights=_CUMULATIVE)[0]
    stage = Stage(
        chance, trait=chance.choice(schema.traits), realm=chance.choice(schema.realms), indoors=schema.indoors
    )
    schema.unfold(stage)
    return Record(
        schema.name,
        seed,
        index,
        tuple(stage.characters),
        tuple(stage.things),
        tuple(stage.places),
        tuple(stage.initial),
        tuple(stage.events),
    )
