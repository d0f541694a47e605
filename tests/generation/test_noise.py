"""The noise is exponential, and independent across seeds, indexes and tokens. Seeds are fixed: tests pass for good."""

import functools
import math

import numpy as np
import pytest
from scipy import stats

from fabula.generation.noise import exponential, key

MANY = 100_000


def across_tokens(index: int) -> np.ndarray:
    return exponential(12, index, np.arange(MANY))


def across_indexes(token: int) -> np.ndarray:
    return _of_indexes()[:, token]


def across_seeds(token: int) -> np.ndarray:
    return _of_seeds()[:, token]


@functools.cache
def _of_indexes() -> np.ndarray:
    return np.stack([exponential(12, index, np.arange(2)) for index in range(MANY)])


@functools.cache
def _of_seeds() -> np.ndarray:
    return np.stack([exponential(seed, 1, np.arange(2)) for seed in range(MANY)])


WAYS = pytest.mark.parametrize("way", [across_tokens, across_indexes, across_seeds])


def independent(first: np.ndarray, second: np.ndarray) -> None:
    """Chi-square of a 16 x 16 table of the two, cut where each cell is as probable as any other."""
    cells = (np.floor(16 * -np.expm1(-first)) * 16 + np.floor(16 * -np.expm1(-second))).astype(int)
    assert stats.chisquare(np.bincount(cells, minlength=256)).pvalue > 1e-3


@WAYS
def test_the_noise_is_exponential(way):
    assert stats.kstest(way(0), "expon").pvalue > 1e-3


@WAYS
def test_neighbours_are_independent(way):
    found = way(0)
    for distance in (1, 2, 3, 64, 2048):
        independent(found[:-distance], found[distance:])


@WAYS
def test_what_lies_beside_is_independent(way):
    independent(way(0), way(1))


def test_a_place_and_its_mirror_image_are_independent():
    """Seed 3 at index 5 is not seed 5 at index 3."""
    token = np.array([4])
    places = [(seed, index) for seed in range(160) for index in range(seed)]
    one, other = (np.concatenate([exponential(*(place[::way]), token) for place in places]) for way in (1, -1))
    independent(one, other)


def test_no_two_of_many_draws_have_the_same_key():
    keys = {key(seed, index) for seed in range(500) for index in range(500)}
    assert len(keys) == 250_000


def test_the_numbers_never_change():
    """Stories of a seed must stay the same in every version; another noise needs another way to ask for it."""
    assert key(2**62, 511) == (1252360495, 3239659404)
    expected = [0.6455682023471849, 2.2665383087645967, 1.3954386910141392]
    np.testing.assert_allclose(exponential(2**62, 511, np.array([0, 1, 50_256])), expected, rtol=1e-13)


def test_the_usual_first_draw_has_noise_like_any_other():
    """Seed 0, index 0, token 0: the default seed's first draw, whether a story begins with its end."""
    assert exponential(0, 0, np.array([0])) > 1e-3


def test_the_noise_is_positive_and_finite():
    """At both ends of the hash, which no token need reach."""
    least, most = (-math.log1p(-(x + 0.5) * 2.0**-32) for x in (0, 2**32 - 1))
    assert 0 < least < most < 25
    found = exponential(1, 2, np.arange(3_000_000))
    assert least <= found.min() < 1e-5
    assert 13 < found.max() <= most
