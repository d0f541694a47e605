"""Reading a story's text with patterns, and comparing what it states with the replayed record.

Only what stands outside quotation marks counts as stated, apart from the looks of things and forms of address.
A pattern that cannot tell who is meant by a pronoun accepts anyone it could be: the reader reports what cannot be
true, not what might be false.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from fabula.corpus.storyworld.checking.facts import fact_words
from fabula.corpus.storyworld.checking.oneself import SAID, done_to_oneself, wrong_reflexives
from fabula.corpus.storyworld.checking.replay import State
from fabula.corpus.storyworld.lexicon import listed
from fabula.corpus.storyworld.lexicon.feelings import FEELINGS
from fabula.corpus.storyworld.lexicon.places import SETTINGS
from fabula.corpus.storyworld.lexicon.things import COLOURS
from fabula.corpus.storyworld.record import Character, Event, Story

SPEECH = re.compile(r'"[^"]*"')
"""What is said, its quotation marks included."""
_CAPITALISED = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_INTENSIFIERS = ("very ", "so ", "a little ")
_FAMILY = {"mom", "dad", "grandma", "grandpa"}
NOT_NAMES = {"Mom", "Dad", "Grandma", "Grandpa", "Saturday", "I", "Sundays"}
"""Capitalised words inside a sentence that name nobody of the cast, or a grown-up of the family."""
_FEMALE, _MALE = re.compile(r"\b(she|her|herself)\b", re.I), re.compile(r"\b(he|him|his|himself)\b", re.I)

_ONLY_AGENT = {
    "give": "gave|handed|put",
    "give_back": "gave|handed|held out",
    "find": "found|bent down",
    "snatch": "grabbed|snatched|took|reached over",
    "forgive": "hugged|gave|smiled",
    "lend": "gave|let",
    "refuse": "held|shook",
    "share_food": "broke|cut",
    "refuse_food": "hid",
    "turn_away": "turned|went|sat|marched",
    "be_alone": "tried|sat",
    "confess": "went|showed",
    "get_stuck": "went|got stuck",
    "succeed": "could really",
    "try_skill": "tried",
    "sow": "made|dug|pushed",
    "be_afraid_of": "was afraid",
}
"""By kind of event: verbs whose subject can be nobody but the agent."""

_ONLY_SPEAKER = frozenset(
    listed(
        "refuse warn promise dare refuse_dare advise teach tell_trouble call_help ask_turn apologise "
        "ask_food refuse_food "
        "boast admit kind_winner admit_fault explain_secret vow tell_new invite wish_cry make_wish offer_wish praise "
        "give_up_words obstacle_idea indoor_idea guess encourage thank_warmly wise_words comfort "
        "forgive_honest offer_help "
        "offer_to_help ask_why_alone ask_wrong patience praise_plant no_time plan_gift ask_tidy put_off advise_tidy "
        "gather_courage share_food offer_swap refuse_swap share_idea learn repair_craft try_fail succeed dare_done"
    )
)
"""Kinds of events in which nobody but the agent says anything."""

_SUBJECT = r"((?:[Tt]he (?:little )?)?(?!her\b|his\b)\w+)(?!\w|'s)"
_SPEAKER = re.compile(rf'"" (?:{SAID}) {_SUBJECT}|(?<="" ){_SUBJECT} (?:{SAID})\b|\b{_SUBJECT} (?:{SAID})\b[^".]*, ""')

_SPOT_KINDS = {"search", "find", "find_new", "had_found", "see_alone", "about_to_eat", "meet_magic"}
_SPOTS = sorted({spot for setting in SETTINGS for spot in setting.spots}, key=len, reverse=True)
_WHITHER = {setting.noun: setting.whither for setting in SETTINGS}
_MOVING = {"go", "wander", "travel", "enter_room"}


@dataclass(frozen=True)
class _Passage:
    """The text that tells one event, and the states before and after it."""

    event: Event
    text: str
    narration: str  # the text without what is said in it
    before: State
    after: State
    around: frozenset[str]  # ids of those in this event or the one before


def misreadings(story: Story, states: list[State]) -> list[str]:
    """Return every conflict between the text and the record whose replay gave `states`."""
    reader = _Reader(story)
    problems = reader.form()
    for event in story.record.events:
        start, end = event.span
        text = story.text[start:end]
        around = set(event.participants())
        if event.index:
            around |= set(story.record.events[event.index - 1].participants())
        passage = _Passage(
            event, text, SPEECH.sub('""', text), states[event.index], states[event.index + 1], frozenset(around)
        )
        for check in reader.checks:
            problems += [f"event {event.index} ({event.kind}): {problem}" for problem in check(passage)]
    return problems


class _Reader:
    """Knows the cast of one story, and reads its passages."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.cast = story.record.characters
        self.things = story.record.things
        self.by_id = {c.id: c for c in self.cast}
        self.named = {c.id: re.compile(rf"\b{_name_pattern(c)}\b") for c in self.cast}
        self.checks = (
            self.people,
            self.pronouns,
            self.feelings,
            self.looks,
            self.owners,
            self.handing_over,
            self.deeds,
            self.speakers,
            self.spots,
            self.places,
            self.conditions,
            self.address,
        )

    # the text as a whole

    def form(self) -> list[str]:
        problems = []
        text, last = self.story.text, 0
        for event in self.story.record.events:
            start, end = event.span
            if not last <= start < end <= len(text):
                problems.append(f"event {event.index}: the span {event.span} is out of order or not in the text")
            elif any(quote not in text[start:end] for quote in event.quotes):
                problems.append(f"event {event.index}: a quotation is not in its span")
            last = end
        return problems + self._introductions() + self._unknown_names()

    def _introductions(self) -> list[str]:
        problems = []
        first_end = self.story.record.events[0].span[1]
        narration = SPEECH.sub('""', self.story.text)
        for who in self.cast:
            text = narration if who.role in _FAMILY else self.story.text  # anybody may speak of "Grandma"
            found = self.named[who.id].search(text)
            if found is None:
                continue
            before = text[max(0, found.start() - 25) : found.start()]
            after = text[found.end() : found.end() + 20]
            if who.role == "hero":
                fine = found.start() < first_end
            elif who.role in _FAMILY:
                fine = bool(re.search(r"(\b[Hh]is|\b[Hh]er|'s|s') $", before))
            elif not who.named:
                fine = bool(re.search(r"\b([Aa]n?|[Tt]he) $", before))
            else:
                fine = bool(re.search(r"(named|called|friend|brother|sister|friend was|of that friend was) $", before))
                fine = fine or bool(re.match(r"( the \w+)? was ", after))
            if not fine:
                problems.append(f"{who.name} is mentioned before being introduced")
        return problems

    def _unknown_names(self) -> list[str]:
        known = {c.name for c in self.cast} | NOT_NAMES
        known |= {word for event in self.story.record.events for word in fact_words(event)}
        narration = SPEECH.sub('""', self.story.text)
        return [f"{name} is not in the cast" for name in _CAPITALISED.findall(narration) if name not in known]

    # one passage

    def people(self, passage: _Passage) -> list[str]:
        present = {*passage.event.participants(), self.cast[0].id}
        return [
            f"{who.name} is told of but takes no part"
            for who in self.cast
            if who.id not in present
            and who.name not in fact_words(passage.event)
            and self.named[who.id].search(passage.narration)
        ]

    def pronouns(self, passage: _Passage) -> list[str]:
        problems = []
        for pattern, pronoun in ((_FEMALE, "she"), (_MALE, "he")):
            possible = any(self.by_id[c].pronoun == pronoun for c in passage.around)
            used = pattern.search(passage.narration)
            if used and not possible and passage.event.kind not in ("warn",):
                problems.append(f"{used[0]!r} is used, but nobody around is a {pronoun}")
        return problems + wrong_reflexives(self.cast, passage.narration)

    def feelings(self, passage: _Passage) -> list[str]:
        problems = []
        for subject, words in _FEELING_CLAIM.findall(passage.narration):
            core = words.lower()
            meant = _feelings_named(core)
            people = self._meant_by(subject, passage)
            if not people or not meant:
                continue
            felt = {passage.after.get(("feels", p), "") for p in people}
            felt |= {passage.before.get(("feels", p), "") for p in people}
            if not meant & felt:
                problems.append(f"{subject} is told to feel {words!r}, but feels {sorted(felt)}")
        return problems

    def looks(self, passage: _Passage) -> list[str]:
        problems = []
        for thing in self.things:
            for found in colour_of(thing.noun).finditer(passage.text):
                if found[1] != thing.colour and not found[2]:
                    problems.append(f"the {thing.noun} is {found[1]}, but was {thing.colour or 'without a color'}")
        return problems

    def owners(self, passage: _Passage) -> list[str]:
        problems = []
        for thing in self.things:
            owners = {state.get(("owner", thing.id), "") for state in (passage.before, passage.after)}
            if not owners - {""}:
                continue
            for found in re.finditer(rf"\b([A-Z]\w+)'s (?:\w+ ){{0,2}}{thing.noun}\b", passage.narration):
                claimed = {c.id for c in self.cast if c.name == found[1]}
                if claimed and not claimed & owners:
                    problems.append(f"the {thing.noun} is said to be {found[1]}'s")
        return problems

    def handing_over(self, passage: _Passage) -> list[str]:
        problems = []
        for found in _HANDED.finditer(passage.narration):
            if found["receiver"] == found["giver"]:
                problems.append(f"{found['giver']} hands something to themselves")
            if passage.event.kind not in ("give", "give_back", "lend", "swap", "swap_back"):
                continue
            thing = passage.event.thing
            givers = self._meant_by(found["giver"], passage)
            receivers = self._meant_by(found["receiver"], passage)
            if givers and passage.before.get(("holder", thing)) not in givers:
                problems.append(f"{found['giver']} gives what somebody else has")
            if receivers and passage.after.get(("holder", thing)) not in receivers:
                problems.append(f"{found['receiver']} is given what somebody else gets")
        return problems

    def deeds(self, passage: _Passage) -> list[str]:
        verbs = _ONLY_AGENT.get(passage.event.kind)
        if verbs is None:
            return []
        reacting = {e.subject for e in passage.event.effects if e.variable == "feels"}
        problems = []
        for found in re.finditer(rf"(?<!and )\b((?:The |the )?[A-Z]?[a-z]+) (?:{verbs})\b", passage.narration):
            people = self._meant_by(found[1], passage)
            allowed = {passage.event.agent, *passage.event.companions} | (reacting if "smiled" in found[0] else set())
            if found[1][:1].isupper() and people and not people & allowed:
                problems.append(f"{found[0]!r}, but it is {self.by_id[passage.event.agent].name} who does that")
        return problems

    def speakers(self, passage: _Passage) -> list[str]:
        if passage.event.kind not in _ONLY_SPEAKER:
            return []
        agent = self.by_id[passage.event.agent]
        speakers = ["".join(found) for found in _SPEAKER.findall(passage.narration)]
        return [
            f"{speaker} speaks, but it is {agent.name} who does"
            for speaker in speakers
            if (people := self._meant_by(speaker, passage)) and agent.id not in people
        ]

    def spots(self, passage: _Passage) -> list[str]:
        if passage.event.kind not in _SPOT_KINDS:
            return []
        told = next((spot for spot in _SPOTS if re.search(rf"\b{spot}\b", passage.text, re.I)), "")
        where = passage.event.detail.get("spot", "")
        if told and where not in passage.text and where.capitalize() not in passage.text:
            return [f"it happens {told}, but the record has {where}"]
        return []

    def places(self, passage: _Passage) -> list[str]:
        if passage.event.kind not in _MOVING:
            return []
        place = next(p for p in self.story.record.places if p.id == passage.event.place)
        return [
            f"they go {whither}, but the record has {place.whither}"
            for noun, whither in _WHITHER.items()
            if noun != place.noun and re.search(rf"\b{whither}\b", passage.narration)
        ]

    def conditions(self, passage: _Passage) -> list[str]:
        problems = []
        for thing in self.things:
            for found in re.finditer(rf"\b{thing.noun} was (not )?([a-z]+(?: [a-z]+){{0,2}})", passage.narration):
                claim = next((c for c in _CONDITION_CLAIMS if found[2].startswith(c)), "")
                if not claim or found[1]:
                    continue
                variable, value = _CONDITION_CLAIMS[claim]
                real = {state.get((variable, thing.id)) for state in (passage.before, passage.after)}
                if value not in real:
                    problems.append(f"the {thing.noun} is told to be {found[2]!r}")
            if passage.after.get(("lost", thing.id)) == passage.before.get(("lost", thing.id)) == "yes":
                used = re.search(
                    rf"\b(played with|held|hugged|picked up|put down) the (\w+ )?{thing.noun}\b", passage.narration
                )
                if used:
                    problems.append(f"{used[0]!r} while it is lost")
            if thing.id not in (passage.event.thing, passage.event.other):
                handled = re.search(rf"\b[Tt]he (\w+ )?{thing.noun}\b(?! (box|tree|plant))", passage.narration)
                if handled:
                    problems.append(f"{handled[0]!r} is told of, but the event is not about it")
        return problems

    def address(self, passage: _Passage) -> list[str]:
        return done_to_oneself(self.cast, passage.text, passage.narration)

    def _meant_by(self, subject: str, passage: _Passage) -> set[str]:
        """Return the ids of those whom a name or pronoun can mean; an empty set when it means none of the cast."""
        word = subject.lower()
        if word in ("he", "she", "him", "her"):
            pronoun = "he" if word in ("he", "him") else "she"
            return {c for c in passage.around if self.by_id[c].pronoun == pronoun}
        if word in ("they", "them"):
            return set(passage.around)
        whole = word.removeprefix("the ")
        bare = whole.removeprefix("little ")
        return {c.id for c in self.cast if c.name.lower() in (whole, bare) or (c.kind == bare and c.named)}


def _name_pattern(who: Character) -> str:
    return f"(?:{who.name}|{who.name.lower()})" if who.role in _FAMILY else who.name


@cache
def colour_of(noun: str) -> re.Pattern[str]:
    """Return the pattern of a colour (group 1) before a noun; group 2 is a further noun, if it is another thing."""
    # A noun may be the first half of another one ("toy", "toy box"), which a further noun shows.
    return re.compile(rf"\b({'|'.join(COLOURS)}) {noun}( box| tree| plant)?\b")


@cache
def _feelings_named(words: str) -> frozenset[str]:
    def core(text: str) -> str:
        for intensifier in _INTENSIFIERS:
            text = text.removeprefix(intensifier)
        return text

    return frozenset(name for name, f in FEELINGS.items() if core(words) in {core(w) for w in f.words})


def _claim_pattern() -> re.Pattern[str]:
    words = {w for feeling in FEELINGS.values() for w in feeling.words}
    words |= {f"{intensifier}{w}" for w in words if " " not in w for intensifier in _INTENSIFIERS}
    choices = "|".join(sorted(words, key=len, reverse=True))
    who = r"(?:[Tt]he (?:little )?)?\b[A-Za-z]+"
    return re.compile(rf"({who}) (?:was|were|felt|looked|became) ({choices})\b(?! (?:of|to|with|in|for)\b)")


_FEELING_CLAIM = _claim_pattern()
_WHO = r"(?:[A-Z][a-z]+|he|she|him|her)"
_HANDED = re.compile(
    rf"\b(?P<giver>{_WHO}) (?:gave|handed) (?:the|a|an|it) ?(?:\w+ ){{0,4}}?(?:back )?"
    rf"to (?!her [mdg])(?P<receiver>{_WHO})\b"
)
_CONDITION_CLAIMS = {
    "gone": ("lost", "yes"),
    "missing": ("lost", "yes"),
    "lost": ("lost", "yes"),
    "broken": ("condition", "broken"),
    "whole again": ("condition", "whole"),
    "as good as": ("condition", "whole"),
}
