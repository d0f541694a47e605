"""Facts that bind two words: what is recalled must be what was planted, in the record and in the text."""

from __future__ import annotations

import re
from collections import defaultdict

from fabula.corpus.storyworld.long.facts import PLANTS, RECALLS, role_of
from fabula.corpus.storyworld.record import Event, Story


def fact_words(event: Event) -> set[str]:
    """Return the keys and values that an event is about; an empty set when it is not about facts."""
    return {word for pair in _pairs(event) for word in pair}


def misremembered(story: Story) -> list[str]:
    """Return where a fact is recalled that was not planted so, or told with other words than the record has."""
    problems = []
    planted: dict[str, dict[str, tuple[str, int]]] = defaultdict(dict)
    for event in story.record.events:
        role, kind = role_of(event.kind)
        known = planted[kind]
        told = story.text[slice(*event.span)]
        if role in PLANTS:
            problems += _planting(event, known, told)
        elif role in RECALLS:
            problems += [f"event {event.index} ({event.kind}): {p}" for p in _recalling(event, known, told)]
    return problems


def _planting(event: Event, known: dict[str, tuple[str, int]], told: str) -> list[str]:
    problems = []
    for key, value in _pairs(event):
        if key in known or value in {v for v, _ in known.values()}:
            problems.append(f"event {event.index} ({event.kind}): {key} or {value} is told of twice")
        known[key] = (value, event.index)
    missing = [word for pair in _pairs(event) for word in pair if not _says(told, word)]
    return problems + [f"event {event.index} ({event.kind}): {word!r} is not told of" for word in missing]


def _recalling(event: Event, known: dict[str, tuple[str, int]], told: str) -> list[str]:
    ((key, value),) = _pairs(event)
    if key not in known:
        return [f"{key} is recalled, but was never told of"]
    truth, since = known[key]
    problems = [] if value == truth else [f"{key} goes with {value}, but it was {truth}"]
    if since not in event.causes:
        problems.append("the event that told of it is not among its causes")
    for word in (key, value):
        told, before = _without(told, word), told
        if told == before:
            problems.append(f"{word!r} is not told of")
    others = {word for other, (its_value, _) in known.items() if other != key for word in (other, its_value)}
    return problems + [f"{other!r} is told of instead" for other in sorted(others) if _says(told, other)]


def _pairs(event: Event) -> list[tuple[str, str]]:
    if role_of(event.kind)[0] not in (*PLANTS, *RECALLS):
        return []
    pairs = [(event.detail.get(f"key{n}", ""), event.detail.get(f"value{n}", "")) for n in ("", "2")]
    return [pair for pair in pairs if all(pair)]


def _says(told: str, word: str) -> bool:
    return _without(told, word) != told


def _without(told: str, word: str) -> str:
    return re.sub(rf"\b{re.escape(word)}\b", "", told, flags=re.IGNORECASE)
