"""Who the characters of stories are: their names and their pronouns, learned from the stories by rules.

A name is a word written with a capital inside sentences and hardly ever without one, or a word that characters are
'named'. Its pronoun is the one that follows where nobody else can be meant.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from fabula.corpus.storyworld.lexicon import listed
from fabula.corpus.storyworld.lexicon.people import ANIMAL_NAMES, BOYS, GIRLS

KIN = frozenset(
    listed(
        "Mom Moms Mommy Mum Mummy Mama Momma Mother Dad Daddy Papa Pa Ma Father Grandma Grandpa Grandmother "
        "Grandfather Granny Nana Gramps Grandad Granddad Auntie Aunt Aunty Uncle Mr Mrs Ms Miss Sir Madam Doctor Dr "
        "Teacher Baby God Lord King Queen Prince Princess Captain Officer Santa Claus Mister Sis"
    )
)
"""Words with a capital for people who have no name."""
NO_NAMES = KIN | frozenset(
    listed(
        "I Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February April July August September "
        "October November December Christmas Easter Halloween Thanksgiving Valentine Birthday Eve English French "
        "Spanish Chinese Indian American African Africa America Paris London York England France India China Japan "
        "Texas California TV OK Okay Earth Mars Moon Sun Yes No Oh Ok Hi Hello Bye Hey Ah Once The A An And But So "
        "He She It They We You His Her Its Their My Our Your This That These Those There Here Then When While What "
        "Who Where Why How If Let Please Thank Thanks Sorry Wow Yay Hooray Hurray Happy End One Two Three Suddenly "
        "Finally Later Next After Before Do Can Will Not Now Just Look Come Go Stop Help Wait Be Is Are Was Never "
        "Always Every Everyone All Soon Today Good Great Don Didn North South East West Park Land Street Lego "
        "Barbie Frisbee Internet Pizza Day Days Mondays Tuesdays Wednesdays Thursdays Fridays Saturdays Sundays May "
        "June Spain Italy Smith True Ox"
    )
)
"""Words with a capital that are no names of characters."""
NAMED = re.compile(
    r"\b(?:(?P<kind>[a-z]+) named|(?:[Aa]n?|his|her|the|my) (?:[a-z]+ ){0,2}(?P<sort>[a-z]+) called|[Nn]ame (?:was|is))"
    r" (?P<name>[A-Z][a-z]+)\b"
)
"""'a boy named Tim', 'a mouse called Pip', 'her name was Sue'."""
INSIDE = re.compile(r"(?<=[a-z,;] )(?P<name>[A-Z][a-z]+)\b")
"""A word with a capital that starts no sentence and no quotation."""
LOWER = re.compile(r"(?<![\w'\u2019])[a-z]+\b")
STARTS = re.compile(r"(?:^|[.!?:\"\u201c\u201d]\s*|\n\s*)$")
"""What stands before a word whose capital comes from its place."""
SUBJECT = re.compile(r"[.!]\s+(?:(?P<she>She)|(?P<he>He))\b")
"""A sentence that starts with a pronoun."""
REACH = 160
"""Characters behind a name in which that pronoun may stand."""
KINDS = {
    **dict.fromkeys(listed("girl woman lady princess queen mermaid fairy witch sister mother mom grandma hen"), "she"),
    **dict.fromkeys(listed("boy man king prince brother father dad grandpa knight rooster"), "he"),
}
"""Words for a person that tell the pronoun."""
PEOPLE = re.compile(rf"\b(?:{'|'.join(sorted(KIN))}|{'|'.join(sorted(KINDS))}|friend|mommy|mummy|daddy|and [A-Z])\b")
"""Somebody else whom a pronoun might mean."""
LISTED = {
    **dict.fromkeys(GIRLS, "she"),
    **dict.fromkeys(BOYS, "he"),
    **{name: pronoun for pronoun, names in ANIMAL_NAMES.items() for name in names},
}
"""Pronouns of the built-in story world's names."""
PRIOR = 2
"""Weight of what these say."""
ALONE = 4
"""Weight of a clue in which nobody else can be meant."""
SHARE = 0.75
"""Part of the evidence that the winning pronoun needs."""


@dataclass(frozen=True)
class Cast:
    """The names of the characters in a corpus."""

    names: Mapping[str, str]
    """Pronoun of each name: "she", "he", or "" where it isn't known; in alphabetical order."""
    ambiguous: frozenset[str] = frozenset()
    """Names that are common words too ('Spot'). At the start of a sentence they count as names only in a text that has
    them inside a sentence as well."""

    @classmethod
    def learn(cls, texts: Iterable[str]) -> "Cast":
        """Find the names in stories and, by the pronouns that follow, who is 'she' and who is 'he'."""
        texts = list(texts)
        inside: Counter[str] = Counter()
        lower: Counter[str] = Counter()
        named: Counter[str] = Counter()
        for text in texts:
            inside.update({match["name"] for match in INSIDE.finditer(text)})
            named.update({match["name"] for match in NAMED.finditer(text)})
            lower.update(set(LOWER.findall(text)))
        known = sorted((inside.keys() | named.keys()) - NO_NAMES)
        found = [name for name in known if _is_name(name, inside[name], lower[name.lower()], named[name])]
        bare = cls(dict.fromkeys(found, ""), frozenset(n for n in found if 20 * lower[n.lower()] > inside[n]))
        return cls(_pronouns(bare, texts), bare.ambiguous)

    def mentions(self, text: str) -> list[tuple[int, int, str]]:
        """Return (start, stop, name) of every name in a text, without a following 's; in the order of the text."""
        found = [(*match.span(), match[0]) for match in self._pattern.finditer(text) if match[0] in self.names]
        doubtful = {name for _, _, name in found} & self.ambiguous
        sure = {name for start, _, name in found if not STARTS.search(text[max(0, start - 3) : start])}
        return [entry for entry in found if entry[2] not in doubtful or entry[2] in sure]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """A whole word with a capital; a look-up is faster than an alternative for each name."""
        return re.compile(r"(?<![\w-])[A-Z][a-z]+(?![\w-]|['\u2019](?!s\b)\w)")


def _is_name(name: str, inside: int, lower: int, named: int) -> bool:
    """Decide by the number of stories with the word inside a sentence, without its capital, and behind 'named'."""
    mostly_capital = inside >= 9 * lower and (named >= 1 or inside >= 3)
    also_a_word = (named >= 2 or name in LISTED) and inside > lower / 20
    return mostly_capital or also_a_word


def _pronouns(cast: Cast, texts: Iterable[str]) -> dict[str, str]:
    """Weigh, name by name, what speaks for 'she' and what for 'he'."""
    evidence = {name: Counter({LISTED[name]: PRIOR} if name in LISTED else {}) for name in cast.names}
    for text in texts:
        for name, pronoun, weight in _clues(cast, text):
            evidence[name][pronoun] += weight
    return {name: _decide(counts) or LISTED.get(name, "") for name, counts in evidence.items()}


def _clues(cast: Cast, text: str) -> Iterator[tuple[str, str, int]]:
    """Yield (name, pronoun, weight) for 'girl named Sue', and for 'Sue ran. She ...' with nobody else between the two.

    The second weighs less when the story has named others before.
    """
    for match in NAMED.finditer(text):
        pronoun = KINDS.get(match["kind"] or match["sort"] or "", "")
        if pronoun and match["name"] in cast.names:
            yield match["name"], pronoun, ALONE
    mentions = cast.mentions(text)
    stops = [*(start for start, _, _ in mentions), len(text)][1:]
    told: set[str] = set()
    for (_, begin, name), stop in zip(mentions, stops, strict=True):
        told.add(name)
        between = text[begin : min(stop, begin + REACH)]
        found = SUBJECT.search(between)
        if found and not PEOPLE.search(between[: found.start()]):
            yield name, "she" if found["she"] else "he", ALONE if len(told) == 1 else 1


def _decide(counts: Counter[str]) -> str:
    """Return the pronoun that most evidence names, or "" where it is divided."""
    if not counts:
        return ""
    pronoun, count = counts.most_common(1)[0]
    return pronoun if count >= SHARE * counts.total() else ""
