"""Sentences, words, grade and theme of a story."""

import math

import pytest

from fabula.study.generations import form
from fabula.study.generations.reading import Reading, sentiment, syllables
from fabula.study.generations.telling import Story


def reading(text: str, prompt: str = "", ended: bool = True) -> Reading:
    return Reading(Story(prompt, text, "sampled", 0, 1, "end-of-text" if ended else "max-new-tokens"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The kite flew. It was red!", 1.0),
        ('"Where is it?" asked Nora. It was gone.', 1.0),
        ("the kite flew. It was red!", 0.5),
        ("The kite flew. It was red", 0.5),
        ("", math.nan),
    ],
)
def test_the_form_of_sentences(text, expected):
    assert form.sentence_form(reading(text)) == pytest.approx(expected, nan_ok=True)


def test_a_sentence_that_the_limit_cut_off_does_not_count():
    cut = reading("The kite flew. It was", ended=False)
    assert cut.sentences == ["The kite flew."]
    assert form.sentence_form(cut) == 1
    assert math.isnan(form.ends_in_form(cut))
    assert form.ends_in_form(reading("The kite flew. It was")) == 0
    assert form.ends_in_form(reading('"It flew."\n')) == 1


def test_words_the_lexicon_does_not_have():
    lexicon = {"nora", "kite", "flew", "the"}
    assert form.unknown_words(reading("Nora's kite flew the grumbelow 7."), lexicon) == pytest.approx(1 / 5)
    assert math.isnan(form.unknown_words(reading("7!"), lexicon))


def test_lengths_of_sentences():
    assert form.sentence_lengths(reading('"Where is it?" asked Nora. ... It was gone!')) == [5, 3]


def test_the_grade_follows_its_formula():
    text = "The kite flew over a mountain. Nora ran."
    words, counted = 8, sum(map(syllables, ["the", "kite", "flew", "over", "a", "mountain", "nora", "ran"]))
    assert form.story_grade(reading(text)) == pytest.approx(0.39 * words / 2 + 11.8 * counted / words - 15.59)
    assert math.isnan(form.story_grade(reading("...")))
    assert (syllables("kite"), syllables("mountain")) == (1, 2)


def test_moods_have_a_sign():
    assert sentiment("She was happy and loved it.") > 0.3 > -0.3 > sentiment("He was sad and hated it.")


def test_the_theme_comes_back():
    common = {"the", "a"}
    assert form.recurrence(["the", "kite", "flew", "a", "kite", "fell"], common) == 1 / 2
    assert math.isnan(form.recurrence(["kite", "the"], common))
