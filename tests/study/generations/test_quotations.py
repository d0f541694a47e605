"""Quotation marks and their partners."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabula.study.generations.quotations import quotations, spoken


@pytest.mark.parametrize(
    ("text", "closed", "bad"),
    [
        ('"Hello," said Nora.', ['"Hello,"'], []),
        ('Nora said, "Hello." She left. "Bye!"', ['"Hello."', '"Bye!"'], []),
        ("\u201cHello,\u201d said Nora.", ["\u201cHello,\u201d"], []),
        ('"Hello, said Nora.', [], [0]),
        ('Hello," said Nora.', [], [6]),
        ('"Hello, said Nora. "Bye," said Otto.', ['"Bye,"'], [0]),
        ("She left.", [], []),
    ],
)
def test_marks_are_paired(text, closed, bad):
    found = quotations(text)
    assert [text[start:stop] for start, stop in found.closed] == closed
    assert found.bad == bad


def test_a_story_that_was_cut_off_may_leave_a_quotation_open():
    assert quotations('Nora said, "I will', complete=False).bad == []
    assert quotations('Nora said, "I will').bad == [11]
    assert quotations('Hello," said Nora. "I will', complete=False).bad == [6]


@given(st.text(alphabet='ab ."\n', max_size=60))
def test_every_mark_is_closed_or_bad(text):
    found = quotations(text)
    assert 2 * len(found.closed) + len(found.bad) == text.count('"')
    marks = [place for span in found.closed for place in (span[0], span[1] - 1)] + found.bad
    assert sorted(marks) == [place for place, letter in enumerate(text) if letter == '"']


@pytest.mark.parametrize(
    ("text", "expected"),
    [('"Hello," said Nora.', True), ('Nora asked, "Why?"', True), ('A sign with "Stop" hung there.', False)],
)
def test_who_speaks(text, expected):
    assert spoken(text, quotations(text).closed[0]) is expected
