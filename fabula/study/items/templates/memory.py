# ruff: noqa: E501 - one template a line, however long
"""Two facts, words that have nothing to do with them, and the question which fact was whose."""

import random
from collections.abc import Sequence

from fabula.study.items.item import Item
from fabula.study.items.templates.filler import filler
from fabula.study.items.templates.mirrored import Family, Maker, entity_item

DISTANCES = (0, 25, 50, 100, 200, 400, 800, 1600)
"""Words between the facts and the question; they are the condition."""

FAMILIES = (
    Family("pet-names", "", "pets", "animals", "{n} had a {a} named {x} and a {b} named {y}. {filler} In the evening {n} wanted to see the {q} and called for"),
    Family("scarves", "", "colors", "names", "{a} wore a {x} scarf and {b} wore a {y} scarf that day. {filler} In the end, the scarf of {q} lay on the ground. It was"),
    Family("hidden", "", "containers", "tiny", "Grandma hid a {a} in the {x} and a {b} in the {y}. {filler} Now {n} wanted to have the {q}. So {he} opened the"),
    Family("givers", "", "names", "toys", "{x} gave {n} a {a} at dawn. {y} gave {n} a {b} at noon. {filler} That night, {n} held on to the {q} and thought about"),
    Family("owners", "", "names", "toys", "The {a} belonged to {x} and the {b} belonged to {y}. {filler} When all was over, {n} took the {q} and brought it back to"),
    Family("dinner", "", "foods", "names", "{a} asked for {x} and {b} asked for {y}. {filler} Then the food was ready. On the plate of {q} there was"),
    Family("trips", "", "outdoors", "names", "{a} longed to see the {x}. {b} longed to see the {y}. {filler} Then the time had come, and Dad drove {q} to the"),
    Family("show", "", "verbs", "animals", "The {a} knew how to {x} and the {b} knew how to {y}. {filler} At the show, the {q} came out and began to"),
    Family("promises", "", "toys", "names", "{a} promised to bring a {x} and {b} promised to bring a {y}. {filler} The door flew open. It was {q} with a"),
    Family("losers", "", "tiny", "names", "{a} lost a {x} and {b} lost a {y}. {filler} Something lay in the dust. {q} was glad and picked up the"),
    Family("secret-words", "", "shapes", "names", "{a} chose the secret word {x} and {b} chose the secret word {y}. {filler} Then all could guess. The secret word of {q} was"),
    Family("fears", "", "animals", "names", "{a} was afraid of a huge {x}, and {b} was afraid of a huge {y}. {filler} In the night, {q} dreamed about the huge"),
    Family("bus-lines", "", "colors", "outdoors", "The {x} bus drives to the {a} and the {y} bus drives to the {b}. {filler} {n} must be at the {q} soon. {He} needs the bus that is"),
    Family("letters", "", "colors", "names", "{a} lived in the {x} house and {b} lived in the {y} house. {filler} A letter came for {q}. It was put into the house that was"),
    Family("classes", "", "names", "verbs", "{x} hoped to learn how to {a}, and {y} hoped to learn how to {b}. {filler} At last there was a class for those who could not {q}. The first one there was"),
    Family("treasure-map", "", "furniture", "tiny", "On the map, a {a} was drawn under the {x} and a {b} was drawn under the {y}. {filler} {n} needed the {q}. So {he} looked under the"),
    Family("roles", "", "names", "costumes", "In the game, {x} was the {a} and {y} was the {b}. {filler} All at once, the {q} jumped out from behind a wall. It was"),
    Family("pots", "", "plants", "names", "{a} planted a {x} and {b} planted a {y}. {filler} The long wait was over. In the pot of {q} stood a tiny"),
    Family("sweaters", "", "colors", "names", "An aunt knitted a {x} sweater for {a} and a {y} sweater for {b}. {filler} It was cold now, and {q} put on the sweater that was"),
    Family("keepers", "", "names", "animals", "{x} took care of the {a} and {y} took care of the {b}. {filler} The {q} was hungry again, so someone had to call"),
    Family("builders", "", "materials", "names", "{a} built a hut out of {x} and {b} built a hut out of {y}. {filler} {n} touched the wall of the hut of {q}. It was made of"),
    Family("origins", "", "outdoors", "animals", "The {a} came from the {x} and the {b} came from the {y}. {filler} The {q} missed its home and set off for the"),
    Family("wishes", "", "toys", "names", "{a} wished for a {x} and {b} wished for a {y}. {filler} It was time for {q} to open the parcel. Inside it was a"),
    Family("seats", "", "names", "furniture", "{x} sat on the {a} and {y} sat on the {b}. {filler} No one had moved at all. {n} looked over to the {q} and waved to"),
    Family("recipe", "", "ingredients", "names", "For the stew, {a} got the {x} and {b} got the {y}. {filler} The pot was full of hot water. Then {q} came and put in the"),
    Family("teams", "", "names", "colors", "The team of {x} wore {a} shirts. The team of {y} wore {b} shirts. {filler} The {q} shirts won the match. People cheered for"),
    Family("pockets", "", "tiny", "names", "{a} had a {x} in one pocket. {b} had a {y} in one pocket. {filler} Then {q} put a hand in that pocket and felt the"),
    Family("keys", "", "colors", "rooms", "The {x} key was for the {a} and the {y} key was for the {b}. {filler} {n} stood before the {q}. To get in, {he} took the key that was"),
    Family("pages", "", "shapes", "names", "{a} drew a {x} on the first page, and {b} drew a {y} on the next page. {filler} Mom stopped at the page of {q} and saw a"),
    Family("guides", "", "names", "outdoors", "{x} knew the way to the {a}. {y} knew the way to the {b}. {filler} {n} had to find the {q} at once, so {he} asked"),
    Family("cures", "", "drinks", "animals", "The {a} was ill and needed {x}. The {b} was ill and needed {y}. {filler} {n} came back to help. {He} gave the {q} some"),
    Family("travelers", "", "travel", "names", "{a} came by {x} and {b} came by {y}. {filler} It was late by then. To get home, {q} had to go by"),
    Family("sleepers", "", "names", "rooms", "{x} slept in the {a}, and {y} slept in the {b}. {filler} A strange noise came out of the {q}. It must have been"),
    Family("numbers", "", "numbers", "names", "{a} was given the number {x} and {b} was given the number {y}. {filler} {q} stood up, since somebody had called the number"),
)  # fmt: skip


def makers(probe: str, families: Sequence[Family] = FAMILIES) -> dict[str, list[Maker]]:
    """Return the makers of every family at every distance."""
    return {str(distance): [_maker(probe, family, distance) for family in families] for distance in DISTANCES}


def _maker(probe: str, family: Family, distance: int) -> Maker:
    def make(chance: random.Random, number: int) -> Item:
        text = family.text if distance else family.text.replace("{filler} ", "")
        at_distance = Family(family.name, str(distance), family.values, family.entities, text, family.partners)
        return entity_item(probe, at_distance, chance, number, filler(chance, distance))

    return make
