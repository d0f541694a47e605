"""Repetition, from none to nothing else."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabula.study.generations.repetition import Loop, longest_loop, repeated_ngrams, repeated_sentences

WORDS = st.lists(st.sampled_from("abcd"), max_size=60)


@pytest.mark.parametrize(
    ("words", "expected"), [("a b c d e f", 0), ("a a a a a a a", 3 / 4), ("a b c d a b c d", 1 / 5), ("a b c", None)]
)
def test_repeated_ngrams(words, expected):
    found = repeated_ngrams(words.split(), 4)
    assert found == pytest.approx(expected) if expected is not None else found != found


@pytest.mark.parametrize(
    ("words", "loop"),
    [
        ("a b c d", None),
        ("a b b c", Loop(1, 3, 1)),
        ("x a b c a b c a b y", Loop(1, 9, 3)),
        ("x x y a b c d a b c d", Loop(3, 11, 4)),
        ("", None),
    ],
)
def test_the_longest_loop(words, loop):
    assert longest_loop(words.split()) == loop


@given(WORDS)
def test_a_loop_is_its_unit_again_and_again(words):
    loop = longest_loop(words)
    if loop is None:
        assert all(first != second for first, second in itertools.pairwise(words))
        return
    assert loop.stop - loop.start >= 2 * loop.period
    inside = words[loop.start : loop.stop]
    assert all(inside[place] == inside[place % loop.period] for place in range(len(inside)))


@given(WORDS, st.integers(2, 5))
def test_a_text_told_several_times_is_all_loop(words, times):
    loop = longest_loop(words * times)
    if words:
        assert loop is not None
        assert (loop.start, loop.stop) == (0, len(words) * times)


def test_sentences_told_twice():
    long, other, short = ["the", "kite", "flew", "away"], ["the", "drum", "was", "red"], ["yes"]
    assert repeated_sentences([long, short, other, short, long, long]) == [4, 5]
