"""Variety and spread of groups of stories."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabula.study.generations.sets import DISTINCT_WORDS, distance, distinct_ngrams, self_bleu, zipf_slope

TEXTS = st.lists(st.lists(st.sampled_from("abcde"), min_size=4, max_size=20), min_size=2, max_size=6)


def plain_bleu(candidate, references):
    """BLEU-4 word for word from Papineni et al. (2002)."""
    precisions = []
    for n in range(1, 5):
        grams = [tuple(candidate[i : i + n]) for i in range(len(candidate) - n + 1)]
        others = [[tuple(r[i : i + n]) for i in range(len(r) - n + 1)] for r in references]
        hits = sum(min(grams.count(g), max(o.count(g) for o in others)) for g in set(grams))
        precisions.append(hits / len(grams))
    nearest = min((len(r) for r in references), key=lambda length: abs(length - len(candidate)))
    penalty = min(1.0, math.exp(1 - nearest / len(candidate)))
    return penalty * math.prod(precisions) ** 0.25


@given(TEXTS)
def test_self_bleu_is_the_mean_bleu_against_the_others(texts):
    expected = np.mean([plain_bleu(text, texts[:i] + texts[i + 1 :]) for i, text in enumerate(texts)])
    # Two references as near in length may be chosen either way: the penalty takes the first, as here.
    assert self_bleu(texts) == pytest.approx(expected)


def test_the_same_text_again_has_bleu_one():
    assert self_bleu([list("abcdef")] * 3) == pytest.approx(1)
    assert self_bleu([list("abcdef"), list("uvwxyz")]) == 0
    assert math.isnan(self_bleu([list("abcdef"), list("ab")]))


def test_distinct_ngrams_at_a_fixed_length():
    different = [str(number) for number in range(DISTINCT_WORDS)]
    assert distinct_ngrams(different, 4) == 1
    assert distinct_ngrams(different + different, 4) == 1
    assert distinct_ngrams(["a"] * DISTINCT_WORDS, 2) == pytest.approx(1 / (DISTINCT_WORDS - 1))
    assert math.isnan(distinct_ngrams(different[:-1], 2))


def test_the_slope_of_zipfs_law():
    words = [str(rank) for rank in range(1, 101) for _ in range(10_000 // rank)]
    assert zipf_slope(words) == pytest.approx(-1, abs=0.02)
    assert math.isnan(zipf_slope(["a", "b"]))


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20), st.floats(-3, 3))
def test_a_shift_is_its_own_distance(values, shift):
    held_out = np.sort(np.array(values))
    assert distance([value + shift for value in values], held_out) == pytest.approx(abs(shift), abs=1e-9)


def test_a_distance_of_nothing_is_no_number():
    assert math.isnan(distance([], np.array([1.0])))
    assert math.isnan(distance([math.nan], np.array([1.0])))
    assert distance([math.nan, 2.0], np.array([1.0])) == 1
