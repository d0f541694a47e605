"""The checker: silent on thousands of true stories, and loud on stories and records that have been tampered with."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from fabula.corpus.storyworld import Event, Story, contradictions, tell
from fabula.corpus.storyworld.lexicon.people import BOYS, GIRLS
from fabula.corpus.storyworld.lexicon.places import SETTINGS
from fabula.corpus.storyworld.lexicon.things import COLOURS

SPEECH = re.compile(r'"[^"]*"')


def test_true_stories_have_no_contradictions() -> None:
    for index in range(1500):
        story = tell(21, index)
        assert contradictions(story) == [], story.text


def rewritten(story: Story, changes: list[tuple[int, int, str]]) -> Story:
    """Replace pieces of the text, and keep spans and quotations in line, so that only the meaning is wrong."""
    text = story.text
    events = list(story.record.events)
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
        shift = len(new) - (end - start)
        for i, event in enumerate(events):
            first, last = event.span
            events[i] = replace(event, span=(first + shift * (first > start), last + shift * (last > start)))
    events = [replace(e, quotes=(text[slice(*e.span)],)) for e in events]
    return Story(text, replace(story.record, events=tuple(events)))


def narrated(story: Story, pattern: str) -> list[re.Match[str]]:
    """Return where a pattern stands outside speech."""
    spoken = [found.span() for found in SPEECH.finditer(story.text)]
    return [m for m in re.finditer(pattern, story.text) if not any(a <= m.start() < b for a, b in spoken)]


Corruption = Callable[[Story, random.Random], Story | None]


def all_names_swapped(story: Story, chance: random.Random) -> Story | None:
    named = [c for c in story.record.characters if c.named and c.role not in ("mom", "dad", "grandma", "grandpa")]
    if len(named) < 2:
        return None
    first, second = named[:2]
    other = {first.name: second.name, second.name: first.name}
    found = re.finditer(rf"\b({first.name}|{second.name})\b", story.text)
    return rewritten(story, [(*m.span(), other[m[0]]) for m in found])


def one_name_swapped(story: Story, chance: random.Random) -> Story | None:
    named = [c.name for c in story.record.characters if c.named and c.role not in ("mom", "dad", "grandma", "grandpa")]
    places = narrated(story, rf"\b({'|'.join(named)})\b")
    if len(named) < 2:
        return None
    place = chance.choice(places)
    return rewritten(story, [(*place.span(), chance.choice([n for n in named if n != place[0]]))])


def someone_unknown(story: Story, chance: random.Random) -> Story | None:
    names = {c.name for c in story.record.characters if c.named}
    places = narrated(story, rf"(?<=[a-z] )({'|'.join(names)})\b")
    if not places:
        return None
    new = chance.choice([n for n in BOYS + GIRLS if n not in names])
    return rewritten(story, [(*chance.choice(places).span(), new)])


def colour_changed(story: Story, chance: random.Random) -> Story | None:
    coloured = [t for t in story.record.things if t.colour]
    places = [m for t in coloured for m in re.finditer(rf"\b{t.colour}(?= {t.noun})", story.text)]
    if not places:
        return None
    place = chance.choice(places)
    return rewritten(story, [(*place.span(), chance.choice([c for c in COLOURS if c != place[0]]))])


def object_moved(story: Story, chance: random.Random) -> Story | None:
    found = [e for e in story.record.events if e.kind in ("find", "find_new", "had_found", "search")]
    if not found:
        return None
    event = chance.choice(found)
    spot = event.detail["spot"]
    at = story.text.lower().index(spot, event.span[0])
    new = chance.choice([s for setting in SETTINGS for s in setting.spots if s not in spot and spot not in s])
    return rewritten(story, [(at, at + len(spot), new.capitalize() if story.text[at].isupper() else new)])


def pronoun_flipped(story: Story, chance: random.Random) -> Story | None:
    if len({c.pronoun for c in story.record.characters}) > 1:
        return None  # there is someone whom the wrong pronoun could mean
    other = {"he": "she", "she": "he", "his": "her", "himself": "herself", "herself": "himself", "him": "her"}
    places = narrated(story, r"\b(he|she|his|him|himself|herself)\b")
    if not places:
        return None
    place = chance.choice(places)
    return rewritten(story, [(*place.span(), other[place[0]])])


def feeling_changed(story: Story, chance: random.Random) -> Story | None:
    places = narrated(story, r"(?<=[Hh]e was )(happy|sad|angry|scared|proud|worried|excited)\b")
    if not places:
        return None
    place = chance.choice(places)
    return rewritten(story, [(*place.span(), "jealous" if place[0] != "jealous" else "bored")])


def with_event(story: Story, old: Event, new: Event) -> Story:
    events = tuple(new if e is old else e for e in story.record.events)
    return replace(story, record=replace(story.record, events=events))


def cause_from_the_future(story: Story, chance: random.Random) -> Story | None:
    event = chance.choice(story.record.events)
    return with_event(story, event, replace(event, causes=(event.index + 1,)))


def gift_to_someone_else(story: Story, chance: random.Random) -> Story | None:
    gifts = [e for e in story.record.events if e.kind in ("give", "give_back", "lend")]
    others = [c.id for c in story.record.characters if gifts and c.id not in gifts[0].participants()]
    if not others:
        return None
    return with_event(story, gifts[0], replace(gifts[0], patient=others[0]))


def never_found(story: Story, chance: random.Random) -> Story | None:
    finds = [e for e in story.record.events if e.kind in ("find", "had_found", "mend", "break")]
    if not finds:
        return None
    kept = tuple(replace(e, kind="rest", effects=(), thing="") if e is finds[0] else e for e in story.record.events)
    return replace(story, record=replace(story.record, events=kept))


def feeling_of_someone_absent(story: Story, chance: random.Random) -> Story | None:
    felt = [(e, f) for e in story.record.events for f in e.effects if f.variable == "feels"]
    absent = [(e, f, c) for e, f in felt for c in story.record.characters if c.id not in e.participants()]
    if not absent:
        return None
    event, effect, who = chance.choice(absent)
    effects = tuple(replace(f, subject=who.id) if f is effect else f for f in event.effects)
    return with_event(story, event, replace(event, effects=effects))


def corrupted(corruption: Corruption, wanted: int) -> Iterator[Story]:
    chance = random.Random(4)
    made = 0
    for index in range(100_000):
        story = corruption(tell(22, index), chance)
        if story is not None:
            made += 1
            yield story
        if made == wanted:
            return


@pytest.mark.parametrize(
    ("corruption", "share"),
    [
        (all_names_swapped, 0.95),
        (one_name_swapped, 0.65),
        (someone_unknown, 1.0),
        (colour_changed, 1.0),
        (object_moved, 1.0),
        (pronoun_flipped, 1.0),
        (feeling_changed, 0.9),
        (cause_from_the_future, 1.0),
        (gift_to_someone_else, 1.0),
        (never_found, 0.95),
        (feeling_of_someone_absent, 1.0),
    ],
)
def test_corrupted_stories_are_caught(corruption: Corruption, share: float) -> None:
    stories = list(corrupted(corruption, 60))
    caught = sum(bool(contradictions(story)) for story in stories)
    assert caught >= share * len(stories), f"{caught} of {len(stories)}"
