"""Characters of a story: do they stay, does nobody come from nowhere, are they 'he' or 'she' throughout?"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from fabula.study.cast import KIN, Cast
from fabula.study.text import sentence_spans

EARLY = 0.3
"""Part of a story whose names are its characters."""
PERSISTENT = 0.6
"""Behind this part of a story its characters should still be there."""
LATE = 0.5
"""Behind this part of a story nobody new comes without a word about who it is."""
FEMALE = (
    "girls?|woman|women|lady|ladies|moms?|mommy|mum|mummy|mama|mother|sisters?|grandma|grandmother|granny|nana|auntie|"
    "aunt|queen|princess|mrs|ms|miss|daughter|nanny|witch|fairy|mermaid|hen"
)
MALE = (
    "boys?|man|men|dads?|daddy|papa|father|brothers?|grandpa|grandfather|uncle|king|prince|mr|sir|son|policeman|"
    "fireman|wizard|knight|pirate|rooster"
)
ANYBODY = (
    "friends?|twins?|cousins?|neighbou?rs?|farmer|doctor|teacher|nurse|baker|clown|captain|sailor|officer|stranger|"
    "person|people|child|kid|baby|animals?|dog|puppy|cat|kitten|birds?|bear|rabbit|bunny|fox|mouse|frog|fish|duck|"
    "duckling|pig|cow|horse|pony|sheep|lamb|goat|chick|lion|tiger|elephant|monkey|squirrel|turtle|owl|bees?|ant|spider|"
    "snail|snake|worm|bug|butterfly|ladybug|caterpillar|deer|wolf|dolphin|whale|crab|seal|shark|octopus|parrot|penguin|"
    "giraffe|hippo|zebra|panda|koala|hamster|dinosaur|dragon|unicorn|giant|monster|ghost|doll|robot|toy|teddy|pet|"
    "truck|car|train|boat"
)
PERSON = f"{FEMALE}|{MALE}|{ANYBODY}"
"""Who may stand beside a name that is told for the first time."""
TITLES = "|".join(sorted(KIN))
INTRODUCED_BEFORE = re.compile(
    rf"(?:\b(?:named|called|names? (?:was|is|were|are)|I am|I['\u2019]m|(?:[Tt]his|[Ii]t) (?:is|was)|[Ww]e are)\b"
    rf"[^.!?]*|\b(?:{PERSON}),? |\b(?:{TITLES})\.? )$"
)
"""What tells who somebody is, before the name and in its sentence."""
INTRODUCED_BEHIND = re.compile(
    rf"(?:['\u2019]s? )?(?:,? (?:is |was )?(?:the|an?|his|her|their|my|one of)\b|,? (?:{PERSON})\b|,? who\b)"
)
"""The same behind it: 'Rex, the dog', 'Ann was a girl'."""
JOINED = re.compile(r"^(?:,? and |, )$")
"""Between two names told together: 'his friends Tom and Ann'."""
PRONOUN = re.compile(r"\b(?:(?P<he>he|him|his|himself)|(?P<she>she|her|hers|herself))\b", re.IGNORECASE)
OTHERS = {
    "she": re.compile(rf"\b(?:{MALE}|{ANYBODY})\b", re.IGNORECASE),
    "he": re.compile(rf"\b(?:{FEMALE}|{ANYBODY})\b", re.IGNORECASE),
}
"""Somebody else whom the wrong pronoun might mean. 'A dog named Rex' counts too: Rex may be 'she' in that story."""


class Mention(NamedTuple):
    """Characters [start, stop) name somebody."""

    start: int
    stop: int
    name: str


def mentions(cast: Cast, text: str) -> list[Mention]:
    """Return the names in a text."""
    return [Mention(*entry) for entry in cast.mentions(text)]


def late_names(text: str, named: Sequence[Mention]) -> list[Mention]:
    """Return first mentions behind `LATE` of a text that don't tell who this is.

    'His friend Rex', 'a dog named Rex', 'Rex, the dog' and 'I am Rex' tell it, and so does 'and Rex' behind a name
    that is known.
    """
    spans = sentence_spans(text)
    strangers: dict[str, Mention] = {}
    met: set[str] = set()
    before: Mention | None = None
    for mention in named:
        if mention.name not in met:
            met.add(mention.name)
            start = max((first for first, _ in spans if first <= mention.start), default=0)
            known = _introduced(text, mention, start) or (
                before is not None
                and before.name not in strangers
                and JOINED.match(text[before.stop : mention.start]) is not None
            )
            if not known and mention.start > LATE * len(text):
                strangers[mention.name] = mention
        before = mention
    return list(strangers.values())


def _introduced(text: str, mention: Mention, sentence: int) -> bool:
    before = INTRODUCED_BEFORE.search(text[sentence : mention.start])
    return before is not None or INTRODUCED_BEHIND.match(text, mention.stop) is not None


def name_persistence(text: str, named: Sequence[Mention]) -> float:
    """Return the share of the names of the text's first `EARLY` part that come back behind `PERSISTENT` of it.

    NaN where the beginning has no name.
    """
    early = {mention.name for mention in named if mention.start < EARLY * len(text)}
    still = {mention.name for mention in named if mention.start >= PERSISTENT * len(text)}
    return len(early & still) / len(early) if early else float("nan")


class Pronoun(NamedTuple):
    """A pronoun at characters [start, stop), and whether it is the one that the only character has."""

    start: int
    stop: int
    matches: bool
    name: str


def pronouns(text: str, named: Sequence[Mention], cast: Cast) -> list[Pronoun]:
    """Return the pronouns that can only mean a story's single character, whose own pronoun is known.

    Those are the ones between the name's first mention and the first word for anybody else whom the other pronoun
    might mean. None in a story with more than one name.
    """
    names = {mention.name for mention in named}
    own = cast.names.get(next(iter(names)), "") if len(names) == 1 else ""
    if not own:
        return []
    first = named[0].start
    other = OTHERS[own].search(text)
    stop = other.start() if other else len(text)
    return [
        Pronoun(*match.span(), match.lastgroup == own, named[0].name) for match in PRONOUN.finditer(text, first, stop)
    ]
