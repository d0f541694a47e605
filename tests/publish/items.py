"""Questions of every design, written for these tests."""

import json
from pathlib import Path

from fabula.study.items.item import Item

NAMES = ["Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ivo", "June"]
THINGS = ["drum", "kite", "shell", "spoon", "bell", "map", "rope", "lamp", "coin", "brush"]
PLACES = ["box", "bag", "jar", "drawer", "basket", "tin", "chest", "bowl", "crate", "bin"]
FEELINGS = [
    ("A wave took {} away from the sand castle.", "sad"),
    ("A friend gave {} a big warm hug.", "happy"),
    ("The last boat left without {}.", "sad"),
    ("The whole class sang for {}.", "happy"),
]


def grammar() -> list[Item]:
    """Whole sentences after nothing."""
    items = []
    for number, (name, thing) in enumerate(zip(NAMES, reversed(THINGS), strict=True)):
        good, bad = f"{name} was looking for a {thing}.", f"{name} were looking for a {thing}."
        gold = number % 2
        items.append(Item("grammar", name, "choice", ("",), (bad, good) if gold else (good, bad), gold))
    return items


def names() -> list[Item]:
    """One context, two targets."""
    items = []
    for number in range(10):
        one, other = NAMES[number], NAMES[(number + 3) % 10]
        context = f"{one} and {other} went to the lake. {one} fell into the water. {other} helped"
        gold = number % 2
        targets = (f" {other}.", f" {one}.") if gold else (f" {one}.", f" {other}.")
        items.append(Item("name_cloze", one, "choice", (context,), targets, gold))
    return items


def endings() -> list[Item]:
    """One context, four targets, scored by mutual information."""
    items = []
    for number in range(10):
        name, thing = NAMES[number], THINGS[number]
        targets = [f" {NAMES[(number + k) % 10]} put the {THINGS[(number + k) % 10]} to bed." for k in range(4)]
        gold = number % 4
        targets = targets[-gold:] + targets[:-gold] if gold else targets
        context = f"{name} had a new {thing}. All day long {name} played with it. At night it was dark."
        items.append(Item("ending", name, "pmi", (context,), tuple(targets), gold))
    return items


def feelings() -> list[Item]:
    """One target, two contexts."""
    items = []
    for number in range(10):
        first, second = FEELINGS[number % 4], FEELINGS[(number + 1) % 4]
        contexts = tuple(f"{event.format(NAMES[number])} {NAMES[number]} was very" for event, _ in (first, second))
        gold = number // 2 % 2
        items.append(
            Item("emotion_word", str(number % 4), "contrast", contexts, (f" {(first, second)[gold][1]}.",), gold)
        )
    return items


def binding() -> list[Item]:
    """Two contexts of the same words, two targets."""
    items = []
    for number in range(10):
        one, other = NAMES[number], NAMES[(number + 1) % 10]
        thing, second = THINGS[number], THINGS[(number + 4) % 10]
        place, elsewhere = PLACES[number], PLACES[(number + 2) % 10]
        contexts = tuple(
            f"{one} put the {a} in the {place}. {other} put the {b} in the {elsewhere}. "
            f"Later {one} opened the {place} and found the"
            for a, b in ((thing, second), (second, thing))
        )
        items.append(Item("binding", one, "mirrored", contexts, (f" {thing}.", f" {second}.")))
    return items


def inexpressible() -> list[Item]:
    """What the harness has no form for."""
    contexts = ("The dog ran to the gate.", "The cow sat on the hill.")
    return [
        Item("order", "a", "contrast", contexts, (" Then it slept.",), 1, (((0, 5),),)),
        Item("order", "b", "contrast", contexts, (" Then it ate.",), 0, (((6, 8),),)),
    ]


PROBES = {
    "grammar": grammar,
    "name_cloze": names,
    "ending": endings,
    "emotion_word": feelings,
    "binding": binding,
    "order": inexpressible,
}


def write_items(folder: Path) -> Path:
    """Write a study's `items/` below `folder`, one file for each probe, and return `folder`."""
    (folder / "items").mkdir(parents=True)
    for name, make in PROBES.items():
        lines = (json.dumps(item.to_json()) + "\n" for item in make())
        (folder / "items" / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder
