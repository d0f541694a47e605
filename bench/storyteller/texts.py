"""The texts of the storyteller's later trainings: the same stories, with other names, plain ones more often.

A corpus of twenty thousand stories knows a few names far too well: a model writes "Lily" whoever the story is about. So
each copy of a story has some of its people's names, and of its animals, exchanged for others, the same one throughout,
and whoever wants to tell on has to look who it was. What is a name, and whose, is read off the stories themselves.
There are not many names, though, and a model still guesses; so some of them are made up, and colours change too.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.long_stories.lists import said_again
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
COLOURS = ("red", "blue", "green", "yellow", "pink", "purple", "orange")
COLOUR_SHARE = 0.5
"""Of the colours in a story: how many are exchanged, where names are made up."""
ALWAYS_SO = "sky grass leaves leaf juice tree trees sun light hair eyes clouds"
"""What has its colour by nature: that one stays."""
BEGINNINGS = "b br d f fl g gr h j k l m n p pl r s t tr v w z bl st sh th dr"
MIDDLES = "a e i o u ee oo ai ia"
ENDINGS = ("", "", "n", "l", "r", "m", "s", "ck", "bby", "tty", "x", "nny", "lla")
LONG_ENDINGS = "a o i y ina us ek en ie ble dor min"
LONG_SHARE = 0.6
"""Of the made-up names, those that go on after their first syllable; all have 3 to 9 letters."""
FIRST_NAME, FIRST_WORD, LAST_WORD = 10, 60, 1500
"""Of the tokens, by their number: where the names and the words of the lists begin, and where the words end."""
USUAL_STORIES = 34
"""Stories that have a word, at least, for it to be usual; names are."""
COLOUR = re.compile(rf"\b({'|'.join(COLOURS)})\b(?! (?:{ALWAYS_SO.replace(' ', '|')}))")
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


@dataclass(frozen=True)
class Mix:
    """What a text is made of."""

    copies: tuple[int, int, int]
    """Of each of the plainest stories, of the other plain ones, of the rest; every copy has names of its own."""
    seed: int
    """Of names and order."""
    made_up: float = 0.0
    """Share of the names in a story that are made up; where there are any, colours are exchanged too."""
    lists: int = 0
    """Lists of words, said again and again, in between; only beside made-up names."""


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

    def text(self, mix: Mix, vocabulary: Mapping[str, int]) -> str:
        """Return stories, and lists of whole tokens of the vocabulary, in random order."""
        chance = random.Random(f"storyteller/{mix.seed}")
        told = []
        for story in self.stories:
            kind = 0 if self.is_(PLAINEST, story) else 1 if self.is_(PLAIN, story) else 2
            told += [self.changed(story, chance, mix.made_up) for _ in range(mix.copies[kind])]
        chance.shuffle(told)
        if mix.made_up:
            words = _words_of_lists(vocabulary)
            told += said_again([], words, 1.0, mix.lists, random.Random(f"1.0/mix{mix.seed}"))
            random.Random(mix.seed).shuffle(told)
        return "".join(f"{story}\n{END_OF_TEXT}\n" for story in told)

    def changed(self, story: str, chance: random.Random, made_up: float = 0.0) -> str:
        """Return a story with some names and animals exchanged, each for the same one throughout.

        With a share of made-up names, that many of the names are made up, and some colours are exchanged.
        """
        names = _exchanged((found[1] for found in self.names.finditer(story)), self._others, NAME_SHARE, chance)
        story = self.names.sub(lambda found: names.get(found[1], found[1]), story)
        animals = _exchanged((found[1].lower() for found in ANIMAL.finditer(story)), _animals, ANIMAL_SHARE, chance)
        story = ANIMAL.sub(lambda found: _like(found[1], animals.get(found[1].lower(), found[1])) + found[2], story)
        if not made_up:
            return story
        mentioned = dict.fromkeys(found[1] for found in self.names.finditer(story))
        made = {name: _made_up(chance) for name in mentioned if chance.random() < made_up}
        story = self.names.sub(lambda found: made.get(found[1], found[1]), story)
        colours = _exchanged((found[1] for found in COLOUR.finditer(story)), _colours, COLOUR_SHARE, chance)
        return COLOUR.sub(lambda found: colours.get(found[1], found[1]), story)

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


def _made_up(chance: random.Random) -> str:
    """Return a name that nobody has, or hardly anybody."""
    while True:
        name = chance.choice(BEGINNINGS.split()) + chance.choice(MIDDLES.split()) + chance.choice(ENDINGS)
        if chance.random() < LONG_SHARE:
            name += chance.choice(LONG_ENDINGS.split())
        if 3 <= len(name) <= 9:
            return name.capitalize()


def _words_of_lists(vocabulary: Mapping[str, int]) -> list[str]:
    """Return names, then words, of four letters and more that are one token each, the usual ones first."""
    tokens = sorted((token for token in vocabulary if token.startswith("Ġ")), key=lambda token: vocabulary[token])
    words = [token[1:] for token in tokens if len(token) > 3 and token[1:].isalpha()]
    names = [word for word in words if word[0].isupper()]
    small = [word for word in words if word.islower() and len(word) > 3]
    return names[FIRST_NAME:] + small[FIRST_WORD:LAST_WORD]


def _colours(colour: str) -> Sequence[str]:
    """Return what "a" or "an" fits before as it does before this one."""
    return [other for other in COLOURS if (other == "orange") == (colour == "orange")]


def _animals(_: str) -> Sequence[str]:
    return ANIMALS


def _like(old: str, new: str) -> str:
    return new.capitalize() if old[0].isupper() else new


def _words(story: str) -> list[str]:
    return WORD.findall(story.lower())
