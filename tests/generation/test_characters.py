"""Text comes a whole character at a time and adds up to the whole text."""

from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.generation.characters import CharacterStream
from tests.tiny import STORIES, tiny_tokenizer

TOKENIZER = tiny_tokenizer()


def stream(tokens, prompt=()):
    characters = CharacterStream(TOKENIZER, prompt)
    return [characters.push(token) for token in tokens], characters.finish()


def encode(text):
    return TOKENIZER.encode(text, add_special_tokens=False).ids


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_pieces_add_up_to_the_text(prompt, text):
    pieces, rest = stream(encode(text), encode(prompt))
    assert "".join(pieces) + rest in (text, text.rstrip("\ufffd"))


def test_a_character_of_several_tokens_comes_when_it_is_complete():
    tokens = encode("🎻")
    assert len(tokens) > 2
    assert stream(tokens) == (["" for _ in tokens[1:]] + ["🎻"], "")


def test_a_character_whose_end_never_comes_is_left_out():
    pieces, rest = stream(encode("a🎻")[:-1])
    assert "".join(pieces) + rest == "a"


def test_bytes_that_are_no_character_do_not_hold_up_what_follows():
    pieces, rest = stream([*encode("🎻")[:-1], *encode("abc 🎻")])
    assert "".join(pieces) + rest == "\ufffdabc 🎻"


@settings(deadline=None)
@given(st.lists(st.integers(1, TOKENIZER.get_vocab_size() - 1), max_size=40))
def test_any_tokens_give_the_text_that_decoding_them_at_once_gives(tokens):
    pieces, rest = stream(tokens, encode(STORIES[0]))
    whole = TOKENIZER.decode(tokens)
    assert "".join(pieces) + rest in (whole, whole.rstrip("\ufffd"))


def test_end_of_text_inside_is_not_shown():
    pieces, rest = stream([*encode("one"), 0, *encode(" two")])
    assert "".join(pieces) + rest == "one two"
