"""Items from the story world: true by the record, mirrored, and of no use to rules of thumb."""

import re
from collections import Counter
from typing import cast

import pytest

from fabula.corpus.storyworld import history
from fabula.study.corpus import StudyCorpus
from fabula.study.items.world import BUILDERS
from fabula.study.items.world.mirroring import SERIES
from fabula.study.items.world.questions import questions
from fabula.study.text import words

NO_CORPUS = cast(StudyCorpus, None)
PROBES = sorted(BUILDERS)
ITEMS = {probe: BUILDERS[probe](NO_CORPUS, 0, 24) for probe in PROBES}


@pytest.mark.parametrize("probe", PROBES)
def test_contexts_are_permutations_with_the_same_end(probe: str) -> None:
    assert len(ITEMS[probe]) >= 8
    for item in ITEMS[probe]:
        first, second = (words(context) for context in item.contexts)
        assert item.probe == probe
        assert item.design == "mirrored"
        assert first != second
        assert Counter(first) == Counter(second)
        assert first[-4:] == second[-4:]
        assert item.targets[0] != item.targets[1]
        assert all(target[0] == " " for target in item.targets)


@pytest.mark.parametrize("probe", PROBES)
def test_the_answer_is_the_records(probe: str) -> None:
    for item in ITEMS[probe]:
        index = int(item.cluster.removeprefix("world-"))
        record = history(SERIES, index)
        asked = list(questions(probe, record))
        answers = {q.targets or (q.right.name, q.other.name) for q in asked}
        assert tuple(target.strip() for target in item.targets) in answers
        stems = {q.stem.replace("{asked}", q.right.name) for q in asked}
        assert any(item.contexts[0].endswith(stem) for stem in stems)


@pytest.mark.parametrize("probe", ["world_binding", "world_memory", "world_cause"])
def test_the_first_and_the_last_name_are_right_half_of_the_time(probe: str) -> None:
    for place in (0, -1):
        right = 0
        for item in ITEMS[probe]:
            either = "|".join(target.strip() for target in item.targets)
            named = re.findall(rf"\b(?:{either})\b", item.contexts[0])
            right += f" {named[place]}" == item.targets[0]
        assert right == len(ITEMS[probe]) / 2


@pytest.mark.parametrize("probe", PROBES)
def test_items_are_a_function_of_the_seed(probe: str) -> None:
    assert BUILDERS[probe](NO_CORPUS, 0, 6) == BUILDERS[probe](NO_CORPUS, 0, 6)
    assert BUILDERS[probe](NO_CORPUS, 1, 6) != BUILDERS[probe](NO_CORPUS, 0, 6)


def test_no_question_about_one_character() -> None:
    records = [history(SERIES, index) for index in range(60)]
    alone = [r for r in records if len({c.pronoun for c in r.characters}) == len(r.characters)]
    assert alone
    assert not any(list(questions(probe, record)) for record in alone for probe in PROBES)


def test_a_lost_thing_has_no_holder() -> None:
    for index in range(300):
        record = history(SERIES, index)
        for event in record.events:
            if event.kind == "lose":
                asked = [q for q in questions("world_binding", record) if q.after == event.index]
                assert all(q.condition == "owner" for q in asked)
