"""Composing a long story: facts are planted, adventures happen, and between them and at the end facts are needed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import count
from typing import Literal, cast

from fabula.corpus.storyworld.lexicon.facts import POOLS
from fabula.corpus.storyworld.lexicon.goals import GOALS
from fabula.corpus.storyworld.lexicon.needs import CRAFTS
from fabula.corpus.storyworld.long.facts import PEOPLE, RECALLS, Fact, FactKind
from fabula.corpus.storyworld.long.kinds import NAMES, TOLD
from fabula.corpus.storyworld.long.rhymes import rhyme
from fabula.corpus.storyworld.long.stage import NEIGHBOR, LongStage
from fabula.corpus.storyworld.record import Character, Event, Record
from fabula.corpus.storyworld.schemas import SCHEMAS, Schema
from fabula.corpus.storyworld.schemas.beats import TOPICS, opening

NAME = "long story"
"""What the record of a long story has for its schema."""
Size = Literal["scene", "brief", "long"]
SHARES = {"scene": 0.7, "brief": 0.2, "long": 0.1}
"""Of each size among long stories: some 90 words, 250, and 1,200. What needs memory is learned on the small ones."""
EVENTS = 86
"""Events after which no further adventure begins."""
FEWEST_EVENTS, MOST_EVENTS = 90, 122
"""Events of a long story: it then has about 900 to 1,400 words, and fits into 2,000 tokens."""
_FIXED_NOUNS = {thing.noun for thing in (*GOALS, *CRAFTS)}  # an adventure may need one of these things
_UNFIT = {"tidying up"}  # its hero is messy from the first sentence on
_APART = (
    {"lost and found", "trade"},  # each begins with the hero's favorite thing
    {"quest", "warning ignored"},  # each may be about the flower
    {"gift", "surprise"},  # each may be about the cake
    {"sharing", "surprise"},
)
_FEASTS = {
    "t": ("the summer feast", "the big street party", "the night of lights", "the harvest feast", "the spring fair"),
    "w": ("the great forest feast", "the harvest feast", "the feast of the full moon", "the spring feast"),
}
_SPOTS = {
    "t": ("the long table", "the old clubhouse", "the fire behind the house", "the big round table", "the front steps"),
    "w": ("the old oak", "the big flat stone", "the fire between the trees", "the clearing"),
}


@dataclass
class _Planted:
    """A kind of fact in a story, its facts, and the event that planted each."""

    kind: FactKind
    facts: list[Fact]
    frame: str
    sleeps: bool
    """Whether nobody needs the facts before the feast, but for once at the beginning."""
    wordings: list[str]
    """The role of each way to recall one of them that has not been used yet, in random order: none is used twice."""
    events: dict[str, int]
    """Index of the event that planted each, by key."""


class LongComposer:
    """Lets one history of a size happen: a long one, a brief one without its adventures, or one scene of it."""

    def __init__(self, chance: random.Random, size: Size) -> None:
        """Prepare to compose; every choice comes from `chance`."""
        self.chance = chance
        self.brief = size != "long"
        self.one_scene = size == "scene"
        self.stage = LongStage(chance)
        self.planted: list[_Planted] = []
        self.used_words: set[str] = set()
        self.feast = self.stage.pick(_FEASTS[self.stage.realm])
        self.spot = self.stage.pick(_SPOTS[self.stage.realm])
        self.rhyme = rhyme(chance)
        told = [k for k in TOLD if self.stage.realm in k.realms]
        self.names = chance.sample(NAMES, len(NAMES))
        self.told = chance.sample(told, len(told))

    def compose(self, seed: int, index: int) -> Record:
        """Let everything happen, and return the record of it."""
        if self.one_scene:
            self._scene()
        else:
            self._beginning()
            for schema in [] if self.brief else self._schemas():
                if len(self.stage.events) > EVENTS:
                    break
                self._adventure(schema)
                self._evening()
            self._feast()
        stage = self.stage
        return Record(
            NAME,
            seed,
            index,
            tuple(stage.characters),
            tuple(stage.things),
            tuple(stage.places),
            tuple(stage.initial),
            tuple(stage.events),
        )

    def is_clear(self) -> bool:
        """Tell whether "the drum" and "the frog" can mean one thing and one animal only."""
        if any(self._mentions_another_thing(event) for event in self.stage.events):
            return False
        nouns = [thing.noun for thing in self.stage.things]
        kinds = [c.kind.split()[-1] for c in self.stage.characters]
        strange = [c.kind.split()[-1] for c in self.stage.characters if not c.named]
        alone = all(kinds.count(kind) == 1 and kind not in self.stage.reserved for kind in strange)
        return alone and len(set(nouns)) == len(nouns) and not self.stage.reserved & set(nouns)

    def _mentions_another_thing(self, event: Event) -> bool:
        words = {word for text in event.detail.values() for word in text.split()}
        return any(t.noun in words for t in self.stage.things if t.id not in (event.thing, event.other))

    # chapters

    def _scene(self) -> None:
        stage = self.stage
        opening(stage, habit=False)
        friend = stage.someone("friend")
        stage.act("friends", stage.hero, b=friend)
        if stage.likely(0.5):
            self._say_rhyme("first_rhyme")
            for _ in range(self.chance.choice((2, 3, 4))):
                if stage.likely(0.6):
                    self._pastime()
                self._say_rhyme(stage.pick(("counting", "rhyme")))
                if stage.likely(0.5):
                    stage.act("out", self.chance.choice((stage.hero, friend)))
        else:
            self._plant_kind([k for k in self.names if k.keys != PEOPLE])
            for _ in range(self.chance.choice((1, 2, 3))):
                self._recall_all(self.planted[-1])
                if stage.likely(0.6):
                    self._pastime()

    def _beginning(self) -> None:
        stage = self.stage
        opening(stage)
        friend = stage.someone("friend")
        stage.act("friends", stage.hero, b=friend)
        if stage.likely(0.3):
            stage.someone(stage.pick(("brother", "sister")))
        neighbors = [stage.someone(NEIGHBOR) for _ in range(stage.chance.choice((3, 3, 4, 5)))]
        others = [c for c in stage.characters if c.role in ("brother", "sister", NEIGHBOR)]
        assert neighbors
        stage.act("neighbors", others[0], together=others[1:])
        stage.next_scene()
        stage.act("preparation", stage.hero, feast=self.feast)
        self._say_rhyme("first_rhyme")
        for sleeps in [False, True][: self.chance.choice((0, 0, 1, 2))] if self.brief else [False, True, False, True]:
            self._plant_kind(self.names, sleeps)
            self._recall_all(self.planted[-1])
            stage.next_scene()
            if stage.likely(0.4):
                self._say_rhyme()
        if not self.brief and stage.likely(0.6):
            self._plant_kind(self.told)
            self._recall(self.planted[-1])
            stage.next_scene()
        if self.brief or stage.likely(0.3):
            self._count_out()
            self._recall_awake()

    def _adventure(self, schema: Schema) -> None:
        self.stage.begin_chapter()
        schema.unfold(self.stage)

    def _evening(self) -> None:
        stage = self.stage
        stage.begin_chapter()
        stage.gather("come_together", feast=self.feast, spot=self.spot)
        if stage.likely(0.7):
            self._say_rhyme()
        self._recall_awake()
        if stage.likely(0.5):
            self._pastime()

    def _feast(self) -> None:
        stage = self.stage
        stage.begin_chapter()
        last = stage.gather("feast", feast=self.feast, spot=self.spot)
        if stage.likely(0.5):
            self._say_rhyme()
        for planted in self.chance.sample(self.planted, len(self.planted)):
            self._recall_all(planted)
            if stage.likely(0.1):
                self._pastime()
        self._say_rhyme()
        stage.next_scene()
        stage.act("long_end", stage.hero, because=[last])
        if stage.likely(0.5):
            stage.act("end_home", stage.hero, because=[last], family="everyone")

    def _count_out(self) -> None:
        """Let one after the other drop out of a game, each by the rhyme."""
        *out, last = self.chance.sample(self.stage.lasting(), len(self.stage.lasting()))
        for who in out:
            self._say_rhyme("counting")
            self.stage.act("out", who)
        self.stage.act("left", last)

    def _say_rhyme(self, kind: str = "rhyme") -> None:
        self.stage.act(kind, self.stage.hero, rhyme=self.rhyme)

    def _pastime(self) -> None:
        self.stage.act("pastime", self.stage.hero, topic=self.stage.pick(TOPICS))

    def _schemas(self) -> list[Schema]:
        realm = self.stage.realm
        fitting = [s for s in SCHEMAS if s.realms == ("",) or realm in s.realms]
        fitting = [s for s in fitting if s.name not in _UNFIT]
        weights = [s.weight for s in fitting]
        chosen: list[Schema] = []
        while len(chosen) < 4:
            schema = self.chance.choices(fitting, weights)[0]
            names = {s.name for s in (*chosen, schema)}
            if schema not in chosen and not any(apart <= names for apart in _APART):
                chosen.append(schema)
        return chosen

    # facts

    def _plant_kind(self, kinds: list[FactKind], sleeps: bool = False) -> None:
        kind = kinds.pop()
        facts = self._facts(kind, self.chance.choice((2, 2, 3) if kinds is self.told else (2, 3, 3, 4)))
        frame = self.stage.pick(kind.frames) if kind.frames else ""
        wordings = [role for role in RECALLS for _ in kind.phrases.get(role, ())]
        self.chance.shuffle(wordings)
        planted = _Planted(kind, facts, frame, sleeps, wordings, {})
        self.planted.append(planted)
        self.stage.reserve(*(template for templates in kind.phrases.values() for template in templates))
        self.stage.reserve(frame, *(w for f in facts for w in (f.key, f.value)))
        self.stage.act(f"scene {kind.name}", self.stage.hero, frame=planted.frame)
        rest = list(facts)
        if "pair" in kind.phrases and self.stage.likely(0.4):
            first, second = rest[:2]
            rest = rest[2:]
            self._act("pair", planted, first, second)
        for fact in rest:
            self._act("plant", planted, fact)

    def _facts(self, kind: FactKind, count: int) -> list[Fact]:
        people = self.chance.sample(self.stage.lasting(), min(count, len(self.stage.lasting())))
        values = self._words(kind.values, count)
        if kind.keys == PEOPLE:
            return [Fact(p.name, value, p.id) for p, value in zip(people, values, strict=True)]
        return [Fact(key, value) for key, value in zip(self._words(kind.keys, count), values, strict=True)]

    def _words(self, pool: str, count: int) -> list[str]:
        taken = self.used_words | _FIXED_NOUNS | {c.name.lower() for c in self.stage.characters}
        free = [word for word in POOLS[pool] if word.lower() not in taken]
        chosen = self.chance.sample(free, count)
        self.used_words.update(word.lower() for word in chosen)
        return chosen

    def _recall_awake(self) -> None:
        awake = [planted for planted in self.planted if not planted.sleeps]
        for planted in self.chance.sample(awake, len(awake)):
            self._recall_all(planted)

    def _recall_all(self, planted: _Planted) -> None:
        """Recall every fact of a kind whose words stay the same; one of the others."""
        if planted.kind not in NAMES:
            self._recall(planted)
            return
        for fact in self.chance.sample(planted.facts, len(planted.facts)):
            self._act(self.chance.choice([r for r in RECALLS if r in planted.kind.phrases]), planted, fact)

    def _recall(self, planted: _Planted) -> None:
        if planted.wordings:
            self._act(planted.wordings.pop(), planted, self.chance.choice(planted.facts))

    def _act(self, role: str, planted: _Planted, fact: Fact, other: Fact | None = None) -> None:
        stage = self.stage
        by_id = {c.id: c for c in stage.characters}
        owner = by_id.get(fact.owner, stage.hero)
        detail = {"key": fact.key, "value": fact.value, "frame": planted.frame}
        if other:
            detail |= {"key2": other.key, "value2": other.value}
        second = by_id.get(other.owner) if other else None
        because = [planted.events[fact.key]] if fact.key in planted.events else []
        index = stage.act(
            f"{role} {planted.kind.name}",
            owner,
            b=second,
            together=[self._asker(planted, owner)],
            because=because,
            **{key: word for key, word in detail.items() if word},
        )
        for planted_fact in (fact, other):
            if planted_fact:
                planted.events.setdefault(planted_fact.key, index)

    def _asker(self, planted: _Planted, owner: Character) -> Character:
        owners = {fact.owner for fact in planted.facts} | {owner.id}
        return self.chance.choice([c for c in self.stage.lasting() if c.id not in owners] or self.stage.lasting()[1:])


def size_of(seed: int, index: int) -> Size:
    """Return the size of long story `index` of the series `seed`."""
    (size,) = random.Random(f"storyworld/{seed}/{index}/size").choices(list(SHARES), list(SHARES.values()))
    return cast(Size, size)


def long_history(seed: int, index: int) -> Record:
    """Simulate the history of long story `index` of the series `seed`; nothing is told yet, so spans are empty."""
    size = size_of(seed, index)
    for attempt in count():
        chance = random.Random(f"storyworld/{seed}/{index}/long history/{attempt}")
        composer = LongComposer(chance, size)
        record = composer.compose(seed, index)
        fits = size != "long" or FEWEST_EVENTS <= len(record.events) <= MOST_EVENTS
        if fits and composer.is_clear():
            return record
    raise AssertionError("unreachable")
