"""Stories to fit baselines on: made by rule, so that no corpus is needed."""

import random

NAMES = ("Nia", "Otto", "Pim", "Rosa")
THINGS = ("kite", "drum", "lamp", "spoon", "boat")
PLACES = ("barn", "tent", "well", "attic")


def made_stories(count: int, seed: int = 0) -> list[str]:
    """Return short stories with a few turns."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        name, other = chance.sample(NAMES, 2)
        thing, place = chance.choice(THINGS), chance.choice(PLACES)
        found.append(
            f"One day, {name} lost a {thing}. {other} looked in the {place} and found the {thing}. "
            f'"Is this your {thing}?" asked {other}. {name} was happy, and they went home {number}.'
        )
    return found
