"""Nouns, adjectives and verbs of a corpus, recognised by where they stand."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from fabula.corpus.storyworld.lexicon import listed
from fabula.study.items.natural.narratives import Narratives

FUNCTION_WORDS = frozenset(
    listed(
        "a an the this that these those some any all both each every no not only own other another such same so too "
        "very just more most much many few and or but nor if then than as because while until when where who whom "
        "whose which what how why i me my mine myself you your yours yourself he him his himself she her hers herself "
        "it its itself we us our ours ourselves they them their theirs themselves one ones there here am is are was "
        "were be been being do does did done doing have has had having will would shall should can could may might "
        "must of at by for with about against between into through during before after above below to from up down in "
        "out on off over under again once also even still yet now ever never always soon together back away around "
        "don't didn't can't couldn't won't wouldn't isn't wasn't weren't it's i'm that's let's i'll you're oh yes "
        "along home outside inside first anymore today tomorrow everywhere better well something someone everything "
        "everyone anything nothing nobody"
    )
)
"""Words without content of their own."""
OPEN = r"(?:the|The|a|A|an|An|his|His|her|Her|their|my|your)"
CLOSED_NOUN = re.compile(rf"\b{OPEN} (?:[a-z]+ )?([a-z]+)(?=[.,!?])")
"""A noun: the last word before a mark of punctuation, one or two words behind an article."""
PLURAL = re.compile(
    r"\b(?:the|some|many|two|three|four|five|these|those|all|other|their|his|her|of|and|with|like|big|little|pretty|new"
    r"|beautiful|colorful|yummy|funny) ([a-z]+s)\b"
)
DEGREE = re.compile(r"\b(?:very|so|too) ([a-z]+)(?=[.,!?]| and)")
BEFORE_NOUN = re.compile(rf"\b{OPEN} ([a-z]+) [a-z]+(?=[.,!?])")
AGENT = re.compile(
    r"\b(?:the|The) (?:[a-z]+ )?([a-z]+) (?:said|asked|wanted|smiled|laughed|felt|thought|saw|ran|liked|loved|decided"
    r"|knew|replied|went|walked|cried|looked|tried"
    r"|was (?:so |very )?(?:happy|sad|scared|angry|proud|excited|surprised))\b"
)
"""Something that acts or feels."""
NAMED_KIND = re.compile(r"\b([a-z]+) (?:named|called) [A-Z]")
INFINITIVE = re.compile(r"\b(?:to|could|would|not|didn't|couldn't|can|will|should|must|Let's|let's) ([a-z]+)\b")
PAST = re.compile(r"\b(?:[Hh]e|[Ss]he|[Tt]hey|[Ii]t|and) ([a-z]+)\b")
NO_SINGULAR = frozenset(listed("people children men women clothes mice feet teeth geese leaves lots"))
COMMON = 4
"""How often a word must be seen in its place."""
IRREGULAR = dict(
    entry.split("/")
    for entry in listed(
        "be/was become/became begin/began bite/bit blow/blew break/broke bring/brought build/built buy/bought "
        "catch/caught choose/chose come/came dig/dug do/did draw/drew drink/drank drive/drove eat/ate fall/fell "
        "feed/fed feel/felt fight/fought find/found fly/flew forget/forgot get/got give/gave go/went grow/grew "
        "have/had hear/heard hide/hid hold/held keep/kept know/knew lay/laid leave/left lose/lost make/made meet/met "
        "ride/rode ring/rang rise/rose run/ran say/said see/saw send/sent shake/shook shine/shone sing/sang sit/sat "
        "sleep/slept slide/slid speak/spoke spend/spent stand/stood stick/stuck swim/swam swing/swung take/took "
        "teach/taught tell/told think/thought throw/threw understand/understood wake/woke wear/wore win/won "
        "write/wrote"
    )
)
"""Past tense of verbs that don't take -ed."""


@dataclass(frozen=True)
class WordClasses:
    """Words of a corpus by class."""

    nouns: frozenset[str]
    """Singular."""
    plurals: dict[str, str]
    """Plural of a noun, both of which the corpus has."""
    adjectives: frozenset[str]
    beings: frozenset[str]
    """Nouns for what acts and feels."""
    pasts: dict[str, str]
    """Past tense of a verb, both of which the corpus has."""

    @cached_property
    def singulars(self) -> dict[str, str]:
        """The noun of each plural."""
        return {plural: noun for noun, plural in self.plurals.items()}

    @cached_property
    def past_forms(self) -> frozenset[str]:
        """All past tenses."""
        return frozenset(self.pasts.values())

    def is_noun(self, word: str) -> bool:
        """Say whether a word is a noun, singular or plural."""
        return word in self.nouns or word in self.singulars or word in NO_SINGULAR


@lru_cache(maxsize=2)
def word_classes(material: Narratives) -> WordClasses:
    """Learn the word classes of the stories in the background."""
    return learn(material.background)


def learn(texts: Iterable[str]) -> WordClasses:
    """Learn word classes from stories."""
    text = "\n".join(texts)
    closed, before = _common(CLOSED_NOUN, text), Counter(BEFORE_NOUN.findall(text))
    degree = _common(DEGREE, text)
    adjectives = frozenset(word for word in degree if before[word] >= 2 and not word.endswith("ly"))
    forms = set(_common(PLURAL, text))
    words = {word for word, count in closed.items() if before[word] < count} - FUNCTION_WORDS - adjectives - NO_SINGULAR
    plurals = {noun: plural for noun in words if (plural := plural_of(noun)) in forms}
    nouns = frozenset(words - set(plurals.values()))
    beings = frozenset({*_common(AGENT, text), *_common(NAMED_KIND, text)})
    finite = _common(PAST, text)
    verbs = _common(INFINITIVE, text)
    pasts = {verb: past for verb in verbs if (past := past_of(verb)) in finite and past != verb}
    return WordClasses(nouns, dict(sorted(plurals.items())), adjectives, beings, dict(sorted(pasts.items())))


def plural_of(noun: str) -> str:
    """Return a noun's regular plural."""
    if noun.endswith(("s", "x", "ch", "sh", "z")):
        return noun + "es"
    return noun[:-1] + "ies" if re.search("[^aeiou]y$", noun) else noun + "s"


def past_of(verb: str) -> str:
    """Return a verb's past tense."""
    if verb in IRREGULAR:
        return IRREGULAR[verb]
    if verb.endswith("e"):
        return verb + "d"
    if re.search("[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    doubled = re.fullmatch("[^aeiou]*[aeiou][bdgmnprt]", verb)
    return verb + verb[-1] + "ed" if doubled else verb + "ed"


def _common(pattern: re.Pattern[str], text: str) -> dict[str, int]:
    return {word: count for word, count in Counter(pattern.findall(text)).items() if count >= COMMON}
