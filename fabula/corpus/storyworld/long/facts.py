"""Facts that bind two words, and the language in which their kinds are written down.

A kind is a block of lines. Its first line names it, the pool of its keys, the pool of its values, and where one is
needed the frames, of which a story chooses one; the pool of people is "people". The other lines are templates (see
telling/grammar.py) for its events:

    scene   what it is all about, before the facts of the kind are told
    plant   tells one fact
    pair    tells two facts in one sentence
    recall  asks for the value: it names the key, and the value comes last or nearly so
    whose   asks for the key: it names the value

In them KEY, VALUE, KEY2, VALUE2 and FRAME stand for the words. A key that is somebody is the agent `a` of the event
(KEY2: the patient `b`); else the agent is the hero. `c` is somebody else who is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PEOPLE = "people"
PLANTS = ("plant", "pair")
RECALLS = ("recall", "whose")
ROLES = ("scene", *PLANTS, *RECALLS)
"""What the events of a fact do; an event's kind is the role and the name of the fact's kind: "recall wish"."""


@dataclass(frozen=True)
class FactKind:
    """A kind of fact: its pools, its frames, and the templates of its events by role."""

    name: str
    keys: str
    values: str
    frames: tuple[str, ...]
    phrases: dict[str, tuple[str, ...]]
    realms: str = "tw"

    def event_phrases(self) -> dict[str, list[str]]:
        """Return the templates by kind of event."""
        return {f"{role} {self.name}": list(templates) for role, templates in self.phrases.items()}


@dataclass(frozen=True)
class Fact:
    """That a key has a value: Ben's wish is a drum."""

    key: str
    value: str
    owner: str = ""
    """Id of the character who is the key, "" when it is a word."""


def fact_kinds(text: str) -> Iterator[FactKind]:
    """Yield the kinds that are written down in a text, block by block."""
    for block in text.strip().split("\n\n"):
        head, *rows = block.splitlines()
        name, keys, values, *rest = (cell.strip() for cell in head.split(";"))
        phrases: dict[str, list[str]] = {}
        for row in rows:
            role, template = row.strip().split(": ", 1)
            assert role in ROLES, f"{role} is not a role of an event of {name}"
            phrases.setdefault(role, []).append(_filled(template, keys == PEOPLE))
        frames = tuple(rest[0].split("|")) if rest and rest[0] else ()
        realms = rest[1] if len(rest) > 1 else "tw"
        yield FactKind(name, keys, values, frames, {r: tuple(p) for r, p in phrases.items()}, realms)


def role_of(event_kind: str) -> tuple[str, str]:
    """Return the role and the kind of fact of a kind of event; two empty strings for an event of another kind."""
    role, _, name = event_kind.partition(" ")
    return (role, name) if role in ROLES and name else ("", "")


def _filled(template: str, people: bool) -> str:
    keys = {"KEY2": "<b.called>", "KEY": "<a.called>"} if people else {"KEY2": "<=key2>", "KEY": "<=key>"}
    words = {"VALUE2": "<=value2>", "VALUE": "<=value>", "FRAME": "<=frame>"}
    for word, slot in {**keys, **words}.items():
        template = template.replace(word, slot)
    return template
