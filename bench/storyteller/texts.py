"""The texts of the storyteller's second and third training: the same stories, with other names, plain ones more often.

A corpus of twenty thousand stories knows a few names far too well: a model writes "Lily" whoever the story is about. So
each copy of a story has some of its people's names, and of its animals, exchanged for others, the same one throughout,
and whoever wants to tell on has to look who it was. What is a name, and whose, is read off the stories themselves.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fabula.corpus.readers import END_OF_TEXT

NAME_SHARE, ANIMAL_SHARE = 0.6, 0.4
"""Of the names in a story, and of its animals: how many are exchanged."""
FEWEST_MENTIONS = 12
"""Inside sentences, for a word with a capital to be a name."""
MOST_IN_SMALL_LETTERS = 0.15
"""As often as with a capital, or the word is no name."""
FEWEST_PRONOUNS = 20
"""In the stories that have no other name, to tell whether a name is a boy's or a girl's."""
MAJORITY = 4
"""So many times more often "he" than "she", or the other way round."""
NO_NAMES = (
    "Mom Mommy Dad Daddy Mum Mama Papa Grandma Grandpa Mr Mrs Miss Mummy God Christmas English Santa Halloween "
    "American Earth Easter Africa Paris"
)
NOT_FOR_PEOPLE = (
    "Whiskers Momo Chirpy Buzz Pandy Binky Zoomy Speedy Tweetie Tweety Brownie Buzzy Kitty Nana Finny Remy Bobo Buddy "
    "Abi Mimi"
)
"""Names that the rules find, and that are an animal's or a grandmother's."""
ANIMALS = ("rabbit", "squirrel", "bear", "pig", "goat", "lion", "tiger", "monkey", "turtle")
"""With a plain plural and an article that fits the others; what one of them does in a story, another one can."""
PRONOUNS = {"he": 0, "him": 0, "his": 0, "she": 1, "her": 1, "hers": 1}
USUAL_STORIES = 34
"""Stories that have a word, at least, for it to be usual; names are."""
ANIMAL = re.compile(rf"\b({'|'.join(ANIMALS)})(s?)\b", re.IGNORECASE)
WORD = re.compile(r"(?<![A-Za-z'])([A-Za-z][a-z]+)")
"""Of two letters and more, up to an apostrophe."""
LETTERS = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class Plain:
    """Which stories count as plain."""

    fewest_words: int
    most_words: int
    most_unusual: int
    """Different words that are not usual."""


PLAINEST = Plain(40, 130, 1)
PLAIN = Plain(40, 160, 2)


class Texts:
    """The stories of a corpus, and what can be made of them."""

    def __init__(self, stories: Sequence[str]) -> None:
        """Read the names off the stories."""
        self.stories = stories
        boys, girls = _people(stories)
        self.pools = [boys, girls]
        self.sex = {name: sex for sex, pool in enumerate(self.pools) for name in pool}
        self.names = re.compile(rf"\b({'|'.join(sorted(self.sex, key=len, reverse=True))})\b")
        counts = Counter(word for story in stories for word in set(_words(story)))
        self.usual = {word for word, count in counts.items() if count >= USUAL_STORIES} | {n.lower() for n in self.sex}

    def is_(self, plain: Plain, story: str) -> bool:
        """Say whether a story is as plain as that."""
        words = _words(story)
        in_length = plain.fewest_words <= len(words) <= plain.most_words
        return in_length and len(set(words) - self.usual) <= plain.most_unusual

    def text(self, copies: tuple[int, int, int], seed: int) -> str:
        """Return the stories in random order, each copy with other names.

        Args:
            copies: of the plainest stories, of the other plain ones, and of the rest.
            seed: decides names and order.
        """
        chance = random.Random(f"storyteller/{seed}")
        told = []
        for story in self.stories:
            kind = 0 if self.is_(PLAINEST, story) else 1 if self.is_(PLAIN, story) else 2
            told += [self.changed(story, chance) for _ in range(copies[kind])]
        chance.shuffle(told)
        return "".join(f"{story}\n{END_OF_TEXT}\n" for story in told)

    def changed(self, story: str, chance: random.Random) -> str:
        """Return a story with some names and animals exchanged, each for the same one throughout."""
        names = _exchanged((found[1] for found in self.names.finditer(story)), self._others, NAME_SHARE, chance)
        story = self.names.sub(lambda found: names.get(found[1], found[1]), story)
        animals = _exchanged((found[1].lower() for found in ANIMAL.finditer(story)), _animals, ANIMAL_SHARE, chance)
        return ANIMAL.sub(lambda found: _like(found[1], animals.get(found[1].lower(), found[1])) + found[2], story)

    def _others(self, name: str) -> Sequence[str]:
        return self.pools[self.sex[name]]


def _people(stories: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names of boys and of girls, the most usual first."""
    small, inside = Counter[str](), Counter[str]()
    for story in stories:
        for found in WORD.finditer(story):
            word, before = found[1], story[max(0, found.start() - 2) : found.start()]
            if word.islower():
                small[word] += 1
            elif before.endswith(" ") and before[0] not in '.!?"”“:;':
                inside[word] += 1
    no_names, not_for_people = set(NO_NAMES.split()), set(NOT_FOR_PEOPLE.split())
    names = [
        word
        for word, count in inside.most_common()
        if count >= FEWEST_MENTIONS and small[word.lower()] < MOST_IN_SMALL_LETTERS * count and word not in no_names
    ]
    known = set(names)
    pronouns: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for story in stories:
        words = LETTERS.findall(story)
        mentioned = known.intersection(words)
        if len(mentioned) == 1:
            for word in words:
                if word.lower() in PRONOUNS:
                    pronouns[next(iter(mentioned))][PRONOUNS[word.lower()]] += 1
    people = [name for name in names if sum(pronouns[name]) >= FEWEST_PRONOUNS and name not in not_for_people]
    boys = [name for name in people if pronouns[name][0] >= MAJORITY * pronouns[name][1]]
    girls = [name for name in people if pronouns[name][1] >= MAJORITY * pronouns[name][0]]
    return boys, girls


def _exchanged(
    mentioned: Iterable[str], others: Callable[[str], Sequence[str]], share: float, chance: random.Random
) -> dict[str, str]:
    """Choose a new one for some of what is mentioned: never one that the story has, and never one twice."""
    old = list(dict.fromkeys(mentioned))
    new: dict[str, str] = {}
    for one in old:
        free = [other for other in others(one) if other not in old and other not in new.values()]
        if chance.random() < share and free:
            new[one] = chance.choice(free)
    return new


def _animals(_: str) -> Sequence[str]:
    return ANIMALS


def _like(old: str, new: str) -> str:
    return new.capitalize() if old[0].isupper() else new


def _words(story: str) -> list[str]:
    return WORD.findall(story.lower())
