# ruff: noqa: E501 - one template a line, however long
"""What a character feels: one good and one bad event in every context; their order or their place says which counts.

Three conditions: `at once` and `later` (both happened to one character, one after the other, told in that order; a few
neutral sentences lie between the last event and the feeling, or none), and `characters` (one character had the good
event, the other the bad one, and one of them is asked about).
"""

import random
from dataclasses import dataclass

from fabula.study.items.item import Item
from fabula.study.items.templates.filler import filler
from fabula.study.items.templates.mirrored import Maker, mirrored, pronoun_slots
from fabula.study.items.templates.words import cast

NEUTRAL_WORDS = 14
"""Words of neutral sentences between the events and the feeling."""
_ENDINGS = (
    "When it was over, {q} felt very",
    "After all of that, {q} felt very",
    "Anyone could see that {q} was so",
    "It was no wonder that {q} felt",
)
_CHANGES = (
    "In the morning, {n} {x}. In the afternoon, {n} {y}.",
    "At first, {n} {x}. But soon after that, {n} {y}.",
    "Before lunch, {n} {x}. After lunch, {n} {y}.",
    "Yesterday, {n} {x}. Today, {n} {y}.",
)
"""{y} is what happened last."""


@dataclass(frozen=True)
class Scene:
    """A good event and a bad one that belong together."""

    name: str
    good: str
    bad: str
    feelings: tuple[str, str]
    """What the good event and the bad event make one feel."""


_CHARACTERS = (
    Scene("two-race", "{p} won the race and was given a medal.", "{p} came in last in the race and hurt one knee.", ("happy", "sad")),
    Scene("two-presents", "{p} was given a shiny new bike.", "{p} was given nothing at all.", ("happy", "sad")),
    Scene("two-runaways", "The lost puppy of {p} came home again.", "The lost kitten of {p} was never seen again.", ("glad", "sad")),
    Scene("two-ice-cream", "{p} ate a huge cone of ice cream.", "{p} dropped a cone of ice cream in the dirt.", ("happy", "upset")),
    Scene("two-drawing", "The teacher said that the drawing by {p} was wonderful.", "The teacher said that the drawing by {p} was ugly.", ("proud", "sad")),
    Scene("two-neighbors", "The best friend of {p} moved in next door.", "The best friend of {p} moved far away.", ("happy", "sad")),
    Scene("two-storm", "{p} sat safe and snug in Dad's arms during the storm.", "{p} stood all alone in the woods during the storm.", ("calm", "scared")),
    Scene("two-toy-train", "Dad fixed the toy train of {p}.", "A truck rolled over the toy train of {p}.", ("happy", "sad")),
    Scene("two-party", "{p} got a card and was asked to come to the party.", "{p} got no card and had to miss the party.", ("excited", "sad")),
    Scene("two-dogs", "A friendly puppy licked the hand of {p}.", "A mean dog bit the hand of {p}.", ("happy", "scared")),
    Scene("two-playmates", "All the kids wanted to play with {p}.", "None of the kids wanted to play with {p}.", ("happy", "sad")),
    Scene("two-towers", "The tower that {p} built was the tallest of all.", "The tower that {p} built fell over with a crash.", ("proud", "upset")),
    Scene("two-fever", "{p} was well again and could leave the bed.", "{p} had a fever and could not leave the bed.", ("happy", "sad")),
    Scene("two-swing", "A big kid gave {p} a turn on the swing.", "A big kid pushed {p} down from the swing.", ("happy", "angry")),
    Scene("two-swimming", "For the first time ever, {p} swam across the whole pool.", "For the first time ever, {p} got lost and could not find Mom.", ("proud", "scared")),
    Scene("two-hug", "Mom gave {p} a long hug and a kiss.", "Mom yelled at {p} in front of everybody.", ("happy", "sad")),
    Scene("two-dreams", "{p} had a lovely dream about a land of candy.", "{p} had a bad dream about a mean monster.", ("happy", "scared")),
    Scene("two-station", "At the station, {p} saw Mom and Dad wave.", "At the station, {p} could not find Mom and Dad.", ("happy", "worried")),
    Scene("two-cookies", "{p} was allowed to eat the last cookies.", "Somebody stole the cookies of {p}.", ("happy", "angry")),
)  # fmt: skip
_CHANGE = (
    Scene("favorite-toy", "found {his} favorite toy", "lost {his} favorite toy", ("happy", "sad")),
    Scene("grandma", "heard that Grandma was healthy", "heard that Grandma was sick", ("happy", "worried")),
    Scene("best-friend", "made up with {his} best friend", "had a fight with {his} best friend", ("happy", "sad")),
    Scene("big-game", "won a big game", "lost a big game", ("happy", "sad")),
    Scene("letter", "got a letter full of good news", "got a letter full of bad news", ("happy", "sad")),
    Scene("sapling", "saw the little plant grow a flower", "saw the little plant dry up and die", ("happy", "sad")),
    Scene("puppy", "was told to keep the puppy", "was told to give the puppy away", ("happy", "sad")),
    Scene("classmates", "laughed with the other kids", "was laughed at by the other kids", ("happy", "sad")),
    Scene("school", "got a gold star from the teacher", "got in trouble with the teacher", ("proud", "upset")),
    Scene("crowd", "was hugged by everybody", "was pushed by everybody", ("happy", "angry")),
    Scene("cake", "got the biggest slice of cake", "got no cake at all", ("happy", "sad")),
    Scene("outdoors", "played in the sun with good friends", "sat in the cold rain all alone", ("happy", "sad")),
    Scene("nighttime", "cuddled with Mom in a cozy bed", "heard a monster growl in the dark", ("calm", "scared")),
    Scene("race", "won the race", "fell down in the race and hurt one knee", ("happy", "sad")),
    Scene("kitten", "played with the kitten", "could not find the kitten", ("happy", "worried")),
    Scene("ice-cream", "ate a huge cone of ice cream", "dropped a huge cone of ice cream in the dirt", ("happy", "upset")),
    Scene("drawing", "heard that the drawing was wonderful", "heard that the drawing was ugly", ("proud", "sad")),
    Scene("new-neighbor", "heard that a friend would move in next door", "heard that a friend would move far away", ("happy", "sad")),
    Scene("storm", "sat safe and snug in Dad's arms", "stood all alone in the storm", ("calm", "scared")),
    Scene("toy-train", "fixed the toy train", "broke the toy train", ("happy", "sad")),
    Scene("party", "was asked to come to a party", "was told to stay away from a party", ("excited", "sad")),
    Scene("strange-dog", "was licked by a friendly dog", "was bitten by a mean dog", ("happy", "scared")),
    Scene("playmates", "was asked to join the game", "was told to leave the game", ("happy", "sad")),
    Scene("tower", "built the tallest tower of all", "saw the tallest tower fall over", ("proud", "upset")),
    Scene("fever", "was well and could go outside", "was ill and had to lie in bed", ("happy", "sad")),
    Scene("swing", "was given a turn on the swing", "was pushed down from the swing", ("happy", "angry")),
    Scene("pool", "swam across the whole pool", "nearly drowned in the pool", ("proud", "scared")),
    Scene("hug", "got a long hug from Mom", "was yelled at by Mom", ("happy", "sad")),
    Scene("dream", "had a lovely dream about candy", "had a bad dream about a monster", ("happy", "scared")),
    Scene("station", "saw Mom wave from the train", "could not find Mom at the train", ("happy", "scared")),
    Scene("cookies", "was given all the cookies", "saw that somebody stole all the cookies", ("happy", "angry")),
    Scene("trip", "was told that the trip could begin", "was told that the trip was off", ("excited", "sad")),
    Scene("words", "heard kind words from a friend", "heard mean words from a friend", ("happy", "sad")),
    Scene("gold-coin", "found a gold coin", "lost a gold coin", ("happy", "sad")),
    Scene("balloon", "was given a giant balloon", "saw the giant balloon pop", ("happy", "sad")),
    Scene("snowman", "built a funny snowman", "saw the funny snowman melt", ("happy", "sad")),
)  # fmt: skip


def makers(probe: str) -> dict[str, list[Maker]]:
    """Return the makers of every scene, by condition."""
    return {
        "at once": [_change(probe, scene, "at once", 0) for scene in _CHANGE],
        "later": [_change(probe, scene, "later", NEUTRAL_WORDS) for scene in _CHANGE],
        "characters": [_characters(probe, scene) for scene in _CHARACTERS],
    }


def _change(probe: str, scene: Scene, condition: str, neutral_words: int) -> Maker:
    def make(chance: random.Random, number: int) -> Item:
        pronoun, slots = pronoun_slots(number)
        [name] = cast(chance, pronoun, 1)
        pattern = _with_ending(chance.choice(_CHANGES), neutral_words, chance)
        clauses = (scene.good.format(**slots), scene.bad.format(**slots))
        filled = {**slots, "n": name, "q": name}
        good, bad = scene.feelings
        return mirrored(probe, scene.name, condition, pattern, filled, clauses, (bad, good))

    return make


def _characters(probe: str, scene: Scene) -> Maker:
    def make(chance: random.Random, number: int) -> Item:
        pronoun, slots = pronoun_slots(number)
        lucky, unlucky = cast(chance, pronoun, 2)
        events = [scene.good.replace("{p}", "{x}"), scene.bad.replace("{p}", "{y}")]
        ordered = events if number // 4 % 2 else events[::-1]
        pattern = _with_ending(" ".join(ordered), NEUTRAL_WORDS, chance)
        asked = (lucky, unlucky)[number % 2]
        good, bad = scene.feelings
        targets = (good, bad) if asked == lucky else (bad, good)
        return mirrored(probe, scene.name, "characters", pattern, {**slots, "q": asked}, (lucky, unlucky), targets)

    return make


def _with_ending(events: str, neutral_words: int, chance: random.Random) -> str:
    return " ".join(part for part in (events, filler(chance, neutral_words), chance.choice(_ENDINGS)) if part)
