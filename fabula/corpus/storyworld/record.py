"""What a story is made of: the text, and the record of everything that happened in it.

The record is the ground truth of a story. It is plain data: replaying `initial` and then the effects of each
event gives the whole state of the small world at any moment, without the simulator.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

PRONOUNS = {
    "she": ("she", "her", "her", "herself"),
    "he": ("he", "him", "his", "himself"),
}
"""Subject, object, possessive and reflexive form of each pronoun that a character may have."""


@dataclass(frozen=True)
class Character:
    """Someone in a story."""

    id: str  # "c0" is the hero
    name: str  # "Lily", "Mom"; for someone without a name the noun: "old man"
    kind: str  # "girl", "rabbit", "old man"
    pronoun: str  # "she" or "he"
    role: str  # "hero", "friend", "mom", "stranger", ...
    traits: tuple[str, ...]
    named: bool  # False: told of as "the old man"
    animal: bool


@dataclass(frozen=True)
class Thing:
    """An object that can be held, given, lost, broken and mended."""

    id: str  # "t0"
    noun: str  # "ball"
    colour: str  # "" when the story does not give one
    quality: str  # "shiny"; "" when the story does not give one
    category: str  # "toy", "food", ...


@dataclass(frozen=True)
class Place:
    """Somewhere a story happens."""

    id: str  # "p0" is the hero's home
    noun: str  # "park"
    where: str  # "in the park"
    whither: str  # "to the park"


@dataclass(frozen=True)
class Effect:
    """One state variable that an event sets.

    `variable` is one of place, holder, owner, condition ("whole" or "broken"), lost ("yes" or "no"), feels,
    weather, stuck; `subject` is the id it is about (the weather's subject is "sky"). For a feeling, `because`
    is the index of the event that is its reason; otherwise it is the index of the event itself.
    """

    variable: str
    subject: str
    value: str
    because: int


@dataclass(frozen=True)
class Event:
    """Something that happened: who did what to what, what it changed, why, and where the text tells it."""

    index: int
    kind: str
    agent: str
    patient: str = ""  # the other character: who is given something, asked, helped
    companions: tuple[str, ...] = ()  # who does it together with the agent
    thing: str = ""
    other: str = ""  # a second thing: what is traded for, what it is made of
    place: str = ""
    detail: dict[str, str] = field(default_factory=dict)  # words chosen for it: {"skill": "ride a bike"}
    effects: tuple[Effect, ...] = ()
    causes: tuple[int, ...] = ()  # indices of earlier events
    scene: int = 0  # events of one scene share the number
    span: tuple[int, int] = (0, 0)  # character offsets in the text, end exclusive
    quotes: tuple[str, ...] = ()  # the sentences or clauses of the text that state it

    def participants(self) -> tuple[str, ...]:
        """Return the ids of everyone in the event, the agent first."""
        return tuple(c for c in (self.agent, *self.companions, self.patient) if c)


@dataclass(frozen=True)
class Record:
    """Everything true in a story."""

    schema: str
    seed: int
    index: int
    characters: tuple[Character, ...]
    things: tuple[Thing, ...]
    places: tuple[Place, ...]
    initial: tuple[Effect, ...]  # the state before the first event; `because` is -1
    events: tuple[Event, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the record as dictionaries, lists, strings and integers only."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


@dataclass(frozen=True)
class Story:
    """A told history: `text` has paragraphs separated by one newline and no blank at either end."""

    text: str
    record: Record


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
