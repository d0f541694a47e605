"""Templates: mirrored contexts of the same words, spread over many families, the same for the same seed."""

import re
from collections import Counter
from pathlib import Path
from random import Random
from typing import cast as typed

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.corpus.store import TokenStore
from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.templates import BUILDERS, binding, cause, emotion, memory, state
from fabula.study.items.templates.causes import FAMILIES as CAUSE_FAMILIES
from fabula.study.items.templates.filler import SENTENCES, filler
from fabula.study.items.templates.mirrored import Family
from fabula.study.items.templates.words import NAMES, POOLS
from fabula.study.text import words

STORIES = (
    "It was raining, so Ann took an umbrella.",
    "The sun was out. Ann had a hat.",
    "The piano stood under the bridge.",
    "A penguin looked at the fridge.",
)
CORPUS = StudyCorpus("hash", (), STORIES, typed(TokenStore, None))
PROBES = sorted(BUILDERS)
ENTITY_FAMILIES = (*binding.FAMILIES, *state.FAMILIES, *memory.FAMILIES)


def assert_mirrored(item: Item) -> None:
    first, second = item.contexts
    assert item.design == "mirrored"
    assert len(item.targets) == 2
    assert first != second
    assert Counter(words(first)) == Counter(words(second))
    assert [w for w in words(first) if w[0].isalnum()][-4:] == [w for w in words(second) if w[0].isalnum()][-4:]
    assert words(first)[-4:] == words(second)[-4:]
    assert item.targets[0] != item.targets[1]
    assert all(re.fullmatch(r" \S.*\S", target) for target in item.targets)
    assert not re.search(r"[{}]|  |\ban? \Z", f"{first}{second}{item.targets}")


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), probe=st.sampled_from(PROBES), limit=st.integers(1, 40))
def test_contexts_are_permutations_with_the_same_end(seed: int, probe: str, limit: int) -> None:
    items = BUILDERS[probe](CORPUS, seed, limit)
    assert len(items) == limit
    assert len({item.id for item in items}) == limit
    for item in items:
        assert item.probe == probe
        assert_mirrored(item)


@pytest.mark.parametrize("probe", PROBES)
def test_items_are_a_function_of_corpus_and_seed(probe: str) -> None:
    assert BUILDERS[probe](CORPUS, 5, 30) == BUILDERS[probe](CORPUS, 5, 30)
    assert BUILDERS[probe](CORPUS, 5, 30) != BUILDERS[probe](CORPUS, 6, 30)


@pytest.mark.parametrize("probe", [*sorted({*PROBES} - {"cause"})])
def test_families_and_conditions_get_their_share(probe: str) -> None:
    items = BUILDERS[probe](CORPUS, 1, 360)
    assert len({item.cluster for item in items}) >= 30
    conditions = Counter(item.condition for item in items)
    assert max(conditions.values()) - min(conditions.values()) <= 1
    for condition in conditions:
        families = Counter(item.cluster for item in items if item.condition == condition)
        assert max(families.values()) - min(families.values()) <= 1


def test_memory_keeps_its_distances() -> None:
    for item in BUILDERS["memory"](CORPUS, 2, 80):
        distance = int(item.condition)
        assert distance <= len(item.contexts[0].split()) <= distance + 60
    assert {int(i.condition) for i in BUILDERS["memory"](CORPUS, 2, 80)} == {0, 25, 50, 100, 200, 400, 800, 1600}


@pytest.mark.parametrize("probe", ["binding", "memory"])
def test_the_first_and_the_second_one_are_asked_about_equally_often(probe: str) -> None:
    items = BUILDERS[probe](CORPUS, 3, 480)
    first = sum(_stands_first(item) for item in items)
    assert 0.4 < first / len(items) < 0.6


def _stands_first(item: Item) -> bool:
    places = [re.search(rf"\b{target.strip()}\b", item.contexts[0]) for target in item.targets]
    assert places[0]
    assert places[1]
    return places[0].start() < places[1].start()


@pytest.mark.parametrize("probe", PROBES)
def test_everyone_in_an_item_has_the_same_pronoun(probe: str) -> None:
    for item in BUILDERS[probe](CORPUS, 4, 120):
        told = set(words(" ".join((*item.contexts, *item.targets))))
        assert not (told & set(NAMES["she"]) and told & set(NAMES["he"]))
        assert len({name[0] for name in told & {*NAMES["she"], *NAMES["he"]}}) == len(
            told & {*NAMES["she"], *NAMES["he"]}
        )


@pytest.mark.parametrize("probe", PROBES)
def test_both_pronouns_are_used_equally_often(probe: str) -> None:
    items = BUILDERS[probe](CORPUS, 4, 240)
    girls = sum(bool(set(words(item.contexts[0])) & set(NAMES["she"])) for item in items)
    assert 0.4 < girls / len(items) < 0.6


def test_family_names_are_unique() -> None:
    for families in (binding.FAMILIES, state.FAMILIES, memory.FAMILIES, CAUSE_FAMILIES):
        assert len({family.name for family in families}) == len(families)
    makers = emotion.makers("emotion")
    assert len(makers["at once"]) >= 30
    assert len(makers["characters"]) >= 15


@pytest.mark.parametrize("family", ENTITY_FAMILIES, ids=lambda family: family.name)
def test_each_value_stands_once_and_far_from_the_end(family: Family) -> None:
    assert family.text.count("{x}") == family.text.count("{y}") == 1
    tail = family.text[max(family.text.index("{x}"), family.text.index("{y}")) :]
    assert len(re.findall(r"\w+", tail)) > 5
    for pool in (family.values, family.entities, family.partners):
        assert pool in ("", "names") or len(POOLS[pool]) >= 5
    assert ("{q}" in family.text) == bool(family.entities) or "{r}" in family.text or family.condition == "move"


def test_filler_has_no_word_that_a_memory_could_be_about() -> None:
    used = {pool for f in memory.FAMILIES for pool in (f.values, f.entities, f.partners)} - {"", "names"}
    forbidden = {word.lower() for pool in used for word in POOLS[pool]}
    forbidden |= {name.lower() for names in NAMES.values() for name in names}
    for sentence in SENTENCES:
        assert not set(words(sentence.lower())) & forbidden, sentence
    assert len(set(SENTENCES)) == len(SENTENCES) >= 60


@pytest.mark.parametrize("length", [25, 50, 100, 200, 400, 800, 1600])
def test_filler_has_the_length_asked_for_and_no_sentence_twice(length: int) -> None:
    told = filler(Random(length), length)
    assert abs(len(told.split()) - length) <= 3
    bare = [sentence.split(", ")[-1].lower() for sentence in told.split(". ")]
    assert len(set(bare)) == len(bare)


def test_no_noun_tells_itself_by_its_article() -> None:
    for name, pool in POOLS.items():
        assert len(set(pool)) == len(pool)
        assert name == "verbs" or not [word for word in pool if word[0].lower() in "aeiou"]


def test_association_is_the_mutual_information_of_words_over_stories() -> None:
    sky = next(family for family in CAUSE_FAMILIES if family.name == "sky")
    occurrences = cause._occurrences(STORIES)
    assert cause.association(sky.first, occurrences, len(STORIES)) == pytest.approx(1.386294)
    assert not cause.is_unseen(sky, occurrences, len(STORIES))
    assert cause.association(sky.first, cause._occurrences(["It rained."]), 1) == float("-inf")


def test_at_least_half_of_the_cause_families_are_unseen() -> None:
    makers = cause.makers("cause", STORIES)
    assert len(makers["unseen"]) >= len(makers["seen"]) > 0
    assert len(makers["unseen"]) + len(makers["seen"]) >= cause.ENOUGH
    everything = [" ".join(w for f in CAUSE_FAMILIES for forms in cause._words_of(f) for w in forms)]
    habits = cause.makers("cause", [*everything, "Nothing else."])
    assert (len(habits["seen"]), len(habits["unseen"])) == (cause.ENOUGH, 0)


def test_cause_families_are_enough() -> None:
    assert len(CAUSE_FAMILIES) >= 60


def test_feelings_fit_the_last_event() -> None:
    scene = next(i for i in BUILDERS["emotion"](CORPUS, 0, 400) if i.cluster == "big-game" and i.condition == "at once")
    fits = {"lost a big game": " sad", "won a big game": " happy"}
    for context, target in zip(scene.contexts, scene.targets, strict=True):
        last = max(fits, key=context.index)
        assert fits[last] == target


def test_feelings_fit_the_character() -> None:
    items = [i for i in BUILDERS["emotion"](CORPUS, 0, 600) if i.cluster == "two-presents"]
    assert items
    for item in items:
        for context, target in zip(item.contexts, item.targets, strict=True):
            lucky = re.search(r"(\w+) was given a shiny", context)
            asked = context.split()[-3:]
            assert lucky
            assert (lucky[1] in asked) == (target == " happy")


def test_belongings_go_to_their_owner() -> None:
    items = [i for i in BUILDERS["binding"](CORPUS, 0, 600) if i.cluster == "belonging"]
    assert items
    for item in items:
        for context, target in zip(item.contexts, item.targets, strict=True):
            asked = re.search(r"picked the (\w+) up", context)
            assert asked
            assert f"The {asked[1]} belonged to{target}." in context


def test_what_was_swapped_is_with_the_other() -> None:
    items = [i for i in BUILDERS["state"](CORPUS, 0, 600) if i.cluster == "toys"]
    assert items
    for item in items:
        for context, target in zip(item.contexts, item.targets, strict=True):
            asked = re.search(r"So (\w+) walked", context)
            assert asked
            assert f"{asked[1]} had a{target}" not in context


def test_what_was_moved_is_where_it_is_now(tmp_path: Path) -> None:
    items = [i for i in BUILDERS["state"](CORPUS, 0, 600) if i.cluster in ("fence", "after-before")]
    assert items
    for item in items:
        for context, target in zip(item.contexts, item.targets, strict=True):
            assert f"painted it{target}" in context or f"is in the{target}. Before" in context
