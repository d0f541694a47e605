"""Replaying a record: every event must be possible in the state that the events before it have left."""

from __future__ import annotations

from fabula.corpus.storyworld.record import Event, Record

State = dict[tuple[str, str], str]

_IN_USE = {"play_with", "give", "give_back", "lend", "show", "snatch", "swap", "swap_back"}
_AGENT_HOLDS = {"play_with", "give", "give_back", "lend", "lose", "mislay", "swap", "swap_back", "share_food", "refuse"}
_FINDING = {"find", "had_found"}
_HANDS_OVER = {"give", "give_back", "lend", "swap", "swap_back"}
_MOVING = {"go", "wander", "go_home", "travel", "come_by", "enter_room", "come_together", "feast", "go_ahead"}


def replay(record: Record) -> tuple[list[str], list[State]]:
    """Return the conflicts in a record, and its states: before the first event, and after each event."""
    state: State = {(e.variable, e.subject): e.value for e in record.initial}
    known = {
        "",
        "sky",
        *(c.id for c in record.characters),
        *(t.id for t in record.things),
        *(p.id for p in record.places),
    }
    states = [dict(state)]
    problems: list[str] = []
    for place_in_record, event in enumerate(record.events):
        problems += [f"event {place_in_record}: {p}" for p in _form(event, place_in_record, known)]
        problems += [f"event {place_in_record} ({event.kind}): {p}" for p in _possible(event, state)]
        for effect in event.effects:
            state[effect.variable, effect.subject] = effect.value
        problems += [f"event {place_in_record} ({event.kind}): {p}" for p in _outcome(event, state)]
        states.append(dict(state))
    return problems, states


def _form(event: Event, place_in_record: int, known: set[str]) -> list[str]:
    problems = []
    if event.index != place_in_record:
        problems.append(f"its index is {event.index}")
    if any(not 0 <= cause < event.index for cause in event.causes):
        problems.append(f"a cause in {event.causes} does not come before it")
    if any(not 0 <= effect.because <= event.index for effect in event.effects):
        problems.append("an effect has a reason that does not come before it")
    mentioned = {*event.participants(), event.thing, event.other, event.place, *(e.subject for e in event.effects)}
    problems += [f"{stranger!r} is not in the cast" for stranger in sorted(mentioned - known)]
    return problems


def _possible(event: Event, state: State) -> list[str]:
    problems = []
    thing = event.thing
    here = state.get(("place", event.agent))
    moving = event.kind in _MOVING
    for person in event.participants():
        if not moving and state.get(("place", person)) != here:
            problems.append(f"{person} is at {state.get(('place', person))}, not at {here} with {event.agent}")
    if not moving and event.place != here:
        problems.append(f"it is set at {event.place}, but {event.agent} is at {here}")
    if event.patient and event.patient == event.agent:
        problems.append(f"{event.agent} does it to themselves")
    if not thing:
        return problems
    lost, broken = state.get(("lost", thing)) == "yes", state.get(("condition", thing)) == "broken"
    holder = state.get(("holder", thing))
    if event.kind in _IN_USE and lost:
        problems.append(f"{thing} is used while it is lost")
    if event.kind == "play_with" and broken:
        problems.append(f"{thing} is played with while it is broken")
    if event.kind in _AGENT_HOLDS and holder != event.agent:
        problems.append(f"{event.agent} does not have {thing}, {holder} has it")
    if event.kind == "snatch" and holder != event.patient:
        problems.append(f"{event.patient} does not have {thing}, {holder} has it")
    if event.kind == "give_back" and state.get(("owner", thing)) != event.patient:
        problems.append(f"{thing} is given back to {event.patient}, who does not own it")
    if event.kind in _FINDING and not lost:
        problems.append(f"{thing} is found without being lost")
    if event.kind in _FINDING and state.get(("place", thing)) != here:
        problems.append(f"{thing} is found at {here}, but it lies at {state.get(('place', thing))}")
    if event.kind == "break" and broken:
        problems.append(f"{thing} breaks twice")
    if event.kind == "mend" and not broken:
        problems.append(f"{thing} is mended without being broken")
    return problems


def _outcome(event: Event, state: State) -> list[str]:
    problems = []
    people = {*event.participants(), "nobody"}
    for effect in event.effects:
        if effect.variable == "holder" and effect.value not in people:
            problems.append(f"{effect.value} gets {effect.subject} without taking part")
        if effect.variable == "feels" and effect.subject not in people:
            problems.append(f"{effect.subject} feels {effect.value} without taking part")
    if event.kind in _HANDS_OVER and state.get(("holder", event.thing)) != event.patient:
        problems.append(f"{event.patient} does not end up with {event.thing}")
    if event.kind in _MOVING and any(state.get(("place", p)) != event.place for p in (event.agent, *event.companions)):
        problems.append(f"someone does not arrive at {event.place}")
    if event.kind in _FINDING and (state.get(("lost", event.thing)), state.get(("holder", event.thing))) != (
        "no",
        event.agent,
    ):
        problems.append(f"{event.thing} is not with {event.agent} after being found")
    return problems
