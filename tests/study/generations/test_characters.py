"""Who comes, who stays, and 'he' or 'she'."""

import math

import pytest

from fabula.study.generations.characters import late_names, mentions, name_persistence, pronouns

OPENING = "Nora had a kite. Nora flew it over the hill all day long. The wind was strong and the sky was blue. "


def late(cast, text):
    return [mention.name for mention in late_names(text, mentions(cast, text))]


@pytest.mark.parametrize(
    ("ending", "strangers"),
    [
        ("Then Otto took the kite home with him in the evening.", ["Otto"]),
        ("Then a boy named Otto took the kite home in the evening.", []),
        ("Then her friend Otto took the kite home in the evening.", []),
        ("Then Otto, the baker, took the kite home in the evening.", []),
        ("Then Nora and Otto took the kite home in the evening.", []),
        ('Then somebody said, "I am Otto," and took the kite home.', []),
        ("Then Otto and Hugo took the kite home in the evening.", ["Otto", "Hugo"]),
        ("Then Nora took the kite home in the evening.", []),
    ],
)
def test_a_late_name_needs_a_word_about_who_it_is(cast, ending, strangers):
    assert late(cast, OPENING + ending) == strangers


def test_a_name_at_the_beginning_is_a_character(cast):
    assert late(cast, "Otto ran. " + OPENING) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nora sang. " + "They walked on. " * 10 + "Nora slept.", 1.0),
        ("Nora sang. " + "They walked on. " * 10 + "Otto slept.", 0.0),
        ("Nora and Otto sang. " + "They walked on. " * 10 + "Otto slept.", 0.5),
        ("She sang. " + "They walked on. " * 10 + "Otto slept.", math.nan),
    ],
)
def test_characters_stay(cast, text, expected):
    assert name_persistence(text, mentions(cast, text)) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("Nora ran. She was fast. Her kite flew.", [True, True]),
        ("Nora ran. He was fast. She won.", [False, True]),
        ("Nora ran. She met a boy. He was fast.", [True]),
        ("Nora met Otto. He was fast.", []),
        ("She ran. Otto slept. He snored.", [True]),
        ("A kite flew. It was red.", []),
    ],
)
def test_only_pronouns_that_nobody_else_can_have_are_judged(cast, text, matches):
    found = pronouns(text, mentions(cast, text), cast)
    assert [pronoun.matches for pronoun in found] == matches
    assert all(text[p.start : p.stop].lower() in ("he", "she", "her") for p in found)
