"""Who is meant and who does it: which name comes next, which pronoun follows a name, who does what to what."""

import random
import re
from collections import Counter
from collections.abc import Iterator

from fabula.corpus.storyworld.lexicon import listed
from fabula.study.cast import KIN, KINDS, Cast
from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.natural.narratives import Narrative, either_order, narratives
from fabula.study.items.natural.selection import balanced
from fabula.study.items.natural.word_classes import FUNCTION_WORDS, WordClasses, word_classes
from fabula.study.text import word_spans

SHORTEST, LONGEST = 5, 400
"""Words of a context."""
GENDERED = re.compile(r"\b(?:(?P<she>she|her|hers|herself)|(?P<he>he|him|his|himself))\b", re.IGNORECASE)
PEOPLE = re.compile(rf"\b(?:{'|'.join(sorted({*KIN, *KINDS}, key=len, reverse=True))})\b", re.IGNORECASE)
SUBJECT = (
    r"(?P<subject>(?P<pronoun>[Hh]e|[Ss]he|[Tt]hey)|(?:[Tt]he|[Hh]is|[Hh]er|[Tt]heir) (?:[a-z]+ )??(?P<head>[a-z]+)"
    r"|(?P<name>[A-Z][a-z]+))"
)
OBJECT = r"(?P<object>(?:the|a|an|his|her|their) (?:[a-z]+ )??(?P<thing>[a-z]+))"
LEAD = r"(?P<lead>(?:One [a-z]+(?: [a-z]+)?|The next day|When [a-z ]+|[A-Z][a-z]+ly|After that|At last), |But |So |)"
ACTION = re.compile(
    rf"{LEAD}{SUBJECT} (?P<verb>[a-z]+) {OBJECT}(?P<rest>(?: (?P<next>[a-z]+) [A-Za-z ,'\u2019-]+)?[.!])"
)
OBJECT_FORMS = {"he": "him", "she": "her", "they": "them"}
TWO_OBJECTS = frozenset(listed("gave told showed asked made was were had brought taught called became felt said went"))
"""Verbs that aren't followed by the one thing that something is done to."""


def name_cloze(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask for the name of a character who is mentioned again; the other answer is another known character.

    Right and wrong are equally often the one who was mentioned more often, or last.
    """
    material = narratives(corpus)
    chance = random.Random(f"{seed}/name_cloze")

    def ask(story: Narrative) -> Iterator[tuple[tuple[str, str], Item]]:
        for number in range(1, len(story)):
            start, stop = story.spans[number]
            mentions = [entry for entry in story.mentions if start <= entry[0] < stop]
            if not mentions or not story.fits(number) or len({name for _, _, name in mentions}) != 1:
                continue
            first, _, right = mentions[0]
            known = Counter(story.names(0, start))
            others = sorted(known.keys() - {right})
            if right not in known or not others or story.text[first - 1] != " ":
                continue
            wrong = chance.choice(others)
            targets, gold = either_order(f" {right}", [f" {wrong}"], chance)
            names = material.cast.names
            same = "same pronoun" if names[right] == names[wrong] else "different pronouns"
            item = Item("name_cloze", story.cluster, "choice", (story.text[: first - 1],), targets, gold, (), same)
            yield _salience(right, wrong, known, story.names(0, start)), item

    return balanced(material.stories, limit, chance, ask, twins=lambda kind: min(kind, _mirrored(kind)))


def _mirrored(kind: tuple[str, str]) -> tuple[str, str]:
    """Return the kind of the question in which right and wrong are exchanged."""
    other = {"right": "wrong", "wrong": "right", "even": "even"}
    return other[kind[0]], other[kind[1]]


def _salience(right: str, wrong: str, known: Counter[str], order: list[str]) -> tuple[str, str]:
    """Say who was mentioned more often and who was mentioned last."""
    recent = next(name for name in reversed(order) if name in (right, wrong))
    frequent = "even" if known[right] == known[wrong] else "right" if known[right] > known[wrong] else "wrong"
    return frequent, "right" if recent == right else "wrong"


def first_pronoun(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask for the first 'he' or 'she' of a story that has named one character so far."""
    material = narratives(corpus)
    chance = random.Random(f"{seed}/first_pronoun")

    def ask(story: Narrative) -> Iterator[tuple[str, Item]]:
        match = GENDERED.search(story.text)
        if (
            match is None
            or match[0].lower() not in ("she", "he")
            or story.text[match.start() - 1 : match.start()] != " "
        ):
            return
        context, right = story.text[: match.start() - 1], match[0]
        names = {name for start, _, name in story.mentions if start < match.start()}
        told = {word.lower() for word in PEOPLE.findall(context)}
        if len(names) != 1 or not SHORTEST <= len(word_spans(context)) <= LONGEST:
            return
        pronoun = right.lower()
        if material.cast.names[names.pop()] != pronoun or any(KINDS.get(word) != pronoun for word in told):
            return
        wrong = {"she": "he", "he": "she"}[pronoun]
        targets, gold = either_order(f" {right}", [f" {wrong.title() if right.istitle() else wrong}"], chance)
        condition = "kind told" if told else "name only"
        yield pronoun, Item("first_pronoun", story.cluster, "choice", (context,), targets, gold, (), condition)

    return balanced(material.stories, limit, chance, ask, twins=lambda kind: "")


def argument_swap(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask whether a sentence or the one with subject and object exchanged is likelier.

    The subject is a character or another being, the object is none, so that one order only makes sense.
    """
    material = narratives(corpus)
    classes = word_classes(material)
    chance = random.Random(f"{seed}/argument_swap")

    def ask(story: Narrative) -> Iterator[tuple[str, Item]]:
        for number in range(len(story)):
            sentence = story.sentence(number)
            match = ACTION.fullmatch(sentence)
            if match is None or not _acts_on(match, classes, material.cast):
                continue
            targets, gold = either_order(sentence, [_exchanged(match)], chance)
            kind = "pronoun" if match["pronoun"] else "name" if match["name"] else "noun"
            yield kind, Item("argument_swap", story.cluster, "choice", ("",), targets, gold)

    return balanced(material.stories, limit, chance, ask)


def _acts_on(match: re.Match[str], classes: WordClasses, cast: Cast) -> bool:
    being = match["pronoun"] or match["name"] in cast.names or match["head"] in classes.beings & classes.nouns
    verb = match["verb"] in classes.past_forms and match["verb"] not in TWO_OBJECTS
    ends = match["next"] is None or match["next"] in FUNCTION_WORDS
    return bool(being) and verb and ends and classes.is_noun(match["thing"]) and match["thing"] not in classes.beings


def _exchanged(match: re.Match[str]) -> str:
    """Return the sentence with subject and object exchanged, capitals where they belong."""
    subject, thing, lead = match["subject"], match["object"], match["lead"]
    back = subject if match["name"] else subject[0].lower() + subject[1:]
    back = OBJECT_FORMS.get(back, back)
    front = thing if lead else thing[0].upper() + thing[1:]
    return f"{lead}{front} {match['verb']} {back}{match['rest']}"
