"""Which sentence comes next, and how does the story end: the true sentence among matched ones of other stories."""

import random
from collections.abc import Iterator, Sequence

from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.natural.matching import Matcher
from fabula.study.items.natural.narratives import Narrative, Narratives, either_order, narratives, spread
from fabula.study.items.natural.sentence_rows import Rows
from fabula.study.items.natural.troubles import troubled

BEGINNING = 3
"""Sentences before a question: who the story is about must have been told."""


def intruder(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask for the next sentence in the middle of a story: the true one or a matched one of another story's middle."""
    material = narratives(corpus)
    chance = random.Random(f"{seed}/intruder")
    inside = [(story, number) for story in material.stories for number in range(1, len(story) - 1)]
    return _matched("intruder", material, inside, 1, limit, chance)


def ending(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask for the last sentence: the true one or one of three matched last sentences of other stories."""
    return _endings("ending", corpus, seed, limit)


def resolution(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask for the last sentence of stories in whose middle something bad is told."""
    return _endings("resolution", corpus, seed, limit)


def _endings(probe: str, corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    material = narratives(corpus)
    last = [(story, len(story) - 1) for story in material.stories if len(story) > BEGINNING]
    return _matched(probe, material, last, 3, limit, random.Random(f"{seed}/{probe}"))


def _matched(
    probe: str,
    material: Narratives,
    pool: Sequence[tuple[Narrative, int]],
    count: int,
    limit: int,
    chance: random.Random,
) -> list[Item]:
    """Ask `pmi` questions for the sentences of a pool, with `count` wrong answers of the same pool."""
    rows = Rows.of(material, pool)
    matcher = Matcher(material, rows, count)
    by_story = rows.by_story()

    def ask(story: Narrative) -> Iterator[Item]:
        places = [row for row in by_story.get(story.index, []) if rows.sentences[row][1] >= BEGINNING]
        if not places or (probe == "resolution" and not troubled(story)):
            return
        chance.shuffle(places)
        for row in places:
            number = rows.sentences[row][1]
            wrong = matcher.wrong_answers(row, chance) if story.fits(number) else None
            if wrong is None:
                continue
            answers, gold = either_order(story.sentence(number), wrong, chance)
            targets = tuple(story.gap(number) + answer for answer in answers)
            yield Item(probe, story.cluster, "pmi", (story.before(number),), targets, gold)

    return spread(material.stories, limit, chance, ask)
