"""The held-out loss story by story, and n-grams beside it."""

import itertools
import math

import numpy as np
import pytest

from fabula.study.baselines.tokens import TokenNGrams
from fabula.study.evaluate import evaluate
from fabula.study.scoring.ladder import Rungs, ladder, sample_positions, token_losses
from fabula.study.scoring.llama import open_model
from fabula.study.stories import held_out_stories
from tests.study.scoring.stand_in import VOCABULARY, StandIn, bigram, random_stories
from tests.tiny import STORIES, tiny_checkpoint, tiny_store


def test_it_is_the_pinned_held_out_loss(tmp_path):
    folder = tiny_checkpoint(tmp_path / "c")
    store = tiny_store(tmp_path / "store", ["A dog ran."], [*STORIES, " ".join(STORIES)])
    expected = evaluate(folder, store)
    assert expected.cut_stories > 0
    model = open_model(folder)
    scores = ladder(model, held_out_stories([store], model.tokenizer, model.end_of_text))
    columns = scores.columns
    assert len(scores.units) == expected.stories
    assert scores.units[2] == scores.clusters[2] == "story-2"
    per_token = np.average(columns["nats_per_token"], weights=columns["tokens"])
    per_byte = np.average(columns["nats_per_byte"], weights=columns["weight"])
    assert per_token == pytest.approx(expected.nats_per_token, rel=1e-6)
    assert per_byte / math.log(2) == pytest.approx(expected.bits_per_byte, rel=1e-6)


def test_every_token_of_a_long_story_is_predicted_once():
    (story,) = random_stories([20])
    model = StandIn(bigram(), context=7)
    (losses,) = token_losses(model, [story])
    sequence = [0, *story.tokens.tolist()]
    expected = [-bigram()([before])[after] for before, after in itertools.pairwise(sequence)]
    np.testing.assert_allclose(losses, expected)
    assert model.longest == 7


@pytest.fixture(scope="module")
def ngrams() -> TokenNGrams:
    training = [story.tokens[:-1].tolist() for story in random_stories([40] * 20, seed=1)]
    return TokenNGrams.fit(training, VOCABULARY, 0)


def test_a_model_that_is_the_ngram_gains_nothing_on_it(ngrams):
    stories = random_stories([12, 30, 5, 21], seed=2)
    rungs = Rungs.measure(stories, ngrams, VOCABULARY)
    model = StandIn(lambda history: np.log(ngrams.model.distributions([history], 2)[0]), context=40)
    columns = ladder(model, stories, rungs).columns
    np.testing.assert_allclose(columns["gain2"], 0, atol=1e-9)
    np.testing.assert_allclose(columns["kl2"], 0, atol=1e-5)
    sizes = np.array([story.size for story in stories])
    nats = -np.array(
        [values.sum() for values in ngrams.log_probabilities([s.tokens[:-1].tolist() for s in stories], 3)]
    )
    np.testing.assert_allclose(columns["gain3"], nats / sizes - columns["nats_per_byte"])
    assert (columns["kl1"] > 0.01).all()


def test_stories_without_sampled_positions_have_no_divergence(ngrams, monkeypatch):
    monkeypatch.setattr("fabula.study.scoring.ladder.SAMPLE_POSITIONS", 10)
    stories = random_stories([12, 30, 25, 21], seed=2)
    columns = ladder(StandIn(bigram()), stories, Rungs.measure(stories, ngrams, VOCABULARY, orders=(2,))).columns
    assert np.isnan(columns["kl2"]).sum() == 3
    assert sorted(columns) == ["gain2", "kl2", "nats_per_byte", "nats_per_token", "tokens", "weight"]


def test_the_sample_is_decided_by_the_seed_and_inside_the_stories():
    stories = random_stories([12, 30, 5, 21], seed=2)
    sample = sample_positions(stories, 30, 1)
    assert sample == sample_positions(stories, 30, 1) != sample_positions(stories, 30, 2)
    assert len(set(sample)) == len(sample)
    assert all(0 <= target < len(stories[story].tokens) for story, target in sample)
