"""Isotonic regression of many curves at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabula.study.statistics.monotone import explained_by, isotonic, levels


def pooled(values):
    """Pool adjacent violators, as the textbook has it."""
    blocks = []
    for value in values:
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (left, n), (right, m) = blocks[-2:]
            blocks[-2:] = [[(left * n + right * m) / (n + m), n + m]]
    return [mean for mean, count in blocks for _ in range(count)]


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20))
def test_it_pools_adjacent_violators(values):
    assert isotonic(np.array([values]))[0] == pytest.approx(pooled(values), abs=1e-9)


def test_rows_are_fitted_on_their_own():
    random = np.random.default_rng(0)
    rows = random.standard_normal((7, 12))
    assert isotonic(rows) == pytest.approx(np.array([pooled(row) for row in rows]))


def test_levels_are_parameters():
    assert levels(isotonic(np.array([[3.0, 2.0, 1.0]]))[0]) == 1
    assert levels(np.array([0.0, 0.0, 1.0, 2.0])) == 3


def test_a_function_of_the_loss_is_explained_by_it():
    random = np.random.default_rng(0)
    loss = random.random(40) * 3
    assert explained_by(loss, np.exp(-loss)) == pytest.approx(1)
    assert explained_by(loss, loss**3) == pytest.approx(1)
    assert explained_by(loss, random.standard_normal(40)) < 0.6
    assert explained_by(loss, np.ones(40)) is None
    assert explained_by(loss[:3], loss[:3]) is None


def test_runs_with_the_same_loss_and_other_skills_are_not_explained():
    loss = np.tile(np.linspace(3, 1, 10), 2)
    skill = np.concatenate((np.linspace(0.5, 0.9, 10), np.full(10, 0.5)))
    mine = np.arange(20) < 10
    assert explained_by(loss[mine], skill[mine]) == pytest.approx(1)
    assert explained_by(loss, skill, mine) < 0.8
