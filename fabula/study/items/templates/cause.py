"""Causes and consequences: two causes in every context, and only one of them is real, current or the character's own.

Three wordings: today against yesterday, truth against belief, and two characters. A family is "unseen" when the
training stories never bring its causes and consequences together, or less often than chance would.
"""

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence

from fabula.study.items.item import Item
from fabula.study.items.templates.causes import FAMILIES, Cause, CauseFamily
from fabula.study.items.templates.mirrored import Maker, mirrored, pronoun_slots
from fabula.study.items.templates.words import cast
from fabula.study.text import words

ENOUGH = 40
"""Families that the probe should have."""
KNOWN = 3
"""A word in fewer training stories is no word that the model can be expected to know."""
_FRAMES = (
    (
        "Yesterday, {y}. Today, {x}. So this time, {n}",
        "Today, {x}. That was new, because yesterday, {y}. So this time, {n}",
    ),
    (
        "{m} thought that {y}. But in truth, {x}. So in the end, {n}",
        "In truth, {x}. It was only {m} who thought that {y}. So in the end, {n}",
    ),
)
"""Both orders of each; {x} is what counts."""  # fmt: skip
_CHARACTERS = "So after a while, {q}"

Forms = tuple[str, ...]
Occurrences = Mapping[str, frozenset[int]]
"""For each word the stories that have it."""


def makers(probe: str, stories: Sequence[str]) -> dict[str, list[Maker]]:
    """Return the makers of the chosen families, by condition "seen" or "unseen".

    At least half of them are unseen, unless that leaves fewer than `ENOUGH`. Families with words that hardly ever
    stand in the stories are taken only when the others are too few.
    """
    occurrences = _occurrences(stories)
    unseen = [family for family in FAMILIES if is_unseen(family, occurrences, len(stories))]
    seen = [family for family in FAMILIES if family not in unseen]
    known = [family for family in unseen if _is_known(family, occurrences)]
    if len(known) >= ENOUGH // 2:
        unseen = known
    seen = seen[: max(len(unseen), ENOUGH - len(unseen))]
    return {
        "seen": [_maker(probe, family, "seen") for family in seen],
        "unseen": [_maker(probe, family, "unseen") for family in unseen],
    }


def is_unseen(family: CauseFamily, occurrences: Occurrences, stories: int) -> bool:
    """Tell whether neither of a family's consequences follows from a habit of the training stories."""
    return all(association(cause, occurrences, stories) < 0 for cause in (family.first, family.second))


def association(cause: Cause, occurrences: Occurrences, stories: int) -> float:
    """Return the pointwise mutual information of a cause's and its consequence's words over stories, in nats.

    It is the highest of any pair of words; -inf when no pair ever stands in one story.
    """
    pairs = itertools.product(cause.cause_words, cause.effect_words)
    return max(_mutual_information(*pair, occurrences, stories) for pair in pairs)


def _mutual_information(first: Forms, second: Forms, occurrences: Occurrences, stories: int) -> float:
    causes, effects = _stories_with(first, occurrences), _stories_with(second, occurrences)
    together = len(causes & effects)
    return math.log(together * stories / (len(causes) * len(effects))) if together else -math.inf


def _is_known(family: CauseFamily, occurrences: Occurrences) -> bool:
    return all(len(_stories_with(forms, occurrences)) >= KNOWN for forms in _words_of(family))


def _stories_with(forms: Forms, occurrences: Occurrences) -> frozenset[int]:
    return frozenset().union(*(occurrences[form] for form in forms))


def _words_of(family: CauseFamily) -> Iterator[Forms]:
    for cause in (family.first, family.second):
        yield from (*cause.cause_words, *cause.effect_words)


def _occurrences(stories: Sequence[str]) -> Occurrences:
    found: dict[str, set[int]] = {form: set() for f in FAMILIES for forms in _words_of(f) for form in forms}
    for number, story in enumerate(stories):
        for word in found.keys() & set(words(story.lower())):
            found[word].add(number)
    return {form: frozenset(numbers) for form, numbers in found.items()}


def _maker(probe: str, family: CauseFamily, condition: str) -> Maker:
    personal = "{n}" in family.first.cause and "{n}" in family.second.cause

    def make(chance: random.Random, number: int) -> Item:
        if personal and number % 3 == 2:
            return _characters(probe, family, condition, chance, number)
        return _one_character(probe, family, condition, chance, number)

    return make


def _one_character(probe: str, family: CauseFamily, condition: str, chance: random.Random, number: int) -> Item:
    pronoun, slots = pronoun_slots(number)
    n, m = cast(chance, pronoun, 2)
    pattern = chance.choice(_FRAMES)[number % 2]
    exchanged = (family.first.cause.format(n=n), family.second.cause.format(n=n))
    targets = (family.first.effect, family.second.effect)
    return mirrored(probe, family.name, condition, pattern, {**slots, "n": n, "m": m}, exchanged, targets)


def _characters(probe: str, family: CauseFamily, condition: str, chance: random.Random, number: int) -> Item:
    pronoun, slots = pronoun_slots(number)
    first, second = cast(chance, pronoun, 2)
    causes = [_sentence(family.first, "{x}"), _sentence(family.second, "{y}")]
    pattern = " ".join([*(causes if chance.random() < 0.5 else reversed(causes)), _CHARACTERS])
    asked = (first, second)[number % 2]
    effects = (family.first.effect, family.second.effect)
    targets = effects if asked == first else (effects[1], effects[0])
    return mirrored(probe, family.name, condition, pattern, {**slots, "q": asked}, (first, second), targets)


def _sentence(cause: Cause, name: str) -> str:
    text = cause.cause.replace("{n}", name)
    return f"{text[0].upper()}{text[1:]}."
