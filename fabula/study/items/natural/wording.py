"""Single words that the story decides: 'but' or 'so', 'happy' or 'sad'."""

import random
import re
from collections import Counter
from collections.abc import Iterator

from fabula.corpus.storyworld.lexicon import listed
from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.natural.narratives import LONGEST, Narrative, either_order, narratives
from fabula.study.items.natural.selection import balanced
from fabula.study.text import word_spans

CLAUSE = re.compile(
    r"(?:(?<=,)(?P<inside> but| so)|(?<=[.!?])(?P<first> But| So)),?"
    r"(?P<rest> (?:he|she|it|they|we|I|you|the|his|her|their|[A-Z][a-z]+) [^.!?\"\u201c\u201d\n]*[.!?])"
)
"""', but he ...' or '. But he ...': a clause with a subject of its own."""
OTHER = {" but": " so", " so": " but", " But": " So", " So": " But"}
OPPOSITES = tuple(
    entry.split("/")
    for entry in listed(
        "happy/sad happy/scared happy/angry happy/upset happy/lonely happy/afraid happy/frightened happy/unhappy "
        "happy/disappointed happy/mad excited/worried excited/nervous excited/bored proud/ashamed"
    )
)
"""A good feeling and a bad one; every bad one occurs once."""
FEELING = re.compile(
    r"\b(?:was|were|felt|became|looked|got)(?: very| so| really| too| also| still| all| both)?(?P<word> [a-z]+)"
    r"(?=[.,!]| and | because | that | when | to )"
)
SHORTEST = 30
"""Words of a context."""


def connective(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask for the word between two clauses, 'but' or 'so'; both are right equally often."""
    chance = random.Random(f"{seed}/connective")

    def ask(story: Narrative) -> Iterator[tuple[tuple[str, str], Item]]:
        for match in CLAUSE.finditer(story.text):
            context, right = story.text[: match.start()], match["inside"] or match["first"]
            rest = story.text[match.start() + len(right) : match.end()]
            if not SHORTEST <= len(word_spans(context)) <= LONGEST:
                continue
            targets, gold = either_order(right + rest, [OTHER[right] + rest], chance)
            condition = "inside a sentence" if match["inside"] else "between sentences"
            yield (
                (condition, right),
                Item("connective", story.cluster, "choice", (context,), targets, gold, (), condition),
            )

    return balanced(narratives(corpus).stories, limit, chance, ask, twins=lambda kind: kind[0])


def emotion_word(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask for a feeling or its opposite; of each pair both are right equally often."""
    chance = random.Random(f"{seed}/emotion_word")
    material = narratives(corpus)
    good = {bad: word for word, bad in OPPOSITES}
    count = Counter(place.group("word").strip() for story in material.stories for place in _feelings(story))
    bad = {word: [other for first, other in OPPOSITES if first == word and count[other]] for word in good.values()}

    def ask(story: Narrative) -> Iterator[tuple[tuple[str, str], Item]]:
        for match in _feelings(story):
            right = match["word"].strip()
            context = story.text[: match.start("word")]
            if right in good:
                pair, wrong = right, good[right]
            elif bad.get(right):
                pair = wrong = chance.choices(bad[right], [count[word] for word in bad[right]])[0]
            else:
                continue
            targets, gold = either_order(f" {right}", [f" {wrong}"], chance)
            yield (pair, right), Item("emotion_word", story.cluster, "choice", (context,), targets, gold)

    return balanced(material.stories, limit, chance, ask, twins=lambda kind: kind[0])


def _feelings(story: Narrative) -> Iterator[re.Match[str]]:
    for match in FEELING.finditer(story.text):
        if SHORTEST <= len(word_spans(story.text[: match.start()])) <= LONGEST:
            yield match
