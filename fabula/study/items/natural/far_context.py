"""Is a passage's new content likelier after the story's own beginning than after another story's?

Both contexts end with the same sentence, the other story has as many characters of each pronoun and gets their names,
and only words count that neither context has: n-grams and caches of words see no difference.
"""

import random
from collections.abc import Iterator

from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.natural.matching import characters, renamed, renaming
from fabula.study.items.natural.narratives import Narrative, Narratives, narratives, spread
from fabula.study.items.natural.sentence_rows import GENDERS, key, word_keys
from fabula.study.text import Span, word_spans

WINDOW = 4
"""Words before a counted word that must lie in the passage: a 5-gram looks no farther."""
PASSAGE = 2
"""Sentences of a passage."""
BEGINNING = 3
"""Sentences of a far context at least."""
LENGTH = 0.1
"""Largest difference between the far contexts' numbers of words, as a part."""
NEW_WORDS = 3
"""Words that must count at least."""
DRAWN = 20
"""Stories that are tried."""
Signature = tuple[int, ...]


def far_context(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask whether a passage belongs to its story's beginning or to another's."""
    material = narratives(corpus)
    chance = random.Random(f"{seed}/far_context")
    beginnings = _beginnings(material)

    def ask(story: Narrative) -> Iterator[Item]:
        places = [number for number in range(BEGINNING + 1, len(story) - PASSAGE + 1) if _suits(story, number)]
        chance.shuffle(places)
        for number in places:
            item = _item(material, beginnings, story, number, chance)
            if item is not None:
                yield item

    return spread(material.stories, limit, chance, ask)


def _suits(story: Narrative, number: int) -> bool:
    """Say whether a passage may start at a sentence."""
    last = number + PASSAGE - 1
    parts = all(story.whole(place) for place in range(number - 1, last + 1))
    return parts and story.lengths[number - 1] >= WINDOW and story.fits(last)


def _beginnings(material: Narratives) -> dict[Signature, list[tuple[int, Narrative, int]]]:
    """Return (words, story, sentences) of every beginning of every story, by its numbers of characters."""
    found: dict[Signature, list[tuple[int, Narrative, int]]] = {}
    for story in material.stories:
        size = 0
        for number in range(1, len(story)):
            size += story.lengths[number - 1]
            if number >= BEGINNING and all(story.whole(place) for place in range(number)):
                names = characters(story, 0, story.spans[number - 1][1])
                found.setdefault(_signature(material, names), []).append((size, story, number))
    return found


def _signature(material: Narratives, names: list[str]) -> Signature:
    pronouns = [material.cast.names[name] for name in names]
    return tuple(pronouns.count(gender) for gender in GENDERS)


def _item(
    material: Narratives,
    beginnings: dict[Signature, list[tuple[int, Narrative, int]]],
    story: Narrative,
    number: int,
    chance: random.Random,
) -> Item | None:
    """Ask about the passage at sentence `number`, if another story's beginning suits."""
    far = (0, story.spans[number - 2][1])
    last, passage = (far[1], story.spans[number - 1][1]), story.spans[number + PASSAGE - 1][1]
    names = characters(story, *far)
    if not set(story.names(far[1], passage)) <= set(names):
        return None
    size = sum(story.lengths[: number - 1])
    others = beginnings.get(_signature(material, names), [])
    near = [entry for entry in others if _fits(entry, size, story)]
    for _, other, sentences in chance.sample(near, min(DRAWN, len(near))):
        span = (0, other.spans[sentences - 1][1])
        new_names = renaming(characters(other, *span), names, material.cast.names.__getitem__)
        if new_names is None:
            continue
        shared = story.text[slice(*last)]
        own, foreign = story.text[slice(*far)] + shared, renamed(other, span, new_names) + shared
        target = story.text[last[1] : passage]
        spans = new_words(target, own, foreign)
        if len(spans) >= NEW_WORDS:
            gold = chance.randrange(2)
            contexts = (own, foreign) if gold == 0 else (foreign, own)
            return Item("far_context", story.cluster, "contrast", contexts, (target,), gold, (spans,))
    return None


def _fits(beginning: tuple[int, Narrative, int], size: int, story: Narrative) -> bool:
    """Say whether another story's beginning is about as long and written in the same style."""
    length, other, _ = beginning
    return other is not story and other.curly == story.curly and abs(length - size) <= LENGTH * size


def new_words(target: str, *contexts: str) -> tuple[Span, ...]:
    """Return where words stand, `WINDOW` words into the target or farther, that no context has."""
    known = {word for context in contexts for word in word_keys(context)}
    late = word_spans(target)[WINDOW:]
    return tuple((a, b) for a, b in late if target[a].isalpha() and key(target[a:b]) not in known)
