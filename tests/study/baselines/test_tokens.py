"""Token n-grams speak the tokens of a model."""

import numpy as np
import pytest

from fabula.study.baselines.tokens import TokenNGrams
from tests.study.baselines.texts import made_stories
from tests.tiny import tiny_tokenizer


def test_losses_and_distributions_agree_on_every_token_and_the_end() -> None:
    tokenizer = tiny_tokenizer()
    ngrams = TokenNGrams.fit_texts(made_stories(60), tokenizer, 300, 0)
    story = tokenizer.encode(made_stories(1, seed=4)[0], add_special_tokens=False).ids
    for order in (1, 3, 5):
        values = ngrams.log_probabilities([story], order)[0]
        rows = ngrams.distributions(story, order)
        assert values.shape == (len(story) + 1,)
        assert rows.shape == (len(story) + 1, 300)
        np.testing.assert_allclose(rows.sum(1), 1)
        np.testing.assert_allclose(np.log(rows[np.arange(len(story) + 1), [*story, 0]]), values)


def test_texts_and_tokens_are_two_ways_to_the_same_model() -> None:
    tokenizer, texts = tiny_tokenizer(), made_stories(20)
    tokens = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    one, two = TokenNGrams.fit_texts(texts, tokenizer, 300, 0), TokenNGrams.fit(tokens, 300, 0)
    assert one.log_probabilities(tokens[:1], 5)[0].tolist() == two.log_probabilities(tokens[:1], 5)[0].tolist()
    stored = TokenNGrams.fit([np.array(ids, np.uint16) for ids in tokens], 300, 0)
    assert one.log_probabilities([np.array(tokens[0], np.uint16)], 5)[0].sum() == pytest.approx(
        stored.log_probabilities(tokens[:1], 5)[0].sum()
    )
