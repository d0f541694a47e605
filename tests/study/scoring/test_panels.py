"""Panels on models whose answers are known: an n-gram has no far words, a copier copies."""

import numpy as np
import pytest

from fabula.study.scoring.context_gain import ENOUGH_STORIES, context_gain
from fabula.study.scoring.copying import copying
from fabula.study.scoring.ends import ends
from fabula.study.scoring.position import position_loss
from tests.study.scoring.stand_in import VOCABULARY, StandIn, bigram, far, log_softmax, random_stories, stories_of

LONG = random_stories([60] * ENOUGH_STORIES + [5, 9, 41])


def by_condition(scores, column="gain"):
    return {name: scores.columns[column][scores.conditions == name] for name in np.unique(scores.conditions)}


def test_a_bigram_gains_nothing_from_far_words():
    found = by_condition(context_gain(StandIn(bigram()), LONG, targets=50))
    assert sorted(found, key=int) == ["1", "2", "4", "8", "16", "32"]
    for gains in found.values():
        assert gains.shape == (50,)
        np.testing.assert_allclose(gains, 0, atol=1e-12)


def test_what_looks_five_tokens_back_gains_from_the_fifth():
    found = by_condition(context_gain(StandIn(far(5)), LONG, targets=50))
    assert (np.abs(found["4"]) > 0.1).all()
    np.testing.assert_allclose(found["8"], 0, atol=1e-12)


def test_other_lengths_may_be_tried():
    found = by_condition(context_gain(StandIn(far(5)), LONG, targets=50, lengths=(3, 7, 500)))
    assert sorted(found) == ["3", "7"]
    assert (np.abs(found["3"]) > 0.1).all()
    np.testing.assert_allclose(found["7"], 0, atol=1e-12)


def test_targets_lie_behind_the_largest_k_and_inside_the_context():
    model = StandIn(bigram(), context=40)
    scores = context_gain(model, LONG, targets=100, seed=1)
    places = [(int(story), int(target)) for unit in scores.units for story, target in [unit[6:].split(":")]]
    assert all(32 <= target < 40 <= len(LONG[story].tokens) for story, target in places)
    assert len(set(places)) == 100
    assert model.longest == 40
    assert scores.clusters[0] == f"story-{places[0][0]}"
    # Drawn from all stories in turn.
    assert len({story for story, _ in places}) == sum(len(story.tokens) >= 40 for story in LONG)
    again = context_gain(model, LONG, targets=100, seed=1)
    assert again.units.tolist() == scores.units.tolist() != context_gain(model, LONG, targets=100).units.tolist()


def test_stories_that_are_too_short_leave_no_units():
    scores = context_gain(StandIn(bigram()), random_stories([1] * 30))
    assert scores.units.shape == scores.columns["gain"].shape == (0,)


def test_a_bigram_is_the_same_everywhere_in_its_context():
    stories = random_stories([17, 30, 11, 49, 8, 25, 40, 6, 33, 20] * 6)
    scores = position_loss(StandIn(bigram(), context=128), stories, windows=5)
    assert scores.conditions.tolist() == ["0", "64"] * 5
    assert scores.clusters.tolist() == [f"window-{index}" for index in range(5) for _ in range(2)]
    np.testing.assert_allclose(scores.columns["excess"], 0, atol=1e-12)
    np.testing.assert_allclose(scores.columns["raw"], scores.columns["alone"])
    np.testing.assert_allclose(scores.columns["nats"], scores.columns["alone"].mean())


def test_what_forgets_far_in_shows_it():
    remembering = bigram()

    def forgetful(history):
        return remembering(history) if len(history) <= 64 else np.full(VOCABULARY, -np.log(VOCABULARY) - 3)

    scores = position_loss(StandIn(forgetful, context=128), random_stories([32] * 20), windows=3)
    found = by_condition(scores, "excess")
    np.testing.assert_allclose(found["0"], 0, atol=1e-12)
    assert (found["64"] > 2).all()
    assert scores.columns["nats"].mean() > scores.columns["alone"].mean()


def test_windows_do_not_go_beyond_the_context_nor_use_a_story_twice():
    model = StandIn(bigram(), context=100)
    scores = position_loss(model, random_stories([70] * 7))
    # 64 targets a window, so a single story of 70 is longer than a window: none can be laid.
    assert len(scores.units) == 0
    scores = position_loss(model, random_stories([50] * 7))
    assert scores.clusters.tolist() == ["window-0", "window-1", "window-2"]
    assert model.longest <= 100


TEXTS = [
    "The cat sat on the mat. The bird flew away! “Oh no!” said Tom. The cat was not happy.",
    "Tom had a ball. He was sad. The end.",
    "One sentence only.",
]


def ending_model(at_the_end: float, inside: float) -> StandIn:
    """A model that hopes for the end after the letters of `TEXTS` that end one, and somewhat after any other stop."""
    model = StandIn(bigram(), context=200)

    def rule(history):
        text = model.tokenizer.decode(history[1:], skip_special_tokens=False)
        logits = np.zeros(VOCABULARY)
        logits[0] = at_the_end if text in TEXTS else inside if text.endswith((".", "!", "!”")) else 20.0
        return log_softmax(logits)

    model.rule = rule
    return model


@pytest.mark.parametrize(("at_the_end", "inside", "auc"), [(5.0, 1.0, 1.0), (1.0, 5.0, 0.0), (2.0, 2.0, 0.5)])
def test_the_true_end_against_other_sentence_ends(at_the_end, inside, auc):
    scores = ends(ending_model(at_the_end, inside), stories_of(TEXTS))
    # The third story has no other sentence; inside of sentences nobody looks.
    assert scores.units.tolist() == ["story-0", "story-1"]
    assert scores.columns["auc"].tolist() == [auc, auc]
    expected = np.exp(at_the_end) / (np.exp(at_the_end) + VOCABULARY - 1)
    np.testing.assert_allclose(scores.columns["end"], expected, rtol=1e-5)
    np.testing.assert_allclose(scores.columns["inside"], np.exp(inside) / (np.exp(inside) + VOCABULARY - 1), rtol=1e-5)


def test_only_so_many_stories_are_asked_and_none_beyond_the_context(monkeypatch):
    monkeypatch.setattr("fabula.study.scoring.ends.ENTRIES", 1)
    model = ending_model(5.0, 1.0)
    assert ends(model, stories_of([*TEXTS, TEXTS[1]]), count=2).units.tolist() == ["story-0", "story-1"]
    model.context = len(stories_of(TEXTS)[0].tokens) - 1
    assert ends(model, stories_of(TEXTS)).units.tolist() == ["story-1"]
    assert len(ends(model, []).units) == 0


def test_a_bigram_does_not_copy_and_a_copier_does():
    plain = copying(StandIn(bigram(), context=60), sequences=6).columns
    assert abs(plain["gain"]).max() < 0.6

    def copier(history):
        """Expect the token that stood one run (of half the context) before."""
        logits = np.zeros(VOCABULARY)
        if len(history) > 30:
            logits[history[-30]] = 12.0
        return log_softmax(logits)

    model = StandIn(copier, context=60)
    columns = copying(model, sequences=6).columns
    assert (columns["second"] < 0.01).all()
    np.testing.assert_allclose(columns["gain"], columns["first"] - columns["second"])
    assert columns["first"].mean() > 5
    assert model.longest == 60
