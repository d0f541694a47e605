"""Word n-grams give requests the probability that the words have, where they count."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from fabula.study.baselines.words import WordNGram, WordTables
from fabula.study.items.item import Item, Request, outcomes
from tests.study.baselines.texts import THINGS, made_stories


@pytest.fixture(scope="module")
def tables() -> WordTables:
    return WordTables.fit(made_stories(200))


def score(scorer: WordNGram, context: str, target: str, *spans: tuple[int, int]) -> float:
    return float(scorer.log_likelihoods([Request(context, target, spans or None)])[0])


@pytest.mark.parametrize("cache", [0.0, 0.3])
@pytest.mark.parametrize("order", [1, 2, 5])
def test_a_target_may_be_cut_anywhere(tables: WordTables, order: int, cache: float) -> None:
    scorer = WordNGram(tables, order, cache)
    story = made_stories(1, seed=5)[0]
    whole = score(scorer, "", story)
    for cut in (4, 13, 14, 15, 40):
        head, tail = story[:cut], story[cut:]
        if not story[cut - 1].isalpha() or not tail[0].isalpha():
            assert score(scorer, "", head) + score(scorer, head, tail) == pytest.approx(whole, abs=1e-9)


def test_it_agrees_with_the_whole_story_read_at_once(tables: WordTables) -> None:
    story = made_stories(1, seed=6)[0]
    words = tables.log_probabilities([story], 5)[0]
    assert score(WordNGram(tables, 5), "", story) == pytest.approx(words[:-1].sum(), abs=1e-9)


def test_only_words_that_begin_in_a_span_count(tables: WordTables) -> None:
    scorer = WordNGram(tables, 5)
    context, target = "One day, Nia lost a", " kite. Pim looked"
    parts = [score(scorer, context, target, span) for span in ((0, 5), (5, 6), (6, 10), (10, 17))]
    assert sum(parts) == pytest.approx(score(scorer, context, target), abs=1e-9)
    assert score(scorer, context, target, (2, 5)) == 0  # 'kite' begins before.
    assert score(scorer, context, target, (0, 5), (6, 10)) == pytest.approx(parts[0] + parts[2], abs=1e-9)


def test_a_word_across_the_border_belongs_to_the_context(tables: WordTables) -> None:
    scorer = WordNGram(tables, 2)
    assert score(scorer, "One day, Nia lost a ki", "te.") == pytest.approx(
        score(scorer, "One day, Nia lost a kite", "."), abs=1e-9
    )


def test_an_unknown_word_is_as_likely_as_one_seen_once(tables: WordTables) -> None:
    rare = tables.rare[0]
    assert rare not in tables.vocabulary
    scorer = WordNGram(tables, 5)
    assert score(scorer, "They went home", f" {rare}.") == pytest.approx(score(scorer, "They went home", " qqq."))
    sure = sum(math.exp(score(scorer, "They went home", f" {word}")) for word in (*tables.vocabulary, *tables.rare))
    end = math.exp(tables.model.log_probabilities([[0, *tables.encode(["They", "went", "home"]), 0]], 5)[0][-1])
    assert sure + end == pytest.approx(1, abs=1e-9)


def test_a_cache_likes_what_was_said_and_else_loses_its_weight(tables: WordTables) -> None:
    plain, cached = WordNGram(tables, 5), WordNGram(tables, 5, 0.3)
    context = "Rosa had a zither. One day, Rosa lost a"
    assert score(cached, context, " zither") > score(plain, context, " zither") + 1
    assert score(cached, context, " spoon") == pytest.approx(score(plain, context, " spoon") + math.log(0.7))
    share = 0.7 * math.exp(score(plain, context, " zither")) + 0.3 / 11
    assert score(cached, context, " zither") == pytest.approx(math.log(share))
    assert score(cached, "", "One") == score(plain, "", "One")


def test_mirrored_templates_tie_exactly(tables: WordTables) -> None:
    items = [
        Item(
            probe="binding",
            cluster=a,
            design="mirrored",
            contexts=(
                f"Nia put the {a} in the barn. Otto put the {b} in the tent. Later Nia opened the barn and found the",
                f"Nia put the {b} in the barn. Otto put the {a} in the tent. Later Nia opened the barn and found the",
            ),
            targets=(f" {a}.", f" {b}."),
        )
        for a, b in itertools.pairwise(THINGS)
    ]
    for scorer in (*(WordNGram(tables, n) for n in range(1, 6)), WordNGram(tables, 5, 0.1), WordNGram(tables, 5, 0.3)):
        found = outcomes(items, scorer)
        np.testing.assert_allclose(found.correct, 0.5, atol=1e-12)
        np.testing.assert_allclose(found.choice, 0.5, atol=1e-12)
    leaking = [replace(item, contexts=(item.contexts[0], item.contexts[1] + " red")) for item in items]
    assert (np.abs(outcomes(leaking, WordNGram(tables, 5)).margin) > 0.01).all()


def test_tables_survive_being_arrays(tables: WordTables) -> None:
    again = WordTables.from_arrays(tables.arrays())
    assert (again.vocabulary, again.rare) == (tables.vocabulary, tables.rare)
    story = made_stories(1, seed=9)[0]
    assert score(WordNGram(again, 5), "", story) == score(WordNGram(tables, 5), "", story)


def test_no_requests_no_scores(tables: WordTables) -> None:
    assert WordNGram(tables, 5).log_likelihoods([]).shape == (0,)
    assert score(WordNGram(tables, 5, 0.1), "One day", "") == 0
