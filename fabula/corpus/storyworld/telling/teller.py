"""The teller: turns a record into a text, event by event, and notes where each event is told."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from fabula.corpus.storyworld.lexicon.feelings import FEELINGS
from fabula.corpus.storyworld.record import Character, Event, Place, Record, Story, Thing
from fabula.corpus.storyworld.telling.grammar import (
    Choice,
    Literal,
    Sentence,
    Sequence,
    Template,
    capitalised,
    sequence,
    template,
    with_articles,
)
from fabula.corpus.storyworld.telling.phrases import PHRASES, REACTIONS, REASONS
from fabula.corpus.storyworld.telling.reference import Discourse, roles_of

Roles = dict[str, str | Thing | Place | list[Character]]

_SAID = {
    ".": ("said", "said", "said", "added"),
    "?": ("asked", "asked", "asked", "said"),
    "!": ("said", "said", "called", "exclaimed", "cried", "shouted", "cheered"),
}
_LOUD = {"cried", "shouted", "cheered"}  # for short speeches only, and cheering only with a reason
_ANSWERS = {".": ("answered", "replied"), "!": ("answered", "replied"), "?": ()}
_PLAIN = ("said", "asked", "answered", "replied")
_SENTENCE_START = re.compile(r"(?:^|[.!?] )[a-z]")
_UNTOLD = {"come_together", "feast"}  # kinds after which everyone is calm again, which need not be said
_GLAD = {"happy", "excited", "proud", "grateful", "relieved", "loved"}


@dataclass(frozen=True)
class _Unit:
    """A sentence waiting to be told, with what its roles stand for and the event it tells."""

    sentence: Sentence
    roles: Roles
    event: Event
    starts_event: bool


class Teller:
    """Tells one record; the phrasing is drawn from `chance`, the facts never are."""

    def __init__(self, record: Record, chance: random.Random) -> None:
        """Prepare to tell `record`."""
        self.record = record
        self.chance = chance
        self.discourse = Discourse(record, chance)
        self._warmth = chance.uniform(0.1, 1.0)  # how often feelings are told
        self._used: set[str] = set()
        self._text = ""
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._quotes: dict[int, list[str]] = {}
        self._paragraph_words = 0
        self._last_tag = ""
        self._last_speaker = ""
        self._spoken_in = -9
        self._sentences = 0
        for effect in record.initial:
            self._apply(effect.variable, effect.subject, effect.value)

    def tell(self) -> Story:
        """Return the story."""
        events = self.record.events
        for event in events:
            before = events[event.index - 1] if event.index else None
            if before and self._starts_paragraph(before, event):
                self._text += "\n"
                self.discourse.end_paragraph()
                self._paragraph_words = 0
                self._spoken_in = -9
            for effect in event.effects:
                self._apply(effect.variable, effect.subject, effect.value)
            self.discourse.stated_feelings = set()
            self._tell_event(event)
        told = tuple(
            replace(e, span=(self._starts[e.index], self._ends[e.index]), quotes=tuple(self._quotes[e.index]))
            for e in events
        )
        return Story(self._text, replace(self.record, events=told))

    def _apply(self, variable: str, subject: str, value: str) -> None:
        if variable == "feels":
            self.discourse.feels[subject] = value
        elif variable == "owner":
            self.discourse.owner[subject] = value

    def _starts_paragraph(self, before: Event, event: Event) -> bool:
        if "chapter" in event.detail:
            return True
        if before.scene != event.scene:
            return self._paragraph_words > 20
        return self._paragraph_words > 70 and self.chance.random() < 0.4

    # choosing what to say

    def _tell_event(self, event: Event) -> None:
        roles = roles_of(event, self.discourse)
        phrase = self._choose(PHRASES[event.kind], roles, "when" in event.detail, event.kind)
        self._tell_sentences(phrase, roles, event)
        if event.kind in _UNTOLD:
            return
        reacting: dict[str, list[Character]] = {}
        for effect in event.effects:
            if effect.variable == "feels" and effect.subject not in self.discourse.stated_feelings:
                who = self.discourse.characters[effect.subject]
                reacting.setdefault(effect.value, []).append(who)
        for feeling, people in reacting.items():
            chance = self._warmth if self.record.characters[0] in people else 0.6 * self._warmth
            if self.chance.random() < chance:
                self._react(event, feeling, people, roles)

    def _react(self, event: Event, feeling: str, people: list[Character], roles: Roles) -> None:
        mine: Roles = {"a": [people[0]], "g": list(people), "p": roles["p"], "h": roles["h"]}
        pool = REACTIONS[feeling]
        if len(people) == 1 and event.kind in REASONS and self.chance.random() < 0.35:
            mine["=because"] = self.chance.choice(REASONS[event.kind])
            mine |= {key: value for key, value in roles.items() if key in "bou" or key[0] == "="}
            if not template(str(mine["=because"])).needs <= mine.keys() or roles["a"] != mine["a"]:
                del mine["=because"]
        if len(people) > 1:
            mine["c"] = [people[1]]
        fitting = [
            t for t in pool if ("<=because>" in t) == ("=because" in mine) and ("<c.none>" in t) == ("c" in mine)
        ]
        self._tell_sentences(self._choose(fitting, mine, False, feeling), mine, event)

    def _choose(self, pool: list[str], roles: Roles, timed: bool, kind: str) -> Template:
        fitting = [t for t in map(template, pool) if t.needs <= roles.keys()]
        if timed:
            fitting = [t for t in fitting if t.sentences[0].timeable]
        assert fitting, f"no phrase for {kind} with the roles {sorted(roles)}"
        fresh = [t for t in fitting if t.source not in self._used] or fitting
        chosen = self.chance.choice(fresh)
        self._used.add(chosen.source)
        return chosen

    # saying it

    def _tell_sentences(self, phrase: Template, roles: Roles, event: Event) -> None:
        sentences = list(phrase.sentences)
        when = str(roles.pop("=when", ""))
        at = 0
        while at < len(sentences):
            first = sentences[at]
            second = sentences[at + 1] if at + 1 < len(sentences) else None
            if first.speaker:
                self._add(self._speech(first, roles, event, when), event)
            elif second and self._may_join(first, second):
                opening = f"{when}, " if when else ""
                text = opening + self._expand(first.body, roles, event, False)
                if self.chance.random() < 0.6:
                    rest = Sequence(second.body.nodes[1:])
                    text += " and" + self._expand(rest, roles, event, False)
                else:
                    text += ", and then " + self._expand(second.body, roles, event, False)
                self._add(text, event)
                at += 1
            else:
                opening = f"{when}, " if when else ""
                self._add(opening + self._expand(first.body, roles, event, False), event)
            when = ""
            at += 1

    def _may_join(self, first: Sentence, second: Sentence) -> bool:
        same = first.simple and second.simple and first.subject and first.subject == second.subject
        return bool(same) and not second.speaker and self.chance.random() < 0.6

    def _add(self, sentence: str, event: Event) -> None:
        sentence = with_articles(sentence)
        sentence = capitalised(sentence) if '"' in sentence else _capital_after_stop(sentence)
        if sentence[-1] not in '.!?"':
            sentence += "."
        if self._text and self._text[-1] != "\n":
            self._text += " "
        self._starts.setdefault(event.index, len(self._text))
        self._text += sentence
        self._ends[event.index] = len(self._text)
        self._quotes.setdefault(event.index, []).append(sentence)
        self._paragraph_words += sentence.count(" ") + 1
        self.discourse.end_sentence()
        self._sentences += 1

    def _expand(self, body: Sequence, roles: Roles, event: Event, speech: bool) -> str:
        parts: list[str] = []
        for node in body.nodes:
            if isinstance(node, Literal):
                parts.append(node.text)
            elif isinstance(node, Choice):
                options = [option for option, needs in node.options if needs <= roles.keys()]
                parts.append(self._expand(self.chance.choice(options), roles, event, speech))
            elif node.role[0] == "=":
                parts.append(self._expand(sequence(str(roles[node.role])), roles, event, speech))
            else:
                parts.append(self._refer(roles[node.role], node.form, event, speech))
        return "".join(parts)

    def _refer(self, to: str | Thing | Place | list[Character], form: str, event: Event, speech: bool) -> str:
        if isinstance(to, Thing):
            return self.discourse.thing(to, form, speech, event.agent)
        if isinstance(to, Place):
            return self.discourse.place(to, form)
        assert isinstance(to, list)
        if len(to) == 1:
            return self.discourse.person(to[0], form, speech)
        return self.discourse.group(to, form)

    def _speech(self, sentence: Sentence, roles: Roles, event: Event, when: str) -> str:
        speakers = roles[sentence.speaker]
        assert isinstance(speakers, list)
        words = _capital_after_stop(self._expand(sentence.body, roles, event, True).strip())
        if words[-1] not in ".!?":
            words += "."
        style = self.chance.random()
        stop = _first_stop(words)
        if when:
            return f'{when}, {self._tag(speakers, words, False)}, "{words}"'
        if style < 0.35 and 0 < stop < len(words) - 1:
            opening, rest = words[: stop + 1], words[stop + 2 :]
            return f'"{_before_tag(opening)}" {self._tag(speakers, opening, True)}. "{rest}"'
        if style < 0.75:
            return f'"{_before_tag(words)}" {self._tag(speakers, words, True)}'
        return f'{self._tag(speakers, words, False)}, "{words}"'

    def _tag(self, speakers: list[Character], words: str, after: bool) -> str:
        speaker = "+".join(s.id for s in speakers)
        feeling = self.discourse.feels.get(speakers[0].id, "")
        verb = self._speech_verb(words, feeling, speaker)
        self._last_tag = verb if verb != "said" else ""
        self._last_speaker, self._spoken_in = speaker, self._sentences
        who = self.discourse.group(speakers, "") if len(speakers) > 1 else self.discourse.person(speakers[0], "", False)
        manner = ""
        if verb in _PLAIN and self.chance.random() < (0.1 if feeling == "calm" else 0.35):
            manners = [m for m in FEELINGS[feeling].manners if m not in self._used and (after or m[:4] != "and ")]
            if words[-1] == "?":
                manners = [m for m in manners if "nod" not in m and "breath" not in m]
            if manners:
                chosen = self.chance.choice(manners)
                self._used.add(chosen)
                manner = " " + self._expand(sequence(chosen), {"a": list(speakers)}, self.record.events[0], False)
        if after and who not in ("he", "she", "they") and self.chance.random() < 0.6:
            return f"{verb} {who}{manner}"
        return f"{who} {verb}{manner}"

    def _speech_verb(self, words: str, feeling: str, speaker: str) -> str:
        stop = words[-1]
        verbs = [v for v in _SAID[stop] if v != self._last_tag and (v not in _LOUD or len(words) < 35)]
        if feeling not in _GLAD:
            verbs = [v for v in verbs if v != "cheered"]
        in_turn = self._spoken_in == self._sentences - 1
        if in_turn and self._last_speaker != speaker:
            verbs += _ANSWERS[stop]
        if not in_turn or self._last_speaker != speaker:
            verbs = [v for v in verbs if v != "added"]
        return self.chance.choice(verbs)


def _first_stop(words: str) -> int:
    return next((i for i, c in enumerate(words) if c in ".!?"), -1)


def _capital_after_stop(words: str) -> str:
    return _SENTENCE_START.sub(lambda start: start[0].upper(), words)


def _before_tag(words: str) -> str:
    return words[:-1] + "," if words[-1] == "." else words
