"""A stage for many chapters: people, places and nouns that are there already are used again, or kept apart."""

from __future__ import annotations

import random
import re
from typing import Any

from fabula.corpus.storyworld.cast import FAMILY_ROLES, Stage
from fabula.corpus.storyworld.lexicon import places
from fabula.corpus.storyworld.lexicon.weather import MORNINGS
from fabula.corpus.storyworld.record import Character, Place

NEIGHBOR = "neighbor"
"""Role of those who live nearby; in an adventure each of them can be the friend."""
_LATER = (
    "The next morning",
    "The next day",
    "A few days later",
    "Two days later",
    "On Saturday",
    "One week later",
    "Early the next day",
    "Some days later",
)
_WORD = re.compile("[a-z]+")
_DOUBTFUL = {"orange", "cake", "honey cake"}  # a color and a birthday cake elsewhere
_SEEN = {word for s in places.SETTINGS for words in (*s.spots, *s.sights, *s.plays) for word in words.split()}


class LongStage(Stage):
    """A stage on which one adventure after the other happens to the same people."""

    def __init__(self, chance: random.Random) -> None:
        """Cast the hero."""
        self.reserved: set[str] = set()
        """Words that the facts use: no thing of an adventure may have one of them for its noun."""
        self.chapters = 1
        self._ahead = False
        self._chapter_begins = False
        super().__init__(chance, realm=chance.choice(("t", "t", "t", "w", "w")))

    def lasting(self) -> list[Character]:
        """Return those who are there in every chapter: the hero, friends, brothers and sisters, neighbors."""
        return [c for c in self.characters if c.role in ("hero", "friend", "brother", "sister", NEIGHBOR)]

    def reserve(self, *texts: str) -> None:
        """Keep the words in some texts for the facts."""
        for text in texts:
            self.reserved |= {text, *_WORD.findall(text)}

    def begin_chapter(self) -> None:
        """Let the next event be the first of a chapter, which its detail "chapter" numbers."""
        self.next_scene()
        self.chapter_start = len(self.events)
        self.chapters += 1
        self._chapter_begins = True

    def act(self, kind: str, a: Character, **others: Any) -> int:
        """Do one action, as in any world; the first one of a chapter says which chapter it begins."""
        if self._chapter_begins:
            self._chapter_begins = False
            others["chapter"] = str(self.chapters)
        return super().act(kind, a, **others)

    def gather(self, kind: str, **detail: str) -> int:
        """Bring all lasting people home, calm again."""
        people = self.lasting()
        restless = {c.id: "calm" for c in people if self.get("feels", c.id) != "calm"}
        others = [c for c in self.characters if c in people or c.role in FAMILY_ROLES][1:]
        return self.act(kind, self.hero, p=self.home, together=others, feels=restless, **detail)

    # what the schemas ask for

    def morning(self) -> str:
        """Return when a chapter begins; nothing when somebody has gone ahead, since that has told it."""
        if self._ahead:
            self._ahead = False
            return ""
        if self.chapter_start is None or not any(e.kind == "come_together" for e in self.events):
            return self.pick(MORNINGS[self.weather])
        told = {e.detail.get("when", "") for e in self.events}
        return self.pick([when for when in _LATER if when not in told] or list(_LATER))

    def someone(self, role: str, trait: str = "", at: Place | None = None, pronoun: str = "") -> Character:
        """Return somebody of the lasting cast who can have the role, or bring in somebody new."""
        roles = ("friend", NEIGHBOR) if role == "friend" else (role,)
        known = [c for c in self.characters if c.role in roles] if self.chapter_start is not None else []
        if not known:
            return super().someone(role, trait, at, pronoun)
        return self._there(self.chance.choice(known), at)

    def parent(self, at: Place | None = None, grand: bool = False) -> Character:
        """Return a grown-up of the family who is in the story already, or bring one in."""
        roles = ("grandma", "grandpa") if grand else FAMILY_ROLES
        known = [c for c in self.characters if c.role in roles]
        if not known or (len(known) < len(roles) and self.likely(0.4)):
            return super().parent(at, grand)
        return self._there(self.chance.choice(known), at)

    def _there(self, who: Character, at: Place | None) -> Character:
        if at and self.get("place", who.id) != at.id:
            self.next_scene(self.morning())
            self.act("go_ahead", who, p=at)
            self._ahead = True
        return who

    def taken_nouns(self) -> set[str]:
        """Return the nouns that no further thing may have."""
        return super().taken_nouns() | self.reserved | _SEEN | _DOUBTFUL

    def settings(self) -> list[places.Setting]:
        """Return all kinds of places of this world: one may come back to a place."""
        return [s for s in places.SETTINGS if self.realm in s.worlds]

    def outside(self, nouns: tuple[str, ...] = ()) -> Place:
        """Return a place to go to; one that is not in the story yet where there is one."""
        fitting = [s for s in self.settings() if (s.noun in nouns if nouns else not s.indoors)]
        known = {p.noun: p for p in self.places}
        setting = self.chance.choice([s for s in fitting if s.noun not in known] or fitting)
        return known.get(setting.noun) or self._place(setting.noun, setting.where, setting.whither)
