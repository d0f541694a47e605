"""Sentences of the stories beside the same sentence with one rule of grammar broken."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fabula.study.cast import Cast
from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.natural.narratives import Narrative, either_order, narratives
from fabula.study.items.natural.selection import balanced
from fabula.study.items.natural.word_classes import WordClasses, word_classes

PLAIN = re.compile(r"[A-Z][A-Za-z ,'\u2019-]+[.!]")
"""A sentence without quotations, numbers and anything unusual."""
SHORTEST, LONGEST = 5, 25
"""Words of a sentence."""


@dataclass(frozen=True)
class Change:
    """Characters [start, stop) of a sentence that are replaced, and what kind of right form stood there."""

    start: int
    stop: int
    text: str
    form: str
    """Right forms are asked for equally often within a rule."""


Rule = Callable[[str, WordClasses, Cast], Iterator[Change]]


def grammar(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask which of two sentences is English; the condition names the rule that the other breaks."""
    material = narratives(corpus)
    classes = word_classes(material)
    chance = random.Random(f"{seed}/grammar")

    def ask(story: Narrative) -> Iterator[tuple[tuple[str, str], Item]]:
        for sentence in _plain_sentences(story):
            for name, rule in RULES.items():
                for change in rule(sentence, classes, material.cast):
                    wrong = sentence[: change.start] + change.text + sentence[change.stop :]
                    targets, gold = either_order(sentence, [wrong], chance)
                    yield (name, change.form), Item("grammar", story.cluster, "choice", ("",), targets, gold, (), name)

    return balanced(material.stories, limit, chance, ask)


def _plain_sentences(story: Narrative) -> Iterator[str]:
    seen = set()
    for number in range(len(story)):
        sentence = story.sentence(number)
        if sentence not in seen and PLAIN.fullmatch(sentence) and SHORTEST <= story.lengths[number] <= LONGEST:
            seen.add(sentence)
            yield sentence


def _agreement(pattern: re.Pattern[str]) -> Rule:
    """Exchange 'was' and 'were' where a subject stands before."""

    def rule(sentence: str, classes: WordClasses, cast: Cast) -> Iterator[Change]:
        for match in pattern.finditer(sentence):
            right = match["verb"]
            yield Change(*match.span("verb"), "were" if right == "was" else "was", right)

    return rule


def _far_agreement(sentence: str, classes: WordClasses, cast: Cast) -> Iterator[Change]:
    """Exchange 'was' and 'were' behind a noun that isn't the subject: 'The toys in the box was ...'."""
    match = PHRASE_BETWEEN.match(sentence)
    if match is not None and classes.is_noun(match["head"]) and classes.is_noun(match["other"]):
        right = match["verb"]
        yield Change(*match.span("verb"), "were" if right == "was" else "was", right)


def _bare_verb(sentence: str, classes: WordClasses, cast: Cast) -> Iterator[Change]:
    """Put the past tense where only the bare verb can stand: 'wanted to played', 'could not saw'."""
    for match in TO_VERB.finditer(sentence):
        past = classes.pasts.get(match["verb"])
        if past:
            yield Change(*match.span("verb"), past, "to" if match["to"] else "auxiliary")


def _article(sentence: str, classes: WordClasses, cast: Cast) -> Iterator[Change]:
    """Exchange 'a' and 'an'."""
    for match in ARTICLE.finditer(sentence):
        right = match["article"].lower()
        if sentence[: match.start()].endswith("upon "):
            continue  # Nobody needs a rule for "once upon a time".
        if (right == "an") == (match["next"][0] in "aeiou") and not re.match("h|u|one|eu", match["next"]):
            wrong = match["article"][0] + ("" if right == "an" else "n")
            yield Change(*match.span("article"), wrong, right)


def _number(sentence: str, classes: WordClasses, cast: Cast) -> Iterator[Change]:
    """Exchange singular and plural behind a word that decides: 'two ball', 'a balls'."""
    for match in COUNTED.finditer(sentence):
        one, many = match["one"], match["many"]
        wrong = classes.plurals.get(match["noun"]) if one else classes.singulars.get(match["noun"])
        if wrong and (one or many) and not sentence[: match.start()].endswith("upon "):
            yield Change(*match.span("noun"), wrong, "one" if one else "many")


def _case(sentence: str, classes: WordClasses, cast: Cast) -> Iterator[Change]:
    """Exchange 'he' and 'him' and their like."""
    for match in SUBJECT.finditer(sentence):
        if match["verb"] in ("was", "were") or match["verb"] in classes.past_forms:
            wrong = OBJECT_OF[match["pronoun"].lower()]
            yield Change(*match.span("pronoun"), wrong.title() if match["pronoun"][0].isupper() else wrong, "subject")
    for match in OBJECT.finditer(sentence):
        if match["before"] in PREPOSITIONS or match["before"] in classes.past_forms:
            yield Change(*match.span("pronoun"), SUBJECT_OF[match["pronoun"]], "object")


def _adjective_order(sentence: str, classes: WordClasses, cast: Cast) -> Iterator[Change]:
    """Put an adjective behind its noun: 'the ball red'."""
    for match in NOUN_PHRASE.finditer(sentence):
        adjective, noun = match["adjective"], match["noun"]
        article_fits = match["article"] not in ("a", "an") or (adjective[0] in "aeiou") == (noun[0] in "aeiou")
        if adjective in classes.adjectives and noun in classes.nouns and article_fits:
            yield Change(match.start("adjective"), match.end("noun"), f"{noun} {adjective}", "order")


def _reflexive(sentence: str, classes: WordClasses, cast: Cast) -> Iterator[Change]:
    """Give a reflexive pronoun the wrong gender or number, in a sentence about one subject."""
    matches = list(REFLEXIVE.finditer(sentence))
    if len(matches) != 1:
        return
    before = sentence[: matches[0].start()]
    right = matches[0][0]
    named = {cast.names[name] for _, _, name in cast.mentions(sentence)}
    said = {word.lower() for word in re.findall(r"\b(?:he|she|they|him|her|them|his|their|He|She|They)\b", before)}
    wanted = {"himself": "he", "herself": "she", "themselves": "they"}[right]
    group = {"he": {"he", "him", "his"}, "she": {"she", "her"}, "they": {"they", "them", "their"}}[wanted]
    if said - group or (not said and named != {wanted}) or (said and named - {wanted}) or " and " in before[:15]:
        return
    wrong = {"himself": "herself", "herself": "himself", "themselves": "himself"}[right]
    yield Change(*matches[0].span(), wrong, right)


PHRASE_BETWEEN = re.compile(
    r"(?:The|His|Her|Their|All the) (?:[a-z]+ )??(?P<head>[a-z]+) (?:of|in|on|with|from|near|under|at|by|behind) "
    r"(?:(?:the|his|her|their|a) )?(?:[a-z]+ )??(?P<other>[a-z]+) (?P<verb>was|were)\b"
)
TO_VERB = re.compile(
    r"\b(?:(?P<to>(?:wanted|liked|loved|tried|started|decided|began|needed|had|learned|went|asked|ready|how|able) to)"
    r"|(?:could|would|can|will|should|must|might|did|didn't|couldn't|wouldn't)(?: not| never)?) (?P<verb>[a-z]+)\b"
)
ARTICLE = re.compile(r"\b(?P<article>A|An|a|an) (?P<next>[a-z]+)\b")
COUNTED = re.compile(
    r"\b(?:(?P<one>a|an|one|every|each|another)|(?P<many>two|three|four|five|six|many|these))(?: (?:big|little|small"
    r"|new|red|blue|green|old|pretty|nice|tiny|good|special))? (?P<noun>[a-z]+)\b(?! [a-z]+s\b)"
)
SUBJECT = re.compile(
    r"(?:^|, | and | when | because | but | so | then )(?P<pronoun>[Hh]e|[Ss]he|[Tt]hey|[Ww]e|I) (?P<verb>[a-z]+)\b"
)
OBJECT = re.compile(r"\b(?P<before>[a-z]+) (?P<pronoun>him|them|us|me|her)(?=[.,!]| and | to )")
OBJECT_OF = {"he": "him", "she": "her", "they": "them", "we": "us", "i": "me"}
SUBJECT_OF = {wrong: "I" if right == "i" else right for right, wrong in OBJECT_OF.items()}
PREPOSITIONS = frozenset(("to", "with", "for", "at", "from", "of", "by", "behind", "around", "near", "about", "let"))
NOUN_PHRASE = re.compile(
    r"\b(?P<article>the|his|her|their|my|a|an) (?:[a-z]+ )??(?P<adjective>[a-z]+) (?P<noun>[a-z]+)\b"
)
REFLEXIVE = re.compile(r"\b(?:himself|herself|themselves)\b")
RULES: dict[str, Rule] = {
    "agreement: pronoun": _agreement(
        re.compile(r"(?<!and )\b(?:[Hh]e|[Ss]he|[Ii]t|[Tt]hey|[Ww]e) (?P<verb>was|were)\b")
    ),
    "agreement: conjunction": _agreement(
        re.compile(
            r"^(?:[A-Z][a-z]+|The [a-z]+|(?:His|Her|Their) [a-z]+) and (?:[A-Z][a-z]+|(?:the|his|her|their) [a-z]+)"
            r" (?P<verb>were)\b"
        )
    ),
    "agreement: far": _far_agreement,
    "bare verb": _bare_verb,
    "a or an": _article,
    "number": _number,
    "case": _case,
    "adjective order": _adjective_order,
    "reflexive": _reflexive,
}
"""How each rule is broken, by its condition."""
