"""Mirrored items (design D1): two contexts that differ only in which of two pieces of text stands where.

The pieces stand once each in a pattern, far from its end, so the contexts are permutations of the same words and end
in the same words: n-grams up to the fifth order, unigram caches and overlap can't tell them apart.
"""

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fabula.study.items.item import Item
from fabula.study.items.templates.words import PRONOUNS, cast, two_of

Maker = Callable[[random.Random, int], Item]
"""Makes an item of one family under one condition. Successive numbers alternate what must be balanced: even or odd
decides who is asked about, every second pair the pronoun."""

_TRIES = 20


@dataclass(frozen=True)
class Family:
    """A scene and its wording, about two entities that have one of two values each."""

    name: str
    condition: str
    values: str
    """Pool of {x} and {y}, which the two contexts exchange; "names" for people."""
    entities: str
    """Pool of {a} and {b}; "" where there are none, "names" for people."""
    text: str
    """Up to the target. {q} is the one of {a} and {b} that is asked about, {r} the one of {c} and {d} that goes with
    it; {n} is somebody else, whose pronoun is {he}; {filler} is what lies between a fact and its use."""
    partners: str = ""
    """Pool of {c} and {d}."""
    crossed: bool = False
    """False: {x} fits {a}. True: {x} fits {b}, or, where nothing is asked about, {y} is right."""


def mirrored(
    probe: str,
    family: str,
    condition: str,
    pattern: str,
    slots: Mapping[str, str],
    exchanged: tuple[str, str],
    targets: tuple[str, str],
) -> Item:
    """Return the item whose contexts have {x} and {y} filled one way and the other.

    Args:
        probe: a name in `fabula.study.probes`.
        family: the item's cluster.
        condition: the part of the probe.
        pattern: the context, with one {x} and one {y}.
        slots: what the other slots stand for.
        exchanged: {x} and {y} of the first context.
        targets: what fits the first context, what fits the second; without their leading space.
    """
    x, y = exchanged
    contexts = (pattern.format(**slots, x=x, y=y), pattern.format(**slots, x=y, y=x))
    first, second = targets
    return Item(probe, family, "mirrored", contexts, (f" {first}", f" {second}"), condition=condition)


def pronoun_slots(number: int) -> tuple[str, Mapping[str, str]]:
    """Return the pronoun of the item with this number and what its slots stand for."""
    pronoun = ("she", "he")[number // 2 % 2]
    return pronoun, PRONOUNS[pronoun]


def entity_item(probe: str, family: Family, chance: random.Random, number: int, filler: str = "") -> Item:
    """Fill a family's slots at random; the first entity is asked about by even numbers, the second by odd ones."""
    pronoun, slots = pronoun_slots(number)
    n, *people = cast(chance, pronoun, 5)
    taken: set[str] = set()

    def pair(pool: str) -> list[str]:
        if pool == "names":
            return [people.pop(), people.pop()]
        return two_of(chance, pool, taken) if pool else ["", ""]

    x, y = pair(family.values)
    entities, partners = pair(family.entities), pair(family.partners)
    asked = number % 2 if "{q}" in family.text or "{r}" in family.text else 0
    filled = {
        **slots,
        "n": n,
        **dict(zip("abcd", [*entities, *partners], strict=True)),
        "q": entities[asked],
        "r": partners[asked],
        "filler": filler,
    }
    targets = (y, x) if (asked == 1) != family.crossed else (x, y)
    return mirrored(probe, family.name, family.condition, family.text, filled, (x, y), targets)


def entity_makers(probe: str, families: Sequence[Family]) -> dict[str, list[Maker]]:
    """Return the makers of families without filler, by condition."""
    makers: dict[str, list[Maker]] = {}
    for family in families:
        makers.setdefault(family.condition, []).append(_maker(probe, family))
    return makers


def _maker(probe: str, family: Family) -> Maker:
    return lambda chance, number: entity_item(probe, family, chance, number)


def spread(chance: random.Random, makers: Mapping[str, Sequence[Maker]], limit: int) -> list[Item]:
    """Make `limit` different items: in turn for each condition, and within it in turn from each family.

    Fewer come back when a family runs out of combinations.
    """
    orders = {condition: chance.sample(list(group), len(group)) for condition, group in makers.items() if group}
    if not orders:
        return []
    items: dict[str, Item] = {}
    for index in itertools.count():
        for turn, order in enumerate(orders.values()):
            position = index % len(order)
            # Offsets by position and condition balance who is asked even where each family gives a single item.
            number = index // len(order) + position + turn
            item = _new(chance, order[position], number, items)
            if item is not None:
                items[item.id] = item
            if len(items) >= limit:
                return list(items.values())
        if index >= 4 * limit:
            return list(items.values())
    raise AssertionError("unreachable")


def _new(chance: random.Random, maker: Maker, number: int, items: Mapping[str, Item]) -> Item | None:
    made = (maker(chance, number) for _ in range(_TRIES))
    return next((item for item in made if item.id not in items), None)
