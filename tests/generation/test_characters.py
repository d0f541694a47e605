"""Text comes a whole character at a time and adds up to the whole text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models

from fabula.generation.characters import Characters
from tests.tiny import STORIES, tiny_tokenizer

TOKENIZER = tiny_tokenizer()
OTHER = tiny_tokenizer()
OTHER.decoder = decoders.Sequence([decoders.ByteLevel()])
"""The same vocabulary, of which nobody knows that it is byte-level."""
BOTH = pytest.mark.parametrize("tokenizer", [TOKENIZER, OTHER], ids=["byte-level", "any"])


def stream(tokens, prompt=(), tokenizer=TOKENIZER):
    characters = Characters(tokenizer).begin(prompt)
    return [characters.push(token) for token in tokens], characters.finish()


def encode(text):
    return TOKENIZER.encode(text, add_special_tokens=False).ids


@BOTH
@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_pieces_add_up_to_the_text(tokenizer, prompt, text):
    pieces, rest = stream(encode(text), encode(prompt), tokenizer=tokenizer)
    assert "".join(pieces) + rest in (text, text.rstrip("\ufffd"))


@BOTH
def test_a_character_of_several_tokens_comes_when_it_is_complete(tokenizer):
    tokens = encode("🎻")
    assert len(tokens) > 2
    assert stream(tokens, tokenizer=tokenizer) == (["" for _ in tokens[1:]] + ["🎻"], "")


@BOTH
def test_a_character_whose_end_never_comes_is_left_out(tokenizer):
    pieces, rest = stream(encode("a🎻")[:-1], tokenizer=tokenizer)
    assert "".join(pieces) + rest == "a"


@BOTH
def test_bytes_that_are_no_character_do_not_hold_up_what_follows(tokenizer):
    pieces, rest = stream([*encode("🎻")[:-1], *encode("abc 🎻")], tokenizer=tokenizer)
    assert "".join(pieces) + rest == "\ufffdabc 🎻"


@BOTH
@settings(deadline=None)
@given(st.lists(st.integers(1, TOKENIZER.get_vocab_size() - 1), max_size=40))
def test_any_tokens_give_the_text_that_decoding_them_at_once_gives(tokenizer, tokens):
    pieces, rest = stream(tokens, encode(STORIES[0]), tokenizer=tokenizer)
    whole = TOKENIZER.decode(tokens)
    assert "".join(pieces) + rest in (whole, whole.rstrip("\ufffd"))


@BOTH
def test_end_of_text_inside_is_not_shown(tokenizer):
    pieces, rest = stream([*encode("one"), 0, *encode(" two")], tokenizer=tokenizer)
    assert "".join(pieces) + rest == "one two"


@settings(deadline=None)
@given(st.lists(st.integers(0, TOKENIZER.get_vocab_size() + 3), max_size=40), st.integers(0, 40))
def test_a_text_that_begins_within_a_character_goes_on_with_it(tokens, cut):
    """A prompt may end within a character: then its text and the story's add up to what both are."""
    prompt, tokens = tokens[:cut], tokens[cut:]
    before, held = stream(prompt)
    after, rest = stream(tokens, prompt)
    whole = TOKENIZER.decode([*prompt, *tokens])
    pieces = "".join(after) + rest
    assert whole.rstrip("\ufffd").endswith(pieces)
    if TOKENIZER.decode(prompt) == "".join(before) + held:
        assert "".join(before) + pieces == whole.rstrip("\ufffd")


def test_added_tokens_are_written_as_they_are_and_special_ones_not_at_all():
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["—new—", "plain"])
    tokenizer.add_special_tokens([AddedToken("<|odd|>", special=True)])
    ids = [tokenizer.token_to_id(word) for word in ("—new—", "<|odd|>", "plain")]
    tokens = [*encode("a "), *ids, *encode(" b"), 10_000]
    pieces, rest = stream(tokens, tokenizer=tokenizer)
    assert "".join(pieces) + rest == tokenizer.decode(tokens) == "a —new—plain b"


def test_a_vocabulary_of_words_keeps_the_space_between_prompt_and_story():
    words = Tokenizer(models.WordLevel({"▁Once": 0, "▁upon": 1, "▁a": 2}, unk_token="▁a"))
    words.decoder = decoders.Metaspace()
    assert stream([1, 2], [0], words) == ([" upon", " a"], "")
    assert stream([0, 1], [], words) == (["Once", " upon"], "")


def test_a_long_garbled_story_comes_whole():
    half = encode("🎻")[0]
    pieces, rest = stream([half] * 3_000 + encode("a"))
    assert "".join(pieces) + rest == "\ufffd" * 3_000 + "a"
