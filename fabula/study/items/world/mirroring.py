"""Mirrored items (design D1) from told stories: the story, and the story with the names of two characters exchanged.

Both have the same words when each name stands in the story as often as the other. A telling in which it doesn't is
told again with other words for the same events. Where a name stands would still be a rule of thumb: the first one, or
the one that was read last, which a small model avoids. So of every two items of a condition one has the right name
about where the other one has the wrong name, in a context about as long.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator

from fabula.corpus.storyworld import Story, history
from fabula.corpus.storyworld.record import Record
from fabula.corpus.storyworld.telling.teller import Teller
from fabula.study.items.item import Item
from fabula.study.items.world.pairing import Pairing
from fabula.study.items.world.questions import FAR, LONG_AGO, Question, questions
from fabula.study.text import words
from fabula.terminal import progress

SERIES = 10**9
"""Added to the seed: no corpus is built from stories of these series, unless somebody asks for one of them."""
TELLINGS = 6
"""Tries to tell a history in words that have both names equally often."""
HISTORIES_PER_ITEM = 150
"""After so many histories for each item that is wanted, fewer items have to do."""
MOST_HISTORIES = 30_000
"""The same for any number of items: about a minute."""
ITEMS_PER_STORY = 2
Place = tuple[bool, bool, int, int, int]
"""Whether the right name is the first and whether it is the last of the two in the context; then, each as its number
of binary digits, how many words back the right and the other one were named last, and the words of the context."""


def build(probe: str, seed: int, limit: int) -> list[Item]:
    """Return at most `limit` items, in turn from each condition."""
    pairing = Pairing()
    histories = min(HISTORIES_PER_ITEM * limit, MOST_HISTORIES)
    with progress(f"telling stories for {probe}", histories, "histories") as advance:
        for index in range(histories):
            for item, place in _items(probe, SERIES + seed, index):
                first, last, right, other, length = place
                pairing.add(item, place, (not first, not last, other, right, length))
            advance(1)
            if pairing.is_enough(limit):
                break
    return pairing.in_turn(limit)


def _items(probe: str, series: int, index: int) -> Iterator[tuple[Item, Place]]:
    """Make items of one history: at most one of each condition, and `ITEMS_PER_STORY` together."""
    record = history(series, index)
    chance = random.Random(f"study/{probe}/{series}/{index}")
    asked = list(questions(probe, record))
    chance.shuffle(asked)
    made: set[str] = set()
    for story in _tellings(record, series, index) if asked else ():
        for question in asked:
            found = _mirrored(probe, story, question)
            if found and found[0].condition not in made:
                made.add(found[0].condition)
                yield found
                if len(made) == ITEMS_PER_STORY:
                    return


def _tellings(record: Record, series: int, index: int) -> Iterator[Story]:
    for attempt in range(TELLINGS):
        yield Teller(record, random.Random(f"study/{series}/{index}/{attempt}")).tell()


def _mirrored(probe: str, story: Story, question: Question) -> tuple[Item, Place] | None:
    """Return the item, or None when the story doesn't have both names equally often."""
    told = story.text[: story.record.events[question.after].span[1]]
    right, other = question.right.name, question.other.name
    if not told.count(right) == told.count(other) > 0:
        return None
    mirrored = _exchanged(told, right, other)
    if Counter(words(told)) != Counter(words(mirrored)):
        return None
    condition = question.condition
    if question.since is not None:
        distance = len(words(told[story.record.events[question.since].span[1] :]))
        if distance < FAR:
            return None
        condition = f"{FAR}-{LONG_AGO} words" if distance < LONG_AGO else f"over {LONG_AGO} words"
    stem = question.stem.replace("{asked}", right)
    first, second = question.targets or (right, other)
    item = Item(
        probe,
        f"world-{story.record.index}",
        "mirrored",
        (f"{told} {stem}", f"{mirrored} {stem}"),
        (f" {first}", f" {second}"),
        condition=condition,
    )
    return item, _place(told, right, other)


def _place(told: str, right: str, other: str) -> Place:
    in_order = [word.removesuffix("'s") for word in words(told)]
    backwards = in_order[::-1]
    first = in_order.index(right) < in_order.index(other)
    back, other_back = backwards.index(right), backwards.index(other)
    return first, back < other_back, back.bit_length(), other_back.bit_length(), len(in_order).bit_length()


def _exchanged(text: str, first: str, second: str) -> str:
    other = {first: second, second: first}
    return re.sub(rf"\b(?:{first}|{second})\b", lambda found: other[found[0]], text)
