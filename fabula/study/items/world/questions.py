"""What may be asked about a story of the story world, with the answer that its record gives.

Every question is about two characters with a name and the same pronoun. Its stem says nothing about who they are, so
one and the same stem fits the story and the story with both names exchanged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from fabula.corpus.storyworld import Character, Event, Record
from fabula.corpus.storyworld.cast import FAMILY_ROLES
from fabula.corpus.storyworld.checking.replay import State, replay

_DEEDS = {
    "apologise": "The one who had said sorry first was",
    "be_afraid_of": "The one who had been afraid at first was",
    "birthday_morning": "The one who had a birthday was",
    "boast": "The one who had bragged before was",
    "break": "The one who had broken the {thing} was",
    "fall": "The one who had fallen down was",
    "find": "The one who had found the {thing} was",
    "get_stuck": "The one who had been stuck was",
    "give": "The one who had given away the {thing} was",
    "have_idea": "The one who had the good idea was",
    "indoor_idea": "The one who had the good idea was",
    "invite": "The one who had asked the other to play was",
    "join": "The one who had come along to help was",
    "lend": "The one who had lent the {thing} was",
    "lose": "The one who had lost the {thing} was",
    "no_time": "The one who had no time that morning was",
    "refuse": "The one who would not share the {thing} was",
    "show": "The one who had shown the {thing} was",
    "snatch": "The one who had grabbed the {thing} was",
    "teach": "The one who had given the advice was",
    "tell_new": "The one who had been new there was",
    "want_skill": "The one who wanted to learn something was",
    "win": "The one who had won in the end was",
}
"""By kind of event: asks for its agent, long after it happened."""
_CAUSES = {
    "advise": "It all went well because of the advice of",
    "apologise": "They could make up because somebody said sorry, and that was",
    "ask_why_alone": "They began to talk because of the question of",
    "dare": "It all got scary because of the plan of",
    "fall": "Somebody had to stop because of the fall of",
    "find": "The {thing} was back because of the good eyes of",
    "free": "The trouble was over because of the help of",
    "get_stuck": "Somebody had to help because of the trouble of",
    "give": "Somebody was glad because of the present from",
    "give_back": "Somebody was glad because of the good deed of",
    "have_idea": "It all went well because of the idea of",
    "indoor_idea": "It all went well because of the idea of",
    "invite": "They played together because of a question, and it came from",
    "obstacle_idea": "It all went well because of the idea of",
    "refuse": "It came to this because the {thing} was not shared by",
    "see_alone": "They got to know each other because of the good eyes of",
    "snatch": "It came to this because the {thing} was grabbed by",
    "stop_to_help": "Nobody was left behind because of the good heart of",
    "teach": "It all went well because of the advice of",
    "waste_time": "It was all lost because of the long break of",
}
"""By kind of the event that is a cause: asks for its agent, right after what it caused."""
_GLAD = {"happy": "happy", "proud": "proud", "excited": "excited", "grateful": "thankful", "relieved": "glad"}
_UNHAPPY = {
    "sad": "sad",
    "angry": "angry",
    "scared": "scared",
    "worried": "worried",
    "lonely": "lonely",
    "sorry": "sorry",
    "disappointed": "sad",
    "jealous": "jealous",
}
RECENT = 6
"""Events for which a feeling that nothing else has replaced counts as present."""
FAR = 60
"""Words that make a fact an early one."""
LONG_AGO = 120
"""Words beyond which it is asked under its own condition."""


@dataclass(frozen=True)
class Question:
    """Something to ask when the story has been told up to some event."""

    condition: str
    after: int
    """Index of the last event that is told."""
    stem: str
    """What follows the story; its target comes next. {asked} is the name of `right`, which stays when the names in the
    story are exchanged."""
    right: Character
    other: Character
    targets: tuple[str, str] | None = None
    """What fits the story, what fits the story with exchanged names; None: the names of `right` and `other`."""
    since: int | None = None
    """Index of the event that is remembered; None: nothing is said about distance."""


def questions(probe: str, record: Record) -> Iterator[Question]:
    """Return the questions of a probe (`world_binding`, ...) about a record; none when it has no two fitting names."""
    pairs = [pair for pair in combinations(record.characters, 2) if _fit(*pair)]
    if not pairs:
        return
    states = replay(record)[1]
    for first, second in pairs:
        for right, other in ((first, second), (second, first)):
            yield from _ASKING[probe](record, states, right, other)


def _fit(first: Character, second: Character) -> bool:
    named = all(c.named and c.role not in FAMILY_ROLES for c in (first, second))
    return named and first.pronoun == second.pronoun


def _binding(record: Record, states: list[State], right: Character, other: Character) -> Iterator[Question]:
    for event, noun, thing in _with_things(record):
        state = states[event.index + 1]
        if state.get(("owner", thing)) == right.id:
            yield Question("owner", event.index, f"The {noun} belonged to", right, other)
        if _held_by(state, thing) == right.id and not _moved(states, event, thing):
            yield Question("holder", event.index, f"The one who had the {noun} was", right, other)


def _state(record: Record, states: list[State], right: Character, other: Character) -> Iterator[Question]:
    for event, noun, thing in _with_things(record):
        changed = any(effect.variable == "holder" and effect.subject == thing for effect in event.effects)
        if changed and _held_by(states[event.index + 1], thing) == right.id and _moved(states, event, thing):
            yield Question("moved", event.index, f"The one who had the {noun} now was", right, other)
    places = {place.id: place for place in record.places}
    for event in record.events:
        state = states[event.index + 1]
        here, there = state[("place", right.id)], state[("place", other.id)]
        if here != there and right.id in event.participants():
            yield Question("place", event.index, f"The one who was now {places[here].where} was", right, other)
        if state[("stuck", right.id)] == "yes" and state[("stuck", other.id)] == "no":
            yield Question("stuck", event.index, "The one who could not get out was", right, other)


def _memory(record: Record, states: list[State], right: Character, other: Character) -> Iterator[Question]:
    last = record.events[-1].index
    for event in record.events:
        same = [e for e in record.events if e.kind == event.kind and e.thing == event.thing]
        if event.agent == right.id and event.kind in _DEEDS and all(e.agent == right.id for e in same):
            stem = _DEEDS[event.kind].format(thing=_noun(record, event.thing))
            yield Question("", last, stem, right, other, since=event.index)


def _emotion(record: Record, states: list[State], right: Character, other: Character) -> Iterator[Question]:
    felt: dict[str, tuple[int, str]] = {}
    for event in record.events:
        changes = [effect for effect in event.effects if effect.variable == "feels"]
        felt |= {effect.subject: (event.index, effect.value) for effect in changes}
        if not changes or right.id not in felt or other.id not in felt:
            continue
        (when, mine), (when_other, theirs) = felt[right.id], felt[other.id]
        opposite = (mine in _GLAD and theirs in _UNHAPPY) or (mine in _UNHAPPY and theirs in _GLAD)
        glad, unhappy = (when, when_other) if mine in _GLAD else (when_other, when)
        # Somebody's gladness often ends what made the other one worry, even where the record doesn't say so.
        if opposite and event.index - RECENT < glad <= unhappy:
            words = _GLAD | _UNHAPPY
            stem = "At that moment, {asked} felt very"
            yield Question("", event.index, stem, right, other, (words[mine], words[theirs]))


def _cause(record: Record, states: list[State], right: Character, other: Character) -> Iterator[Question]:
    for event in record.events:
        for cause in (record.events[index] for index in event.causes):
            alone = right.id == cause.agent and other.id not in cause.companions
            if alone and cause.kind in _CAUSES:
                stem = _CAUSES[cause.kind].format(thing=_noun(record, cause.thing))
                yield Question("", event.index, stem, right, other)


_ASKING = {
    "world_binding": _binding,
    "world_state": _state,
    "world_memory": _memory,
    "world_emotion": _emotion,
    "world_cause": _cause,
}


def _with_things(record: Record) -> Iterator[tuple[Event, str, str]]:
    """Yield the events about a thing that isn't eaten, with its noun and id."""
    for event in record.events:
        for thing in record.things:
            if thing.id in (event.thing, event.other) and thing.category != "food":
                yield event, thing.noun, thing.id


def _held_by(state: State, thing: str) -> str:
    return "" if state.get(("lost", thing)) == "yes" else state.get(("holder", thing), "")


def _moved(states: list[State], event: Event, thing: str) -> bool:
    """Tell whether a thing had another holder before."""
    holders = {state.get(("holder", thing), "") for state in states[: event.index + 2]}
    return len(holders - {"", "nobody"}) > 1


def _noun(record: Record, thing: str) -> str:
    return next((t.noun for t in record.things if t.id == thing), "")
