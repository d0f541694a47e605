"""A text ends before the first stop text, however it comes in pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.errors import UserError
from fabula.generation.sampling import Sampling
from fabula.generation.stops import StopTexts

LETTERS = st.text("ab ", max_size=12)
STOPS = st.lists(st.text("ab ", min_size=1, max_size=5), min_size=1, max_size=4)


def before_stop(text: str, stops) -> tuple[str, bool]:
    """The plain way: the stop text that is complete first, and of those the longest."""
    found = [(text.index(stop) + len(stop), -len(stop)) for stop in stops if stop in text]
    if not found:
        return text, False
    end, length = min(found)
    return text[: end + length], True


@settings(deadline=None, max_examples=300)
@given(st.lists(LETTERS, max_size=8), STOPS)
def test_the_text_ends_where_looking_at_all_of_it_says(pieces, stops):
    watched = StopTexts(tuple(stops))
    whole = "".join(pieces)
    given_out = ""
    for piece in pieces:
        settled, complete = watched.push(piece)
        given_out += settled
        assert not any(stop in given_out for stop in stops)
        if complete:
            break
    else:
        given_out += watched.finish()
        complete = False
    assert (given_out, complete) == before_stop(whole, stops)


@settings(deadline=None)
@given(LETTERS, STOPS)
def test_nothing_is_held_back_that_can_no_longer_become_a_stop_text(text, stops):
    watched = StopTexts(tuple(stops))
    settled, complete = watched.push(text)
    if not complete:
        held = text[len(settled) :]
        assert held == "" or any(stop.startswith(held) for stop in stops)


def test_a_stop_text_may_span_pieces_and_begin_within_a_failed_one():
    watched = StopTexts(("aab",))
    assert watched.push("xa") == ("x", False)
    assert watched.push("a") == ("", False)
    assert watched.push("a") == ("a", False)
    assert watched.push("bc") == ("", True)
    assert watched.finish() == ""


def test_of_stop_texts_complete_at_once_the_longest_counts():
    watched = StopTexts(("c", "abc", "bc"))
    assert watched.push("xabcd") == ("x", True)
    assert watched.finish() == ""


def test_what_was_held_back_comes_when_the_story_ends_otherwise():
    watched = StopTexts(("The end.",))
    assert watched.push("Bye. The en") == ("Bye. ", False)
    assert watched.finish() == "The en"
    assert watched.finish() == ""


def test_an_empty_stop_text_is_refused():
    with pytest.raises(UserError, match="stop: an empty text"):
        Sampling(stop=("x", ""))


def test_one_stop_text_needs_no_list():
    assert Sampling(stop="The end").stop == ("The end",)
