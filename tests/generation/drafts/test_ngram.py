from collections import Counter

import numpy as np
import pytest

from fabula.generation.drafts.corpus import CorpusStatistics
from fabula.generation.drafts.ngram import SHARPER, NgramDraft, drawn
from fabula.generation.noise import exponential
from fabula.generation.sampling import Sampling
from tests.tiny import tiny_tokenizer

GREEDY = Sampling(temperature=0)
TOKENIZER = tiny_tokenizer()


def letters(text: str) -> list[int]:
    return [TOKENIZER.token_to_id(letter) for letter in text]


def draft(corpus: CorpusStatistics | None = None, least: float = 0.0) -> NgramDraft:
    made = NgramDraft(corpus)
    made.least = least
    return made


def test_what_followed_in_the_story_is_guessed_again() -> None:
    ngram = draft()
    ngram.open(7, [1, 2, 3, 4, 9, 1], GREEDY, 0)
    assert ngram.guess([7], [3]) == [[2, 3, 4]]
    ngram.accept(7, [2, 3, 5, 1, 2])
    assert ngram.guess([7], [2]) == [[3, 5]]


def test_the_longest_context_counts_before_the_latest() -> None:
    ngram = draft()
    ngram.open(0, [1, 2, 3, 8, 2, 4, 1, 2], GREEDY, 0)
    assert ngram.guess([0], [1]) == [[3]]


def test_stories_are_told_apart_and_forgotten() -> None:
    ngram = draft()
    ngram.open(1, [1, 2, 1], GREEDY, 0)
    ngram.open(2, [1, 3, 1], GREEDY, 0)
    assert ngram.guess([2, 1], [1, 1]) == [[3], [2]]
    ngram.close(1)
    ngram.open(1, [1], GREEDY, 0)
    assert ngram.guess([1], [4]) == [[]]


def test_no_more_is_guessed_than_asked_for() -> None:
    ngram = draft()
    ngram.open(0, [1, 1, 1, 1], GREEDY, 0)
    for most in (0, 1, 5):
        assert ngram.guess([0], [most]) == [[1] * most]


def test_improbable_guesses_are_left_out() -> None:
    corpus = CorpusStatistics.from_stories(["ab"] * 12 + ["ac"] * 8, TOKENIZER, 0)
    ngram = draft(corpus)
    ngram.open(0, letters("a"), GREEDY, 0)
    for least, expected in ((0.5, [*letters("b"), 0]), (0.61, [])):
        ngram.least = least
        assert ngram.guess([0], [5]) == [expected]


def test_a_corpus_is_used_and_nothing_follows_the_end_of_text() -> None:
    corpus = CorpusStatistics.from_stories(["abcd"] * 9, TOKENIZER, 0)
    ngram = draft(corpus)
    ngram.open(0, [0, *letters("ab")], GREEDY, 0)
    assert ngram.guess([0], [8]) == [[*letters("cd"), 0]]


def test_the_story_weighs_more_the_longer_the_context_found_in_it() -> None:
    corpus = CorpusStatistics.from_stories(["abd"] * 5 + ["abc"] * 6, TOKENIZER, 0)
    ngram = draft(corpus)
    ngram.open(0, letters("xbdyxb"), GREEDY, 0)
    assert ngram.guess([0], [1]) == [letters("d")]
    ngram.open(1, letters("dyyxb"), GREEDY, 0)
    assert ngram.guess([1], [1]) == [letters("c")]


def test_a_guess_is_what_the_noise_would_draw() -> None:
    tokens = np.array([3, 70_000, 12, 5])
    probabilities = np.array([0.4, 0.3, 0.2, 0.05])
    sampling = Sampling(temperature=0.8)
    for index in range(300):
        arrivals = exponential(5, index, tokens) / probabilities ** (SHARPER / 0.8)
        expected = tokens[arrivals.argmin()]
        assert drawn(dict(zip(tokens.tolist(), probabilities, strict=True)), sampling, 5, index) == expected


def test_guesses_follow_the_probabilities() -> None:
    probabilities = {1: 0.7, 2: 0.3}
    sampling = Sampling(temperature=SHARPER)
    found = Counter(drawn(probabilities, sampling, seed, 0) for seed in range(4000))
    assert found[1] / 4000 == pytest.approx(0.7, abs=0.03)  # four standard errors


def test_seed_and_index_decide_a_guess() -> None:
    """A story's later guesses use the noise of their own places, whether it came there by guesses or by draws."""
    corpus = CorpusStatistics.from_stories(["ab", "ac", "ad"] * 9, TOKENIZER, 0)
    sampling = Sampling(temperature=1.2)
    first, ahead = [], []
    for seed in range(40):
        ngram = draft(corpus)
        ngram.open(0, letters("x"), sampling, seed)
        ngram.accept(0, letters("xa"))
        first += ngram.guess([0], [1])
        ngram.open(1, letters("xx"), sampling, seed)
        ngram.accept(1, letters("a"))
        ahead += ngram.guess([1], [1])
    assert {token for guess in first for token in guess} == set(letters("bcd"))
    assert first != ahead
