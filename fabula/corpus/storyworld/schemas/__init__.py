"""The narrative schemas: each is a function that lets a history happen on a stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fabula.corpus.storyworld.cast import Stage
from fabula.corpus.storyworld.schemas import courage, finding, friendship, helping, journeys, lessons


@dataclass(frozen=True)
class Schema:
    """A kind of story: what happens, the hero's traits and the worlds that it fits, and how often it is told."""

    name: str
    unfold: Callable[[Stage], None]
    traits: tuple[str, ...] = ("",)  # "" is any good trait
    realms: tuple[str, ...] = ("",)  # "" is any
    weight: int = 2
    indoors: bool = False  # may be told in any weather


SCHEMAS: tuple[Schema, ...] = (
    Schema("lost and found", finding.lost, weight=3),
    Schema("mystery", finding.mystery, realms=("t", "w")),
    Schema("trade", finding.trade),
    Schema("quarrel", friendship.quarrel, ("", "stubborn"), weight=3),
    Schema("newcomer", friendship.newcomer),
    Schema("surprise", friendship.surprise),
    Schema("sharing", friendship.sharing, ("", "greedy")),
    Schema("fear overcome", courage.fear, ("", "shy"), weight=3),
    Schema("skill learned", courage.skill, ("", "impatient"), weight=3),
    Schema("contest", courage.contest, ("", "boastful")),
    Schema("helping a stranger", helping.stranger, weight=3),
    Schema("rescue", helping.rescue),
    Schema("gift", helping.gift, weight=3, indoors=True),
    Schema("broken and confessed", lessons.broken, ("", "careless"), weight=3),
    Schema("warning ignored", lessons.warning, ("", "stubborn", "curious"), weight=3),
    Schema("tidying up", lessons.tidy, ("messy",), ("t",), weight=1, indoors=True),
    Schema("spoiled plan", lessons.spoiled),
    Schema("quest", journeys.quest, weight=3),
    Schema("garden", journeys.garden, ("", "impatient")),
    Schema("wish", journeys.wish),
)
