"""Referring to people, things and places: names, pronouns and noun phrases in their right forms.

A pronoun is used only when it can mean one person: the person was mentioned in this sentence or the last, and nobody
else who could be meant was. A person's first mention introduces them ("her friend Tom").
"""

from __future__ import annotations

import random

from fabula.corpus.storyworld.lexicon.feelings import FEELINGS
from fabula.corpus.storyworld.record import PRONOUNS, Character, Event, Place, Record, Thing

_LONGEST_PRONOUN_RUN = 4
_FAMILY = {"mom", "dad", "grandma", "grandpa"}


class Discourse:
    """What the reader knows at the present point of the text, and how to refer to things from there."""

    def __init__(self, record: Record, chance: random.Random) -> None:
        """Start before the first word of the story of `record`."""
        self.chance = chance
        self.characters = {c.id: c for c in record.characters}
        self.things = {t.id: t for t in record.things}
        self.places = {p.id: p for p in record.places}
        self.hero = record.characters[0]
        self.owner: dict[str, str] = {}
        self.feels: dict[str, str] = {}
        self.introduced: set[str] = set()
        self.seen_things: set[str] = set()
        self.stated_feelings: set[str] = set()
        self._now: set[str] = set()
        self._before: set[str] = set()
        self._things_now: list[str] = []
        self._things_before: list[str] = []
        self._run: dict[str, int] = {}
        self._kinds = [c.kind for c in record.characters]

    def end_sentence(self) -> None:
        """Tell that a sentence is complete."""
        self._before, self._now = self._now, set()
        self._things_before, self._things_now = self._things_now, []

    def end_paragraph(self) -> None:
        """Tell that a paragraph is complete: the next one starts with names again."""
        self._before, self._now = set(), set()
        self._things_before, self._things_now = [], []

    # people

    def person(self, who: Character, form: str, speech: bool) -> str:
        """Return a reference to `who` in the given form: "" (subject), him, his, himself, name, voc, kind, ..."""
        if form == "voc":
            return f", {who.name}" if who.named and who.id in self.introduced and self.chance.random() < 0.6 else ""
        if form == "none":  # only there so that the template needs the role
            return ""
        if form == "was":
            return "was"
        if form == "kind":
            return who.kind
        if form == "trait":
            return self.chance.choice(who.traits)
        if form == "feeling":
            self.stated_feelings.add(who.id)
            return self.chance.choice(FEELINGS[self.feels[who.id]].words)
        if form in ("she", "hers"):  # a pronoun in any case, where the template leaves no doubt who is meant
            self._now.add(who.id)
            return PRONOUNS[who.pronoun][0 if form == "she" else 2]
        if form == "called":  # a first name, stated by the template itself
            self._mention(who)
            return who.name
        if speech and form == "name":
            assert who.id in self.introduced, f"{who.name} is addressed before being introduced"
            return who.name if who.named else f"the {who.name}"
        if form == "himself":
            return PRONOUNS[who.pronoun][3]
        if form == "name":
            return self._named(who)
        if self._pronoun_is_clear(who, form):
            self._run[who.id] = self._run.get(who.id, 0) + 1
            self._now.add(who.id)
            return PRONOUNS[who.pronoun][{"": 0, "him": 1, "his": 2}[form]]
        named = self._named(who)
        return _possessive(named) if form == "his" else named

    def group(self, members: list[Character], form: str) -> str:
        """Return a reference to several people ("Lily and Tom", "they", "their"), or to one."""
        if len(members) == 1:
            return self.person(members[0], form, False)
        if form == "was":
            return "were"
        if form == "feeling":
            self.stated_feelings.update(m.id for m in members)
            return self.chance.choice(FEELINGS[self.feels[members[0].id]].words)
        ids = {m.id for m in members}
        key = "+".join(sorted(ids))
        around = self._now | self._before
        run = self._run.get(key, 0)
        if ids <= around and around <= ids and (run < 4 or form):
            self._run[key] = run + 1
            self._now |= ids
            return {"": "they", "him": "them", "his": "their"}[form]
        self._run[key] = 0
        friends = len(members) == 2 and all(m.role in ("hero", "friend") for m in members)
        if friends and ids <= self.introduced and form != "his" and self.chance.random() < 0.22:
            self._now |= ids
            return self.chance.choice(("the two friends", "the friends", "both friends"))
        names = [self._named(m, False) for m in members]
        phrase = f"{', '.join(names[:-1])} and {names[-1]}"
        return _possessive(phrase) if form == "his" else phrase

    def _pronoun_is_clear(self, who: Character, form: str) -> bool:
        rivals_now = any(self._rival(who, other) for other in self._now)
        if who.id in self._now:  # "Lily took her ball": bound within the sentence
            return not rivals_now
        if who.id not in self._now | self._before or rivals_now:
            return False
        if any(self._rival(who, other) for other in self._before):
            return False
        return self._run.get(who.id, 0) < _LONGEST_PRONOUN_RUN or self.chance.random() < 0.3

    def _rival(self, who: Character, other: str) -> bool:
        return other != who.id and self.characters[other].pronoun == who.pronoun

    def _mention(self, who: Character) -> None:
        self._run[who.id] = 0
        self._now.add(who.id)
        self.introduced.add(who.id)

    def _named(self, who: Character, epithet: bool = True) -> str:
        first = who.id not in self.introduced
        if first:
            phrase = self._introduction(who)
        elif not who.named:
            phrase = f"the {who.name}"
        elif who.role in _FAMILY and who.id not in self._now and self.hero.id in self._now and self._clear_hero():
            phrase = f"{PRONOUNS[self.hero.pronoun][2]} {who.name.lower()}" if self._coin() else who.name
            self._now.add(self.hero.id)
        elif epithet and who.role not in _FAMILY and self._kinds.count(who.kind) == 1 and self.chance.random() < 0.09:
            phrase = f"the {'little ' if self._coin() else ''}{who.kind}"
        else:
            phrase = who.name
        self._mention(who)
        return phrase

    def _coin(self) -> bool:
        return self.chance.random() < 0.5

    def _clear_hero(self) -> bool:
        return not any(self._rival(self.hero, other) for other in self._now)

    def _introduction(self, who: Character) -> str:
        hero = self.hero
        clear = hero.id in self._now and self._clear_hero()
        if not clear and hero.id in self._before and not self._now:
            clear = not any(self._rival(hero, other) for other in self._before)
        if hero.id not in self.introduced:
            assert who.id == hero.id, f"{who.name} comes before the hero"
            return who.name
        owner = PRONOUNS[hero.pronoun][2] if clear else _possessive(hero.name)
        if who.role in ("brother", "sister", "friend") or who.role in _FAMILY:
            self._now.add(hero.id)
        if who.role in _FAMILY:
            return f"{owner} {who.name.lower()}"
        if who.role in ("brother", "sister"):
            return f"{owner} {who.role} {who.name}"
        if who.role == "friend":
            friend = self.chance.choice(("friend", "good friend", "best friend"))
            if who.animal and who.kind != hero.kind and self._coin():
                return f"{owner} friend {who.name} the {who.kind}"
            return f"{owner} {friend} {who.name}"
        if who.named:
            return f"a {who.kind} {self.chance.choice(('named', 'called'))} {who.name}"
        return f"a {who.name}"

    # things and places

    def thing(self, what: Thing, form: str, speech: bool, by: str) -> str:
        """Return a reference to a thing; `by` is the id of the person in whose clause it stands."""
        if not speech and form in ("noun", "full", "the"):
            self.seen_things.add(what.id)
        if form in ("noun", "the"):
            return what.noun if form == "noun" else f"the {what.noun}"
        full = " ".join(w for w in (what.quality, what.colour, what.noun) if w)
        if form == "full":
            return full
        if speech:
            self.seen_things.add(what.id)
            return {"a": f"a {full}", "my": f"my {what.noun}"}.get(form, f"the {what.noun}")
        first = what.id not in self.seen_things
        self.seen_things.add(what.id)
        focus = self._things_now or self._things_before
        clear = set(focus) == {what.id} and what.id not in self._things_now[-1:]
        self._things_now.append(what.id)
        if form == "a":
            return f"a {full}"
        if form == "" and clear and self.chance.random() < 0.75:
            return "it"
        short = what.noun
        if what.colour and self.chance.random() < (0.6 if first else 0.2):
            short = f"{what.colour} {what.noun}"
        elif what.quality and self.chance.random() < 0.15:
            short = f"{what.quality} {what.noun}"
        owner = self.owner.get(what.id, "")
        if form == "my" and owner in self.characters:
            return f"{self.person(self.characters[owner], 'his', False)} {short}"
        if first:
            return f"a {full}"
        return f"the {short}"

    def place(self, where: Place, form: str) -> str:
        """Return a place as "in the park" (in), "to the park" (to) or "park" (noun)."""
        return {"in": where.where, "to": where.whither, "noun": where.noun}[form]


def roles_of(event: Event, discourse: Discourse) -> dict[str, str | Thing | Place | list[Character]]:
    """Return what fills each role in the templates for `event`; roles that nothing fills are absent."""
    people = discourse.characters
    agent = people[event.agent]
    companions = [people[c] for c in event.companions]
    roles: dict[str, str | Thing | Place | list[Character]] = {
        "a": [agent],
        "g": [agent, *companions],
        "h": [discourse.hero],
        "p": discourse.places[event.place],
    }
    if event.patient:
        roles["b"] = [people[event.patient]]
        roles["w"] = [agent, *companions, people[event.patient]]
    if companions:
        roles["c"] = [companions[0]]
    if agent.animal:
        roles["z"] = [agent]
    if event.thing:
        roles["o"] = discourse.things[event.thing]
    if event.other:
        roles["u"] = discourse.things[event.other]
    roles.update({f"={key}": value for key, value in event.detail.items()})
    return roles


def _possessive(phrase: str) -> str:
    return f"{phrase}'" if phrase.endswith("s") and phrase.islower() else f"{phrase}'s"
