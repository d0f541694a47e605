"""Mirrored items (design D1) from long stories: what an early fact was, asked where the story itself asks for it.

A long story of the story world plants facts of one kind (Ben wants a drum, Mia a kite) and needs them again later, in
other words. The item is the story up to the word that is needed, and the same story in which two of the facts have
exchanged their values. Its condition is how many words lie between the last mention of either fact and the sentence
that needs one; no condition holds a story twice, and in half of the items the fact that is asked for came later.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fabula.corpus.storyworld import Event, Story, tell_long
from fabula.corpus.storyworld.long.facts import PLANTS, RECALLS, role_of
from fabula.study.items.item import Item
from fabula.study.items.world.mirroring import SERIES
from fabula.study.items.world.pairing import Pairing
from fabula.study.text import words
from fabula.terminal import progress

PROBE = "world_recall"
DISTANCES = (0, 50, 100, 200, 400, 800)
"""Words since the last mention, at least, and fewer than the next one: the condition."""
STORIES_PER_ITEM = 20
"""After so many stories for each item that is wanted, fewer items have to do."""
MOST_STORIES = 3_000
"""The same for any number of items: less than a minute."""
SAME_END = 4
"""Words at the end that both contexts must share, so that no n-gram sees what was exchanged."""
VOWELS = "aeiou"
"""Initials before which "a" becomes "an", which would tell one answer from another."""


@dataclass(frozen=True)
class _Fact:
    """A fact in a story so far."""

    key: str
    value: str
    mentioned: int
    """Index of the last event that told of it."""


def build(seed: int, limit: int) -> list[Item]:
    """Return at most `limit` items, in turn from each distance."""
    pairing = Pairing()
    count = min(STORIES_PER_ITEM * limit, MOST_STORIES)
    with progress(f"telling stories for {PROBE}", count, "stories") as advance:
        for index in range(count):
            for item, earlier, longer_ago in _items(tell_long(SERIES + seed, index)):
                pairing.add(item, (earlier, longer_ago), (not earlier, not longer_ago))
            advance(1)
            if pairing.is_enough(limit):
                break
    return pairing.in_turn(limit)


def _items(story: Story) -> Iterator[tuple[Item, bool, bool]]:
    """Make the items of a story, one of each distance at most.

    Each comes with whether the value of the fact that is asked for was told before the other one's, and whether it was
    told for the last time before the other one's last time.
    """
    record = story.record
    chance = random.Random(f"study/{PROBE}/{record.seed}/{record.index}")
    made: set[str] = set()
    for event in chance.sample(record.events, len(record.events)):
        if role_of(event.kind)[0] in RECALLS:
            facts = _facts(record.events[: event.index], role_of(event.kind)[1])
            asked = facts.pop(event.detail["key"])
            for other in chance.sample(list(facts.values()), len(facts)):
                item = _mirrored(story, event, asked, other)
                if item and item.condition not in made:
                    made.add(item.condition)
                    told = story.text[: event.span[0]]
                    places, others = (_places(fact.value, told) for fact in (asked, other))
                    yield item, places[0] < others[0], places[-1] < others[-1]
                    break


def _facts(events: tuple[Event, ...], kind: str) -> dict[str, _Fact]:
    """Return the facts of a kind that some events have told, by key."""
    facts: dict[str, _Fact] = {}
    for event in events:
        role, name = role_of(event.kind)
        if name == kind and role in (*PLANTS, *RECALLS):
            told = [(event.detail.get(f"key{number}"), event.detail.get(f"value{number}", "")) for number in ("", "2")]
            facts |= {key: _Fact(key, value, event.index) for key, value in told if key}
    return facts


def _mirrored(story: Story, event: Event, asked: _Fact, other: _Fact) -> Item | None:
    """Return the item, or None where exchanging both values would change more than which is whose."""
    asks_for_value = role_of(event.kind)[0] == "recall"
    right, wrong = (asked.value, other.value) if asks_for_value else (asked.key, other.key)
    begin, end = event.span
    places = [found.start() for found in re.finditer(rf" {right}\b", story.text[begin:end])]
    if not places or (right[0] in VOWELS) != (wrong[0] in VOWELS) or " " in f"{asked.value}{other.value}":
        return None
    told, stem = story.text[:begin], story.text[begin : begin + places[-1]]
    last = story.record.events[max(asked.mentioned, other.mentioned)].span[1]
    if any(_places(fact.value, told[last:]) for fact in (asked, other)):
        return None
    if len(words(stem)) < SAME_END or _places(right, stem) or _places(wrong, stem):
        return None
    mirrored = _exchanged(told, asked.value, other.value)
    if mirrored == told or Counter(words(told)) != Counter(words(mirrored)):
        return None
    distance = len(told[last:].split())
    return Item(
        PROBE,
        f"world-long-{story.record.index}",
        "mirrored",
        (f"{told}{stem}", f"{mirrored}{stem}"),
        (f" {right}", f" {wrong}"),
        condition=str(max(least for least in DISTANCES if least <= distance)),
    )


def _places(word: str, text: str) -> list[int]:
    """Return where a word stands, with a capital or without."""
    return [found.start() for found in re.finditer(rf"\b{word}\b", text, re.IGNORECASE)]


def _exchanged(text: str, first: str, second: str) -> str:
    """Exchange two words, and their forms at the start of a sentence."""
    other = {first: second, second: first}
    other |= {word[0].upper() + word[1:]: its[0].upper() + its[1:] for word, its in list(other.items())}
    return re.sub(rf"\b(?:{'|'.join(other)})\b", lambda found: other[found[0]], text)
