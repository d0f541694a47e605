"""Required words: they come, they count as whole words, and nothing else is told for them than what chance allows."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabula.errors import UserError
from fabula.generation.sampling import Sampling
from fabula.generation.storyteller import Storyteller
from fabula.generation.writing.words import LEAST, PACE, RISE, Word, WordSteer, spelled_words, with_words
from tests.generation.backends import PlainBackend, constant
from tests.tiny import tiny_tokenizer

TOKENIZER = tiny_tokenizer(400)
VOCABULARY = TOKENIZER.get_vocab_size()
WORDS = ["cat", "sunshine", "key"]
SAMPLING = Sampling(max_new_tokens=300)


@functools.cache
def after(token):
    return (np.random.default_rng(token).standard_normal(VOCABULARY) * 2).astype(np.float32)


def storyteller(context=512, rule=lambda tokens: after(tokens[-1])):
    return Storyteller(PlainBackend(VOCABULARY, context, rule), TOKENIZER, (0,))


def word(text, tokens=(1,), rest=(0.0,)):
    return Word(text, tokens, rest)


def tokens_of(text):
    return np.array(TOKENIZER.encode(text, add_special_tokens=False).ids, np.int32)


def steer_for(words, sampling=SAMPLING, prompt="Once"):
    teller = storyteller()
    tokens = teller.encode(prompt)
    required = spelled_words(teller, tokens, words, sampling)
    return required, WordSteer(teller, tokens, required, sampling)


def test_the_words_come():
    teller = storyteller()
    worded = with_words(teller, "Once", WORDS, SAMPLING, attempts=12)
    assert sorted(one.telling.seed for one in worded) == list(range(12))
    whole = [one for one in worded if not one.missing]
    assert len(whole) >= 11
    for one in whole:
        assert set(one.surprise) == set(WORDS)
        assert all(word(text).pattern.search(one.telling.text) for text in WORDS)
    assert all(one.telling.stop_reason != "end-of-text" for one in worded if one.missing)
    free = teller.generate("Once", SAMPLING, n=12)
    assert not any(all(word(text).pattern.search(telling.text) for text in WORDS) for telling in free)


def test_the_stories_are_ranked():
    worded = with_words(storyteller(), "Once", WORDS, Sampling(max_new_tokens=60), attempts=12)
    keys = [(len(one.missing), len(one.story.faults), one.mean_surprise) for one in worded]
    assert keys == sorted(keys)
    assert len({len(one.missing) for one in worded}) > 1


def test_a_word_surprises_as_much_as_its_tokens():
    (worded,) = with_words(storyteller(), "Once", ["sunshine"], SAMPLING, attempts=1)
    tokens = [one.token for one in worded.telling.drawn]
    ends = [len(TOKENIZER.decode(tokens[:count])) for count in range(len(tokens) + 1)]
    found = word("sunshine").pattern.search(TOKENIZER.decode(tokens))
    inside = [ends[place] < found.end() and ends[place + 1] > found.start() for place in range(len(tokens))]
    expected = -sum(one.log_probability for one, is_word in zip(worded.telling.drawn, inside, strict=True) if is_word)
    assert worded.surprise == {"sunshine": pytest.approx(expected)}


@pytest.mark.parametrize(
    ("text", "said", "counts"),
    [
        ("key", "A key.", True),
        ("key", "Keys!", True),
        ("key", "the key's end", True),
        ("key", "a keyboard", False),
        ("key", "monkey", False),
        ("key", "keyed", False),
        ("box", "boxes", True),
        ("car", "cares", False),
        ("carry", "he carries", True),
        ("boy", "boys and boies", True),
        ("boy", "boies", False),
        ("run", "ran, running", False),
        ("Lily", "lily", True),
        ("ice cream", "Ice\ncreams", True),
        ("ice cream", "ice and cream", False),
        ("naïve", "so naïve", True),
        ("a.b", "a.b", True),
        ("a.b", "axb", False),
    ],
)
def test_what_counts_as_a_word(text, said, counts):
    assert bool(word(text).pattern.search(said)) is counts


def test_a_prompt_has_its_words_already():
    (worded,) = with_words(storyteller(), "The cat sat.", ["cat"], Sampling(max_new_tokens=9), attempts=1)
    assert (worded.missing, worded.surprise, worded.mean_surprise) == ((), {}, 0.0)
    (alone,) = storyteller().generate("The cat sat.", max_new_tokens=9)
    assert worded.telling.text == alone.text


def test_the_pull_grows_while_a_word_is_waited_for_and_ends_when_it_has_come():
    (cat,), steer = steer_for(["cat"])
    assert len(cat.tokens) == 1
    filler = tokens_of(" on" * 200)
    pulls = [steer(filler[:count])[cat.tokens[0]] for count in range(0, 2 * PACE)]
    assert pulls[0] == pytest.approx(LEAST)
    assert pulls[PACE // 2] == pytest.approx(LEAST + RISE / 2)
    assert pulls == sorted(pulls)
    assert steer(filler)[cat.tokens[0]] == pytest.approx(LEAST + RISE * len(filler) / PACE)
    assert steer(filler)[0] == -math.inf
    assert steer(tokens_of(" the cat on")) == {}


def test_a_word_that_comes_early_leaves_the_others_time():
    (cat, bird), steer = steer_for(["cat", "bird"])
    before = steer(tokens_of(" on the"))
    assert before[cat.tokens[0]] > LEAST
    early = steer(tokens_of(" the cat"))
    assert early[bird.tokens[0]] < LEAST - RISE / 2
    assert cat.tokens[0] not in early


def test_with_little_room_the_words_are_wanted_sooner():
    (cat,), steer = steer_for(["cat"], Sampling(max_new_tokens=20))
    assert steer(tokens_of(" on" * 10))[cat.tokens[0]] == pytest.approx(LEAST + RISE)


def test_a_word_that_was_begun_is_finished_before_another_begins():
    (sunshine, cat), steer = steer_for(["sunshine", "cat"])
    assert len(sunshine.tokens) > 1
    begun = np.array(sunshine.tokens[:1], np.int32)
    assert set(steer(begun)) == {0, sunshine.tokens[1]}
    assert cat.tokens[0] in steer(np.array([], np.int32))


def test_a_first_token_is_raised_by_no_more_than_the_whole_word_deserves():
    """After the bias a model that told the truth about the rest would begin the word e^pull times as often."""
    (sunshine,), steer = steer_for(["sunshine"])
    raised = steer(np.array([], np.int32))[sunshine.tokens[0]]
    rest = math.exp(sunshine.rest[0])
    assert sunshine.rest[-1] == 0
    assert raised == pytest.approx(math.log(1 + (math.exp(LEAST) - 1) * rest))
    assert raised < LEAST


def test_the_rest_of_a_word_is_what_the_model_says():
    teller = storyteller()
    tokens = teller.encode("Once")
    (sunshine,) = spelled_words(teller, tokens, ["sunshine"], SAMPLING)
    expected = 0.0
    for count in range(len(sunshine.tokens) - 1, 0, -1):
        logits = teller.backend.rule([*tokens, *sunshine.tokens[:count]]).astype(np.float64)
        expected += logits[sunshine.tokens[count]] - np.log(np.exp(logits).sum())
        assert sunshine.rest[count - 1] == pytest.approx(expected)
    assert not teller.backend.slots, "the slot must be given back"


def test_a_long_prompt_leaves_room_to_look_words_up():
    teller = storyteller(context=40)
    prompt = " on" * 30
    assert len(teller.encode(prompt)) == 31
    (worded,) = with_words(teller, prompt, ["sunshine"], attempts=1)
    assert worded.telling.tokens <= 10
    with pytest.raises(UserError, match="they alone take"):
        with_words(teller, " on" * 38, ["sunshine"], attempts=1)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "at least one word"),
        ([" ", ""], "at least one word"),
        (["!!"], "'!!' is no word"),
        (["key!"], "'key!' is no word"),
        (["k\ud800y"], "not Unicode"),
        (["abcdefghij" * 40], "they alone take"),
    ],
)
def test_words_that_nobody_can_use(words, reason):
    with pytest.raises(UserError, match=reason):
        with_words(storyteller(), "Once", words, SAMPLING)


def test_a_word_that_the_tokenizer_loses():
    teller = storyteller()
    teller.backend.vocab_size = 60
    with pytest.raises(UserError, match="can't spell 'ß'"):
        with_words(teller, "!", ["ß"], SAMPLING)


def test_the_same_word_twice_is_one():
    assert [one.text for one in steer_for(["cat", "Bird", "bird", " cat "])[0]] == ["cat", "Bird"]


def test_attempts_without_chance_are_one():
    with pytest.raises(UserError, match="temperature = 0"):
        with_words(storyteller(), "Once", ["cat"], temperature=0, attempts=2)
    with pytest.raises(UserError, match="n = 0"):
        with_words(storyteller(), "Once", ["cat"], attempts=0)


@given(st.lists(st.integers(1, VOCABULARY - 1), max_size=60))
def test_a_steer_depends_on_the_tokens_alone(tokens):
    _, steer = STEER
    array = np.array(tokens, np.int32)
    first = steer(array)
    steer(np.array([5, 6, 7], np.int32))
    assert steer(array.copy()) == first
    assert all(0 <= value <= LEAST + RISE * len(tokens) / PACE for token, value in first.items() if token != 0)


STEER = steer_for(WORDS)


def test_a_model_that_only_wants_to_end_is_kept_from_it():
    teller = storyteller(rule=constant(VOCABULARY, t0=30.0))
    (worded,) = with_words(teller, "Once", ["cat"], SAMPLING, attempts=1)
    assert not worded.missing
    assert worded.telling.stop_reason == "end-of-text"
