"""Best of n: whole stories before broken ones, then the likeliest."""

import math

import pytest

from fabula.errors import UserError
from fabula.generation.backend import Drawn
from fabula.generation.sampling import Sampling
from fabula.generation.storyteller import Storyteller, Telling
from fabula.generation.writing.best import best_of, rank, repeated_wording, repeats_a_sentence
from tests.generation.backends import PlainBackend, constant
from tests.tiny import tiny_tokenizer

VOCABULARY = tiny_tokenizer().get_vocab_size()
LOOP = " The cat sat. Then the cat saw the bird." + " The cat sat. Then the cat saw the bird." * 5


def telling(text, log_probability, tokens=10, stop_reason="end-of-text", seed=0):
    drawn = (Drawn(1),) * tokens
    return Telling("Once", text, tokens, stop_reason, seed, 1.0, float(tokens), log_probability, drawn)


def texts(ranked):
    return [story.telling.text for story in ranked.stories]


def test_the_likelier_story_for_each_token_comes_first():
    short = telling(" upon a time.", -12, tokens=4)
    long = telling(" upon a time there was a cat who sat on a mat.", -20, tokens=12)
    assert texts(rank([short, long])) == [long.text, short.text]
    assert rank([short, long]).best is long
    assert [story.score for story in rank([short, long]).stories] == [pytest.approx(-20 / 12), -3.0]


def test_a_story_that_repeats_itself_comes_last_however_likely():
    looping, whole = telling(LOOP, -1), telling(" upon a time.", -50)
    ranked = rank([looping, whole])
    assert texts(ranked) == [whole.text, looping.text]
    assert ranked.stories[1].faults == ("repeats-itself", "repeats-a-sentence")
    assert ranked.stories[1].repeated > 0.5
    assert ranked.stories[0].faults == ()


def test_a_story_that_does_not_end_comes_after_one_that_does():
    cut, whole = telling(" upon a", -1, stop_reason="max-new-tokens"), telling(" upon a time.", -50)
    stopped = telling(" upon a clock", -60, stop_reason="stop-text")
    assert texts(rank([cut, whole, stopped])) == [whole.text, stopped.text, cut.text]


def test_equally_good_stories_stay_in_their_order():
    assert [story.telling.seed for story in rank([telling(" x", -1, seed=seed) for seed in (4, 2, 9)]).stories] == [
        4,
        2,
        9,
    ]


@pytest.mark.parametrize(
    ("text", "share"),
    [("", 0), ("one two three", 0), ("a b c d", 0), ("a b c d A, B! c? d.", 1 / 5), ("ha ha ha ha ha ha", 2 / 3)],
)
def test_repeated_wording_is_counted_in_sequences_of_four_words(text, share):
    assert repeated_wording(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("The cat sat down. The dog sat down.", False),
        ("The cat sat down. Oh! the cat sat down!", True),
        ("“The cat sat down.” Tom said. The cat, sat down", True),
        ("Yes, please! Yes, please! Yes, please!", False),
        ("the cat sat down\nthe cat sat down", True),
    ],
)
def test_a_sentence_of_four_words_may_not_come_twice(text, repeats):
    assert repeats_a_sentence(text) is repeats


def test_all_stories_are_told_and_scored():
    teller = Storyteller(PlainBackend(VOCABULARY, 64), tiny_tokenizer(), (0,))
    ranked = best_of(teller, "Once", 5, Sampling(max_new_tokens=12), seed=3)
    assert sorted(story.telling.seed for story in ranked.stories) == [3, 4, 5, 6, 7]
    for story in ranked.stories:
        log_probabilities = [one.log_probability for one in story.telling.drawn]
        assert story.score == pytest.approx(math.fsum(log_probabilities) / len(log_probabilities))
    (alone,) = teller.generate("Once", max_new_tokens=12, seed=ranked.best.seed)
    assert ranked.best.text == alone.text


def test_one_story_without_chance_cannot_be_several():
    teller = Storyteller(PlainBackend(VOCABULARY, 64, constant(VOCABULARY, t5=9)), tiny_tokenizer(), (0,))
    with pytest.raises(UserError, match="temperature = 0: all 3"):
        best_of(teller, "Once", 3, temperature=0)
    assert best_of(teller, "Once", 1, temperature=0, max_new_tokens=4).best.tokens == 4
    with pytest.raises(UserError, match="n = 0"):
        best_of(teller, "Once", 0)
