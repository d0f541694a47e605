import random
import re
from collections import Counter

import numpy as np
import pytest

from fabula.corpus.storyworld import stories
from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item, Request, outcomes
from fabula.study.items.natural import BUILDERS
from fabula.study.items.natural.matching import renamed, renaming
from fabula.study.items.natural.narratives import LONGEST, narrative, narratives
from fabula.study.items.natural.sentence_rows import word_keys
from fabula.study.probes import ITEM_PROBES
from fabula.study.text import word_spans, words
from tests.tiny import tiny_store

LIMIT = 80
NO_QUESTIONS_ABOUT_SEVERAL_STORIES = ("grammar", "argument_swap")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> StudyCorpus:
    texts = [story.text for story in stories(11, 0, 220)]
    return StudyCorpus.open(tiny_store(tmp_path_factory.mktemp("corpus") / "store", texts[180:], texts[:180]))


@pytest.fixture(scope="module")
def items(corpus: StudyCorpus) -> dict[str, list[Item]]:
    return {probe: build(corpus, 7, LIMIT) for probe, build in BUILDERS.items()}


def story_of(item: Item, corpus: StudyCorpus) -> str:
    return corpus.held_out[int(item.cluster.removeprefix("story-"))]


class FiveWords:
    """Scores each word by a hash of itself and the four before: whatever looks at five words is like this."""

    def log_likelihoods(self, requests: list[Request]) -> np.ndarray:
        return np.array([self._one(request) for request in requests])

    def _one(self, request: Request) -> float:
        before = words(request.context)
        spans = word_spans(request.target)
        text = before + [request.target[a:b] for a, b in spans]
        counted = [
            place
            for place, (a, _) in enumerate(spans, len(before))
            if request.spans is None or any(first <= a < last for first, last in request.spans)
        ]
        return sum(random.Random("|".join(text[max(0, place - 4) : place + 1])).random() for place in counted)


def test_every_probe_is_known_and_asks_something(items: dict[str, list[Item]]) -> None:
    assert set(items) < {probe.name for probe in ITEM_PROBES}
    assert min(len(found) for found in items.values()) >= 10
    for probe, found in items.items():
        assert len(found) <= LIMIT
        assert {item.probe for item in found} == {probe}
        assert len({(item.contexts, tuple(sorted(item.targets))) for item in found}) == len(found)
        assert all(item.chance == next(p for p in ITEM_PROBES if p.name == probe).chance for item in found)


def test_the_same_corpus_and_seed_give_the_same_items(corpus: StudyCorpus, items: dict[str, list[Item]]) -> None:
    narratives.cache_clear()
    for probe, build in BUILDERS.items():
        assert build(corpus, 7, 20) == items[probe][:20], probe
        assert build(corpus, 8, 20) != items[probe][:20], probe


def test_the_right_answer_is_how_the_story_goes(corpus: StudyCorpus, items: dict[str, list[Item]]) -> None:
    for probe, found in items.items():
        for item in found:
            context, target = item.contexts, item.targets
            right = context[item.gold] + target[0] if item.design == "contrast" else context[0] + target[item.gold]
            text = story_of(item, corpus)
            assert right in text if probe in NO_QUESTIONS_ABOUT_SEVERAL_STORIES else text.startswith(right), probe
            assert all(c == c.rstrip() and len(words(c)) <= LONGEST for c in context)


def test_the_right_answer_stands_at_a_random_place(items: dict[str, list[Item]]) -> None:
    for found in items.values():
        places = Counter(item.gold for item in found)
        expected = len(found) * found[0].chance
        assert all(abs(times - expected) < 4 * (expected + 1) ** 0.5 for times in places.values())


def test_five_words_cannot_tell_order_and_far_context(items: dict[str, list[Item]]) -> None:
    for probe in ("order", "adjacent_swap", "far_context"):
        assert all(any(spans) for item in items[probe] for spans in item.spans if spans is not None)
        assert np.all(outcomes(items[probe], FiveWords()).correct == 0.5)
    assert not np.all(outcomes(items["connective"], FiveWords()).correct == 0.5)


def test_far_context_counts_words_that_no_context_has(items: dict[str, list[Item]]) -> None:
    for item in items["far_context"]:
        known = {word for context in item.contexts for word in word_keys(context)}
        counted = [item.targets[0][a:b] for a, b in item.spans[0] or ()]
        assert len(counted) >= 3
        assert not known & set(word_keys(" ".join(counted)))


def test_order_only_moves_sentences(items: dict[str, list[Item]]) -> None:
    for item in items["order"] + items["adjacent_swap"]:
        first, second = item.targets
        assert first != second
        assert Counter(words(first)) == Counter(words(second))
        assert re.findall(r"\n+", first) == re.findall(r"\n+", second)


def test_wrong_sentences_match_the_right_one(corpus: StudyCorpus, items: dict[str, list[Item]]) -> None:
    cast = narratives(corpus).cast
    for probe in ("intruder", "ending", "resolution"):
        differences, highest, chance = [], [], items[probe][0].chance
        for item in items[probe]:
            context = set(word_keys(item.contexts[0]))
            share = [np.mean([word in context for word in word_keys(target)]) for target in item.targets]
            lengths = [len(words(target)) for target in item.targets]
            wrong = [place for place in range(len(item.targets)) if place != item.gold]
            assert all(abs(lengths[place] - lengths[item.gold]) <= 2 for place in wrong)
            assert all(abs(share[place] - share[item.gold]) <= 0.13 for place in wrong)
            present = {name for _, _, name in cast.mentions(item.contexts[0])}
            assert all({name for _, _, name in cast.mentions(f"a {target}")} <= present for target in item.targets)
            differences += [lengths[place] - lengths[item.gold] for place in wrong]
            highest.append((share[item.gold] == max(share)) / share.count(max(share)))
        assert abs(np.mean(differences)) < 0.2
        assert np.mean(highest) < chance + 0.15


def test_balanced_probes_have_no_favourite(items: dict[str, list[Item]]) -> None:
    for probe in ("first_pronoun", "connective", "emotion_word"):
        right = Counter(item.targets[item.gold].split()[0].lower().strip(",") for item in items[probe])
        wrong = Counter(item.targets[1 - item.gold].split()[0].lower().strip(",") for item in items[probe])
        assert sum((right - wrong).values()) <= 3, probe


def test_names_are_exchanged_within_a_pronoun() -> None:
    pronouns = {"Ada": "she", "Bea": "she", "Cy": "he", "Dov": "he"}
    assert renaming(["Ada", "Cy"], ["Dov", "Bea"], pronouns.__getitem__) == {"Ada": "Bea", "Cy": "Dov"}
    assert renaming(["Ada", "Bea"], ["Bea", "Cy"], pronouns.__getitem__) is None


def test_a_renamed_sentence_keeps_everything_else(corpus: StudyCorpus) -> None:
    cast = narratives(corpus).cast
    first, second = [name for name, pronoun in cast.names.items() if pronoun == "she"][:2]
    story = narrative(f"Here is {first}. Then {first}'s hat and {second} fell.", 0, cast)
    assert renamed(story, story.spans[1], {first: second, second: first}) == f"Then {second}'s hat and {first} fell."


def test_a_quotation_is_one_sentence(corpus: StudyCorpus) -> None:
    story = narrative('"Run! It comes," he said. They ran.\n"Oh no! Wait', 0, narratives(corpus).cast)
    assert [story.sentence(n) for n in range(len(story))] == ['"Run! It comes," he said.', "They ran.", '"Oh no! Wait']
    assert [story.whole(n) for n in range(len(story))] == [True, True, False]
    assert story.gap(1) == " "
    assert story.gap(2) == "\n"


def test_a_corpus_without_stories_gives_no_items(corpus: StudyCorpus) -> None:
    empty = StudyCorpus(corpus.hash, ("Hm.",), (), corpus.store)
    assert all(build(empty, 0, 10) == [] for build in BUILDERS.values())
