"""The parts that the page is built from."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabula.study.generations.telling import Flag
from fabula.study.items.item import Item
from fabula.study.report import drawing, formats
from fabula.study.report.evidence import leading_number
from fabula.study.report.markup import element, markup
from fabula.study.report.questions import question
from fabula.study.report.samples import flagged


def test_strings_are_escaped_and_markup_is_not():
    assert element("p", "a < b & c", element("b", '"'), title='"<') == (
        '<p title="&quot;&lt;">a &lt; b &amp; c<b>&quot;</b></p>'
    )
    assert markup("<", None, element("br")) == "&lt;<br>"
    assert markup("a\x00\x1f\ud800\n") == "a\ufffd\ufffd\ufffd\n"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.9731, "share", "97.3\u202f%"),
        (-0.02, "share", "\u22122.0\u202f%"),
        (0.0643, "nats/token", "0.064"),
        (-0.5, "nats/byte", "\u22120.500"),
        (12_345.6, "words", "12,346"),
        (0.0, "nats/token", "0"),
        (None, "share", "\u2013"),
        (math.nan, "share", "\u2013"),
    ],
)
def test_numbers(value, unit, shown):
    assert formats.number(value, unit) == shown


def test_intervals_and_steps():
    assert formats.estimate(0.5, (0.45, 0.551), "share") == "50.0\u202f% [45.0, 55.1]"
    assert formats.estimate(0.5, None, "share") == "50.0\u202f%"
    assert formats.estimate(0.5, (math.nan, 1.0), "share") == "50.0\u202f%"
    assert [formats.step(value) for value in (0.0, 3.26, 187.4, 1_234.5, 4_000.0, None)] == [
        "0", "3.3", "187", "1,230", "4,000", "\u2013",
    ]  # fmt: skip
    assert [formats.tick_count(value) for value in (0, 900, 2_048, 999_999, 8_192_000)] == [
        "0",
        "900",
        "2k",
        "1M",
        "8.2M",
    ]
    assert formats.short_count(1_423_872) == "1.42 million"
    assert formats.probability(0.0004) == "< 0.001"
    assert [formats.seconds(value) for value in (3.04, 75, 3_725)] == ["3.0 s", "1 min 15 s", "1 h 02 min"]


def test_whole_numbers_have_no_decimals():
    assert [formats.tidy(value) for value in (60.0, 0.0, -0.05, 1_200.0)] == ["60", "0", "\u22120.050", "1,200"]


def test_conditions_are_ordered_by_their_number():
    assert sorted(["last", "256", "64", "0-63"], key=leading_number) == ["0-63", "64", "256", "last"]


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=30, unique=True))
def test_steps_keep_their_order_and_labels_their_distance(steps):
    axis = drawing.StepAxis(steps)
    places = axis.positions(sorted(steps))
    assert places == sorted(places)
    assert all(axis.start <= place <= axis.last + 1e-9 for place in places)
    ticks = axis.positions(axis.ticks())
    gaps = [b - a for a, b in itertools.pairwise(ticks)]
    assert min(gaps, default=1.0) > 0.05 * (axis.last - axis.start)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=6), st.floats(0.01, 0.3))
def test_labels_are_spread(values, gap):
    places = sorted(drawing.spread(values, gap))
    assert all(b - a > gap * 0.9 for a, b in itertools.pairwise(places))
    assert sum(places) == pytest.approx(sum(values), abs=1e-6)
    raised = sorted(drawing.spread(values, gap, 0.5))
    assert min(raised) >= 0.5
    assert all(b - a > gap * 0.9 for a, b in itertools.pairwise(raised))


def test_a_figure_brings_no_foreign_ids_or_addresses():
    with drawing.style():
        svgs = []
        for name in ("one", "two"):
            figure = drawing.new_figure(200, 100)
            axes = drawing.axes_at(figure, 30, 5, 160, 70)
            axes.plot([0, 1], [0, 1], marker="o", color="#1b1b1a")
            svgs.append(drawing.to_svg(figure, name, 'a <"b">'))
    one, two = svgs
    assert one.startswith('<svg viewBox="0 0 200 100"')
    assert 'aria-label="a &lt;&quot;b&quot;>"' in one
    assert "var(--ink)" in one
    assert "var(--sans)" in one
    assert "http" not in one
    assert one.replace('"one-', '"two-').replace("#one-", "#two-") != one
    assert 'id="one-' in one
    assert 'id="one-' not in two


@given(
    st.text(alphabet="ab <&", max_size=40),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5),
)
def test_flags_never_change_the_text(text, places):
    flags = tuple(Flag(min(pair), max(pair), "loop", "why") for pair in places)
    marked = flagged(text, flags, {"loop": "c"}, 0, len(text))
    bare = marked.replace("<sup>c</sup>", "").replace("</span>", "")
    while "<span" in bare:
        start = bare.index("<span")
        bare = bare[:start] + bare[bare.index(">", start) + 1 :]
    assert bare == markup(text)


def test_overlapping_flags_are_both_named():
    flags = (Flag(0, 4, "loop", "again"), Flag(2, 6, "late-name", "who?"))
    marked = flagged("abcdefgh", flags, {"loop": "c", "late-name": "a"}, 0, 8)
    assert 'title="again; who?"' in marked
    assert "<sup>c</sup>" in marked
    assert "<sup>a</sup>" in marked


@pytest.mark.parametrize("design", ["choice", "pmi"])
@pytest.mark.parametrize("gold", [0, 1])
def test_the_right_target_is_marked(design, gold):
    item = Item("ending", "s", design, ("He slept.",), (" First.", " Second."), gold)
    shown = question(item)
    right = shown[shown.index('<li class="right">') :].split("</li>")[0]
    assert (" First." in right, " Second." in right) == (gold == 0, gold == 1)


def test_the_right_context_is_marked_and_counted_characters_underlined():
    item = Item("order", "s", "contrast", ("One.", "Two."), (" They met.",), 1, (((1, 5),),))
    shown = question(item)
    assert "Two." in shown[shown.index('<li class="right">') :].split("</li>")[0]
    assert "<u>They</u>" in shown


def test_a_long_context_keeps_its_end():
    item = Item("ending", "s", "pmi", ("start " + "word " * 300 + "end.",), (" A.", " B."))
    shown = question(item)
    assert "end." in shown
    assert "start" not in shown
    assert "characters before" in shown
