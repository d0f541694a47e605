"""The simulated world: its state, the actions possible in it, and the log of what happened.

An action has needs (what must be true before) and effects (what is true afterwards), both written over roles:
`a` agent, `b` patient, `o` thing, `u` other thing, `p` place. A schema that asks for an impossible action has a
mistake in it, so `World.act` asserts. Causes need no bookkeeping by the schemas: whichever event last made a need
true is a cause, and schemas add the reasons that are not physical.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fabula.corpus.storyworld.record import Character, Effect, Event, Place, Thing

Term = tuple[str, str, str]  # variable, role, value (a role, or "=literal")


@dataclass(frozen=True)
class Action:
    """The needs and effects of one kind of event."""

    needs: tuple[Term, ...] = ()
    effects: tuple[Term, ...] = ()
    moves: bool = False  # the agent and the companions go to `p`


ACTIONS: dict[str, Action] = {
    "go": Action(moves=True),
    "go_home": Action(moves=True),
    "wander": Action(moves=True),
    "enter_room": Action(moves=True),
    "come_by": Action(moves=True),
    "travel": Action(moves=True),
    "come_together": Action(moves=True),
    "feast": Action(moves=True),
    "go_ahead": Action(moves=True),
    "take_along": Action((("lost", "o", "=no"),), (("holder", "o", "a"),)),
    "play_with": Action((("holder", "o", "a"), ("lost", "o", "=no"), ("condition", "o", "=whole"))),
    "give": Action((("holder", "o", "a"),), (("holder", "o", "b"), ("owner", "o", "b"))),
    "give_back": Action((("holder", "o", "a"), ("owner", "o", "b")), (("holder", "o", "b"),)),
    "lend": Action((("holder", "o", "a"),), (("holder", "o", "b"),)),
    "swap": Action(
        (("holder", "o", "a"), ("holder", "u", "b")),
        (("holder", "o", "b"), ("owner", "o", "b"), ("holder", "u", "a"), ("owner", "u", "a")),
    ),
    "swap_back": Action(
        (("holder", "o", "a"), ("holder", "u", "b")),
        (("holder", "o", "b"), ("owner", "o", "b"), ("holder", "u", "a"), ("owner", "u", "a")),
    ),
    "lose": Action(
        (("holder", "o", "a"),),
        (("holder", "o", "=nobody"), ("lost", "o", "=yes"), ("place", "o", "p")),
    ),
    "mislay": Action(
        (("holder", "o", "a"),),
        (("holder", "o", "=nobody"), ("lost", "o", "=yes"), ("place", "o", "p")),
    ),
    "find": Action((("lost", "o", "=yes"),), (("holder", "o", "a"), ("lost", "o", "=no"))),
    "had_found": Action((("lost", "o", "=yes"),), (("holder", "o", "a"), ("lost", "o", "=no"))),
    "find_new": Action((("holder", "o", "=nobody"),), (("holder", "o", "a"), ("lost", "o", "=no"))),
    "snatch": Action((("holder", "o", "b"),), (("holder", "o", "a"),)),
    "break": Action((("condition", "o", "=whole"),), (("condition", "o", "=broken"),)),
    "mend": Action((("condition", "o", "=broken"),), (("condition", "o", "=whole"),)),
    "make": Action((), (("holder", "o", "a"), ("owner", "o", "a"))),
    "get_stuck": Action((("stuck", "a", "=no"),), (("stuck", "a", "=yes"),)),
    "free": Action((("stuck", "b", "=yes"),), (("stuck", "b", "=no"),)),
}
"""Kinds without an entry need only that everyone taking part is in one place."""


class World:
    """State, cast and log of one history, with the random source that every choice in it comes from."""

    def __init__(self, chance: random.Random) -> None:
        """Start an empty world whose choices come from `chance`."""
        self.chance = chance
        self.characters: list[Character] = []
        self.things: list[Thing] = []
        self.places: list[Place] = []
        self.state: dict[tuple[str, str], str] = {}
        self.set_by: dict[tuple[str, str], int] = {}
        self.initial: list[Effect] = []
        self.events: list[Event] = []
        self.scene = 0
        self._when = ""

    def begin(self, variable: str, subject: str, value: str) -> None:
        """Make something true before the story starts."""
        self.state[variable, subject] = value
        self.initial.append(Effect(variable, subject, value, -1))

    def get(self, variable: str, subject: str) -> str:
        """Return the present value of a state variable, or "" when it has none."""
        return self.state.get((variable, subject), "")

    def next_scene(self, when: str = "") -> None:
        """Let the next event start a new scene, told with the time phrase `when` ("the next day")."""
        self.scene += 1
        self._when = when

    def act(
        self,
        kind: str,
        a: Character,
        *,
        b: Character | None = None,
        o: Thing | None = None,
        u: Thing | None = None,
        p: Place | None = None,
        together: Iterable[Character] = (),
        feels: Mapping[str, str] | None = None,
        because: Iterable[int] = (),
        **detail: str,
    ) -> int:
        """Do one action: check its needs, apply its effects, log the event and return its index.

        `feels` maps character ids to what they feel because of it; `because` adds causes to those that follow from
        the needs; `detail` keeps the words chosen for it.
        """
        index = len(self.events)
        action = ACTIONS.get(kind, Action())
        companions = tuple(c.id for c in together)
        people = [a.id, *companions, *([b.id] if b else [])]
        here = self.get("place", a.id)
        place = p.id if p else here
        roles = {"a": a.id, "b": b.id if b else "", "o": o.id if o else "", "u": u.id if u else "", "p": place}
        causes = set(because)
        for variable, role, value in action.needs:
            self._need(kind, variable, roles[role], value[1:] if value[0] == "=" else roles[value], causes)
        if not action.moves:
            for person in people:
                assert self.get("place", person) == here, f"{kind}: {person} is not where {a.id} is"
        changes = [(v, roles[role], x[1:] if x[0] == "=" else roles[x]) for v, role, x in action.effects]
        if action.moves:
            changes += [("place", person, place) for person in (a.id, *companions)]
        effects = [Effect(*change, index) for change in changes]
        effects += [Effect("feels", person, feeling, index) for person, feeling in (feels or {}).items()]
        for effect in effects:
            self.state[effect.variable, effect.subject] = effect.value
            self.set_by[effect.variable, effect.subject] = index
        if self._when:
            detail["when"] = self._when
            self._when = ""
        self.events.append(
            Event(
                index,
                kind,
                a.id,
                patient=roles["b"],
                companions=companions,
                thing=roles["o"],
                other=roles["u"],
                place=place,
                detail=detail,
                effects=tuple(effects),
                causes=tuple(sorted(c for c in causes if 0 <= c < index)),
                scene=self.scene,
            )
        )
        return index

    def _need(self, kind: str, variable: str, subject: str, value: str, causes: set[int]) -> None:
        found = self.get(variable, subject)
        assert found == value, f"{kind} needs {variable}({subject}) = {value}, but it is {found!r}"
        if (variable, subject) in self.set_by:
            causes.add(self.set_by[variable, subject])
