"""Items from the story world: true by the record, mirrored, and of no use to rules of thumb."""

import re
from collections import Counter
from typing import cast

import pytest

from fabula.corpus.storyworld import Event, Story, contradictions, history, tell_long
from fabula.corpus.storyworld.long.facts import RECALLS, role_of
from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.world import BUILDERS, OF_SHORT_STORIES
from fabula.study.items.world.mirroring import SERIES
from fabula.study.items.world.questions import questions
from fabula.study.items.world.recalling import DISTANCES
from fabula.study.text import words

NO_CORPUS = cast(StudyCorpus, None)
PROBES = sorted(BUILDERS)
ITEMS = {probe: BUILDERS[probe](NO_CORPUS, 0, 24) for probe in PROBES}
RECALLED = ITEMS["world_recall"]


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


@pytest.mark.parametrize("probe", OF_SHORT_STORIES)
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
    assert not any(list(questions(probe, record)) for record in alone for probe in OF_SHORT_STORIES)


def test_a_lost_thing_has_no_holder() -> None:
    for index in range(300):
        record = history(SERIES, index)
        for event in record.events:
            if event.kind == "lose":
                asked = [q for q in questions("world_binding", record) if q.after == event.index]
                assert all(q.condition == "owner" for q in asked)


# long stories


def asked_event(item: Item) -> tuple[Story, Event]:
    """Return the long story that an item is the beginning of, and the event that it breaks off in."""
    story = tell_long(SERIES, int(item.cluster.removeprefix("world-long-")))
    length = len(item.contexts[0])
    assert story.text.startswith(item.contexts[0] + item.targets[0])
    return story, next(e for e in story.record.events if e.span[0] < length < e.span[1])


def test_recalled_is_what_the_story_goes_on_with() -> None:
    for item in RECALLED:
        story, event = asked_event(item)
        role, kind = role_of(event.kind)
        assert role in RECALLS
        named = event.detail["value" if role == "recall" else "key"]
        assert item.targets[0] == f" {named}"
        told = [e for e in story.record.events[: event.index] if role_of(e.kind)[1] == kind]
        pairs = {e.detail[f"key{n}"]: e.detail[f"value{n}"] for e in told for n in ("", "2") if f"key{n}" in e.detail}
        assert pairs[event.detail["key"]] == event.detail["value"]
        assert item.targets[1].strip() in (pairs.values() if role == "recall" else pairs)


def test_neither_fact_is_mentioned_within_the_distance() -> None:
    assert Counter(item.condition for item in RECALLED) == dict.fromkeys(map(str, DISTANCES), 4)
    for item in RECALLED:
        story, event = asked_event(item)
        value = event.detail["value"]
        other = next(word for pair in exchanged(item) for word in pair if word != value)
        told = story.text[: event.span[0]]
        last = [found.end() for found in re.finditer(rf"\b(?:{value}|{other})\b", told, re.IGNORECASE)][-1]
        assert len(told[last:].split()) >= int(item.condition)


def test_the_mirrored_long_story_says_another_fact_and_nothing_else() -> None:
    for item in RECALLED:
        story, event = asked_event(item)
        assert contradictions(story) == []
        assert {frozenset(pair) for pair in exchanged(item)} == {frozenset(exchanged(item)[0])}
        assert event.detail["value"] in exchanged(item)[0]
        assert item.contexts[0][event.span[0] :] == item.contexts[1][-len(item.contexts[0][event.span[0] :]) :]


def test_in_one_half_of_the_items_the_fact_that_is_asked_for_was_told_first_and_in_one_half_last() -> None:
    for place in (0, -1):
        asked_for = [exchanged(item)[place][0] == asked_event(item)[1].detail["value"] for item in RECALLED]
        assert sum(asked_for) == len(RECALLED) / 2
    assert len({item.cluster for item in RECALLED}) > 8


def exchanged(item: Item) -> list[tuple[str, str]]:
    """Return the words in which the two stories differ, in order, in lower case but for the value that is asked for."""
    value = asked_event(item)[1].detail["value"]

    def plain(word: str) -> str:
        return value if word.lower() == value.lower() else word.lower()

    pairs = zip(*(words(context) for context in item.contexts), strict=True)
    return [(plain(first), plain(second)) for first, second in pairs if first != second]
