"""Contradictions in what a model tells, where the truth is known: it continues stories of the story world.

A prompt is the beginning of a story with the record of what has happened so far. The judge looks in the continuation
for statements that can't be true any more. It is made to be silent in doubt: whatever might give a statement a new
basis (a thing is found, somebody new comes, a thing is painted) ends the search for its kind. So its counts are lower
bounds, and what it finds is worth reading.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from fabula.corpus.storyworld import Character, Story, Thing, tell
from fabula.corpus.storyworld.checking.oneself import done_to_oneself, wrong_reflexives
from fabula.corpus.storyworld.checking.reading import NOT_NAMES, SPEECH
from fabula.corpus.storyworld.checking.replay import State, replay
from fabula.corpus.storyworld.lexicon import people
from fabula.corpus.storyworld.lexicon.things import COLOURS
from fabula.study.text import sentences

SERIES = 2 * 10**9
"""Added to the seed: no corpus is built from stories of these series, unless somebody asks for one of them."""
EARLIEST, LATEST = 0.3, 0.7
"""Share of the story that a prompt tells, at least and at most."""
ENDS = ".!?\"\u201d'\u2019"
"""What the last sentence ends with, unless the length limit cut it off."""
KINDS = ("color", "lost", "broken", "owner", "kind", "name", "pronoun", "place", "self")
"""What a contradiction can be about."""

_USE = "played with|playing with|held|holding|hugged|kicked|threw|bounced|flew|rode|wore|showed|shared|put on"
_BACK = (
    r"f[io]und|finds?|saw|sees?|spotted|notic\w+|here|there|back|g[oe]t|gave|gives?|br[io]\w+|return\w*|new|another|ha[ds]|"
    r"took|tak\w+|pick\w+|appear\w*|look\w*|was|lay|behind|under|dropped|safe"
)
_MENDED = (
    r"fix\w*|mend\w*|repair\w*|glue\w*|tape\w*|whole|new|another|again|together|work\w*|help\w*|sew\w*|string|tool"
)
_UNREAL = re.compile(
    r"\b(?:not|never|no|want\w*|wish\w*|dream\w*|could|would|if|had|miss\w*|remember\w*|thought|used to|when|like\w*|"
    r"pretend\w*|before)\b|n't\b",
    re.IGNORECASE,
)
_HANDED_ON = (
    r"g[ia]ve\w*|given|trad\w+|swap\w*|present|gift|shar\w+|len[dt]|borrow\w*|hand\w*|belong\w*|took|new|another"
)
_DISGUISE = (
    r"dress\w*|pretend\w*|costume|play\w*|wish\w*|dream\w*|turn\w*|bec[ao]me|magic|like|looked|story|draw\w*|drew"
)
_REPAINTED = r"paint\w*|color\w*|dy\w+|chang\w*|turn\w*|magic|another|new|two|other"
_MOVED = (
    r"g[oe]\w*|went|walk\w*|r[au]n\w*|c[ao]me\w*|home|back|arriv\w*|left|leav\w*|travel\w*|follow\w*|next|later|day|night|"
    r"evening|morning|dr[io]ve|flew|climb\w*|until|way|took|hurr\w+|set|reach\w*|visit\w*|jump\w*|after"
)
_APART = ("park", "beach", "farm", "playground", "school", "market", "library", "zoo", "cave", "jungle")
"""Places none of which lies in another."""
_SHE, _HE = re.compile(r"\b(?:she|her|hers|herself)\b", re.I), re.compile(r"\b(?:he|him|his|himself)\b", re.I)
_ANIMALS = (*people.FOREST_ANIMALS, *people.FARM_ANIMALS, *people.JUNGLE_ANIMALS)
_PERSON = re.compile(
    r"\b(?:mom|mommy|mother|mama|dad|daddy|father|papa|grand\w+|man|woman|men|women|lady|boys?|girls?|brothers?|sisters?|"
    r"friends?|aunt|uncle|king|queen|prince|princess|fairy|witch|wizard|neighbou?r|teacher|doctor|farmer|kids?|child|"
    r"children|someone|somebody|one|everyone|baby|owner|puppy|kitten|dragon|animals?|voice|"
    + "|".join([*_ANIMALS, *(name.split()[-1] for group in people.STRANGERS.values() for name, _ in group)])
    + r")\b",
    re.IGNORECASE,
)
_INNER_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_FIRST_WORD = re.compile(r"[A-Z][a-z]+")


@dataclass(frozen=True)
class WorldPrompt:
    """The beginning of a story, and what is true at its end."""

    text: str
    story: Story
    until: int
    """Index of the last event that `text` tells."""

    @cached_property
    def state(self) -> State:
        """What is true at the end of the text."""
        return replay(self.story.record)[1][self.until + 1]

    @cached_property
    def cast(self) -> tuple[Character, ...]:
        """Who has been named so far."""
        return tuple(c for c in self.story.record.characters if re.search(rf"\b{c.name}\b", self.text, re.I))

    @cached_property
    def things(self) -> tuple[Thing, ...]:
        """The things that have been told of so far."""
        return tuple(t for t in self.story.record.things if re.search(rf"\b{t.noun}\b", self.text))


@dataclass(frozen=True)
class Contradiction:
    """A statement that can't be true."""

    kind: str
    """One of `KINDS`."""
    text: str
    """The words that state it."""
    reason: str


def prompts(seed: int, count: int) -> list[WorldPrompt]:
    """Return the beginnings of `count` stories that no corpus has.

    Where a story allows it, something is lost or broken at the end of its prompt.
    """
    return [_prompt(SERIES + seed, index) for index in range(count)]


def _prompt(series: int, index: int) -> WorldPrompt:
    story = tell(series, index)
    chance = random.Random(f"contradictions/{series}/{index}")
    whole = len(story.text)
    middle = [e.index for e in story.record.events if EARLIEST <= e.span[1] / whole <= LATEST]
    ends = middle or [len(story.record.events) // 2]
    states = replay(story.record)[1]
    at_stake = [end for end in ends if {("lost", "yes"), ("condition", "broken")} & _values(states[end + 1])]
    until = chance.choice(at_stake or ends)
    return WorldPrompt(story.text[: story.record.events[until].span[1]], story, until)


def _values(state: State) -> set[tuple[str, str]]:
    return {(variable, value) for (variable, _), value in state.items()}


def contradictions_in(continuation: str, prompt: WorldPrompt) -> list[Contradiction]:
    """Return what the continuation states although it can't be true after the prompt."""
    told = [text for text in sentences(continuation) if text[-1] in ENDS]
    narrated = [SPEECH.sub('""', text) for text in told]
    return [found for check in _CHECKS for found in check(prompt, told, narrated)]


Check = Callable[[WorldPrompt, list[str], list[str]], Iterator[Contradiction]]


def _colors(prompt: WorldPrompt, told: list[str], narrated: list[str]) -> Iterator[Contradiction]:
    for thing in prompt.things:
        if not thing.colour or not re.search(rf"\b{thing.colour} {thing.noun}\b", prompt.text):
            continue
        owner = next((c.name for c in prompt.cast if c.id == prompt.state.get(("owner", thing.id))), "the")
        others = "|".join(colour for colour in COLOURS if colour != thing.colour)
        pattern = re.compile(
            rf"\b(?:[Tt]he|{owner}'s) (?:\w+ )?(?:{others}) {thing.noun}\b(?! box| tree| plant)"
            rf"|\b[Tt]he {thing.noun} was (?:{others})\b"
        )
        for text in _as_long_as(told, rf"{_REPAINTED}|an? (?:\w+ ){{0,3}}{thing.noun}"):
            if found := pattern.search(text):
                yield Contradiction("color", found[0], f"the {thing.noun} is {thing.colour}")


def _lost(prompt: WorldPrompt, told: list[str], narrated: list[str]) -> Iterator[Contradiction]:
    lost = [t for t in prompt.things if prompt.state.get(("lost", t.id)) == "yes"]
    yield from _used("lost", lost, narrated, _BACK)


def _broken(prompt: WorldPrompt, told: list[str], narrated: list[str]) -> Iterator[Contradiction]:
    broken = [t for t in prompt.things if prompt.state.get(("condition", t.id)) == "broken"]
    yield from _used("broken", broken, narrated, _MENDED, "played with|playing with|bounced|flew|rode|wore")


def _used(kind: str, things: list[Thing], narrated: list[str], ending: str, use: str = _USE) -> Iterator[Contradiction]:
    for thing in things:
        pattern = re.compile(rf"\b(?:{use}) (?:the|his|her|their) (?:\w+ ){{0,2}}{thing.noun}\b")
        for text in _as_long_as(narrated, ending):
            if (found := pattern.search(text)) and not _UNREAL.search(text):
                yield Contradiction(kind, found[0], f"the {thing.noun} is {kind}")


def _owners(prompt: WorldPrompt, told: list[str], narrated: list[str]) -> Iterator[Contradiction]:
    for thing in prompt.things:
        owner = next((c for c in prompt.cast if c.id == prompt.state.get(("owner", thing.id))), None)
        others = "|".join(c.name for c in prompt.cast if c.named and c is not owner)
        if owner is None or not others:
            continue
        for text in _as_long_as(narrated, _HANDED_ON):
            if found := re.search(rf"\b(?:{others})'s (?:\w+ ){{0,2}}{thing.noun}\b(?! box)", text):
                yield Contradiction("owner", found[0], f"the {thing.noun} is {owner.name}'s")


def _kinds(prompt: WorldPrompt, told: list[str], narrated: list[str]) -> Iterator[Contradiction]:
    for who in prompt.cast:
        if not who.named:
            continue
        others = "|".join(kind for kind in ("girl", "boy", *_ANIMALS) if kind != who.kind and kind not in who.kind)
        name, between = who.name, r"(?:\w+ ){0,2}?"
        pattern = re.compile(
            rf"\b{name},? the {between}(?:{others})\b(?!')|\b{name} was an? {between}(?:{others})\b(?!')"
            rf"|\b(?:an?|[Tt]he) {between}(?:{others}) (?:named|called) {name}\b"
        )
        for text in _as_long_as(narrated, _DISGUISE):
            if found := pattern.search(text):
                yield Contradiction("kind", found[0], f"{name} is a {who.kind}")


def _names(prompt: WorldPrompt, told: list[str], narrated: list[str]) -> Iterator[Contradiction]:
    for who in prompt.cast:
        for text in narrated if who.named else ():
            if found := re.search(rf"\b[Aa]n? (?:\w+ ){{1,4}}(?:named|called) {who.name}\b", text):
                yield Contradiction("name", found[0], f"{who.name} is known already")


def _pronouns(prompt: WorldPrompt, told: list[str], narrated: list[str]) -> Iterator[Contradiction]:
    for text in narrated:
        for problem in wrong_reflexives(prompt.cast, text):
            yield Contradiction("pronoun", text, problem)
    pronouns = {c.pronoun for c in prompt.cast}
    known = {word.lower() for c in prompt.cast for word in (*c.name.split(), *c.kind.split())}
    if len(pronouns) != 1 or _newcomer(prompt.text, prompt, known | _PERSONS_OF_THE_WORLD):
        return
    wrong = _HE if pronouns == {"she"} else _SHE
    for text, whole in zip(narrated, told, strict=True):
        if _newcomer(whole, prompt, known):
            return
        if found := wrong.search(text):
            yield Contradiction("pronoun", text, f"{found[0]!r} means nobody of {len(prompt.cast)} known")
            return


_PERSONS_OF_THE_WORLD = frozenset({"friend", "friends", "one", "everyone", "someone", "somebody", "kid", "kids"})
"""Words for persons that say nothing about a pronoun."""


def _newcomer(text: str, prompt: WorldPrompt, known: frozenset[str] | set[str]) -> bool:
    """Tell whether a text may speak of somebody outside the cast."""
    if any(found[0].lower() not in known for found in _PERSON.finditer(text)):
        return True
    for sentence in sentences(text):
        first = _FIRST_WORD.match(sentence)
        names = {*_INNER_NAME.findall(sentence), *([first[0]] if first else [])} - NOT_NAMES
        lower_cased = prompt.story.text + _COMMON
        if any(n.lower() not in known and not re.search(rf"\b{n.lower()}\b", lower_cased) for n in names):
            return True
    return False


_COMMON = (
    " the a an he she they it his her their this that these those then so but and when after before one once now soon "
    "suddenly finally later in on at as with from what why how where who every each all both not no yes oh wow there "
    "here i we you my our your just even still maybe for by to if because since while until some many "
)


def _places(prompt: WorldPrompt, told: list[str], narrated: list[str]) -> Iterator[Contradiction]:
    here = {prompt.state.get(("place", c.id)) for c in prompt.cast}
    places = [p for p in prompt.story.record.places if p.id in here]
    if len(places) != 1 or places[0].noun not in _APART:
        return
    others = "|".join(noun for noun in _APART if noun != places[0].noun)
    pattern = re.compile(rf"\b(?:was|were|still|stood|sat|played) (?:\w+ )?(?:at|in|on) (?:the )?(?:{others})\b")
    for text in _as_long_as(narrated, _MOVED):
        if (found := pattern.search(text)) and not _UNREAL.search(text):
            yield Contradiction("place", found[0], f"everyone is {places[0].where}")


def _selves(prompt: WorldPrompt, told: list[str], narrated: list[str]) -> Iterator[Contradiction]:
    for text, narration in zip(told, narrated, strict=True):
        for problem in done_to_oneself(prompt.cast, text, narration):
            yield Contradiction("self", text, problem)


_CHECKS: tuple[Check, ...] = (
    _colors,
    _lost,
    _broken,
    _owners,
    _kinds,
    _names,
    _pronouns,
    _places,
    _selves,
)


def _as_long_as(texts: list[str], ending: str) -> Iterator[str]:
    """Yield sentences up to the first one with a word that may give what follows a new basis."""
    stop = re.compile(rf"\b(?:{ending})\b", re.IGNORECASE)
    for text in texts:
        if stop.search(text):
            return
        yield text
