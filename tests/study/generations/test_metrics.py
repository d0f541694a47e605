"""All measurements together, on stories whose worth is known."""

import random

import numpy as np
import pytest

from fabula.study.generations.controls import (
    CONTROLS,
    control_scores,
    control_texts,
    glued,
    looping,
    scrambled,
    shuffled,
)
from fabula.study.generations.metrics import JUDGED, measure
from fabula.study.generations.overrun import LAST
from fabula.study.generations.sets import GROUP
from fabula.study.generations.telling import WINDOW, Story, as_told, mode_named
from fabula.study.probes import CLAIMS, GENERATION_PROBES, PROBES
from fabula.study.scores import Scores
from fabula.study.text import sentences, words

COUNT = 20


@pytest.fixture(scope="module")
def controls(reference, stories, tokenizer):
    five_gram = [" ".join(random.Random(number).sample(sentences(text), 6)) for number, text in enumerate(stories)]
    return control_scores(stories, five_gram, reference, tokenizer, count=COUNT, context=600)


def mean(controls, name, panel, column, condition="sampled"):
    scores = controls[name][panel]
    return float(np.nanmean(scores.columns[column][scores.conditions == condition]))


def test_every_probe_finds_its_number_in_the_controls(controls):
    for probe in GENERATION_PROBES:
        for name in {"held-out", probe.control} - {""}:
            scores = controls[name][probe.panel]
            inside = scores.columns[probe.column][scores.conditions == probe.condition]
            assert len(inside) > 0, probe.name


def test_probes_are_consistent():
    assert len({probe.name for probe in PROBES}) == len(PROBES)
    for probe in GENERATION_PROBES:
        assert (probe.rule == "band") == bool(probe.control)
        assert probe.rule in ("band", "none")
        assert not probe.primary or probe.rule == "band"
        assert probe.control in (*CONTROLS, "")
        assert probe.claim in {claim.name for claim in CLAIMS}


@pytest.mark.parametrize(
    ("column", "control", "higher"),
    [
        ("rep4", "loop", True),
        ("sentence_repeat", "loop", True),
        ("longest_loop", "loop", True),
        ("ended", "loop", False),
        ("sentence_form", "scrambled", False),
        ("reference_nats", "scrambled", True),
        ("ends_form", "scrambled", False),
        ("longest_seen", "scrambled", False),
        ("name_persistence", "glued", False),
        ("late_names", "glued", True),
    ],
)
def test_broken_stories_are_worse(controls, column, control, higher):
    good, bad = (mean(controls, name, "generation", column) for name in ("held-out", control))
    assert bool(bad > good) is higher
    assert abs(bad - good) > 0.04


@pytest.mark.parametrize(("column", "control"), [("distinct4", "loop"), ("w1_sentence_length", "scrambled")])
def test_so_are_sets_of_them(controls, column, control):
    good, bad = (mean(controls, name, "generation_sets", column) for name in ("held-out", control))
    assert bool(bad < good) is (column == "distinct4")


def test_the_held_out_stories_have_held_out_form(controls):
    expected = {"sentence_form": 1, "nonword": 0, "quote_balance": 1, "ended": 1, "late_names": 0, "dialogue": 1}
    assert {name: mean(controls, "held-out", "generation", name) for name in expected} == pytest.approx(expected)


def test_units_are_stories_in_every_mode(controls):
    scores = controls["held-out"]["generation"]
    assert sorted(set(scores.conditions.tolist())) == sorted(JUDGED)
    assert len(scores.units) == len(set(scores.units.tolist())) == COUNT * len(JUDGED)
    assert len(set(scores.clusters.tolist())) == COUNT
    groups = controls["held-out"]["generation_sets"]
    assert len(groups.units) == len(set(groups.units.tolist())) == (COUNT // GROUP) * len(JUDGED)


def test_scores_can_be_kept(controls, tmp_path):
    for panel, scores in controls["loop"].items():
        scores.save(tmp_path / f"{panel}.npz")
        assert Scores.load(tmp_path / f"{panel}.npz").columns.keys() == scores.columns.keys()


def test_a_model_that_is_as_good_as_held_out_text_measures_the_same(controls, reference, stories, tokenizer):
    told = as_told(stories[:COUNT], mode_named("top-p"), tokenizer)
    scores = measure(told, reference)["generation"]
    assert set(scores.conditions.tolist()) == {"top-p"}
    held_out = controls["held-out"]["generation"]
    for name, values in scores.columns.items():
        np.testing.assert_allclose(values, held_out.columns[name][held_out.conditions == "top-p"], err_msg=name)


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "...", "\ufffd\ufffd", "a", '"', "Nora", "7", "!" * 300, "\u00e9" * 50]
)
def test_gibberish_is_measured_too(reference, text):
    for prompt, mode in (("Nora ran.", "sampled"), ("", "sampled-free")):
        told = [Story(prompt, text, mode, 0, 3, reason) for reason in ("end-of-text", "max-new-tokens")]
        for scores in measure(told, reference).values():
            assert all(len(values) == len(scores.units) for values in scores.columns.values())


def test_nothing_told_is_nothing_measured(reference):
    assert measure([], reference) == {}
    assert measure([Story("", "x", "samples", 0, 1, "end-of-text")], reference) == {}


def test_an_overrun_is_measured_window_by_window(controls):
    loop, held_out = controls["loop"]["overrun"], controls["held-out"]["overrun"]
    for scores in (loop, held_out):
        conditions = scores.conditions.tolist()
        assert conditions == ["0", str(WINDOW), LAST] * (len(conditions) // 3)
        np.testing.assert_array_equal(scores.columns["rep4_rise"][::3], 0)
        np.testing.assert_array_equal(scores.columns["rep4"][1::3], scores.columns["rep4"][2::3])
    rise = loop.columns["rep4"][1::3] - loop.columns["rep4"][::3]
    np.testing.assert_allclose(loop.columns["rep4_rise"][2::3], rise)
    assert loop.columns["rep4"][2::3].mean() > held_out.columns["rep4"][2::3].mean() + 0.2


def test_a_context_without_a_full_window_has_no_overrun(reference):
    assert "overrun" not in measure([Story("", "a b", "overrun", 0, 2, "context")], reference)


def test_how_stories_are_broken(stories):
    text = stories[0]
    shuffler = random.Random(0)
    assert sorted(sentences(shuffled(text, shuffler))) == sorted(sentences(text))
    assert sorted(words(scrambled(text, shuffler))) == sorted(words(text))
    assert scrambled(text, shuffler).startswith(sentences(text)[0])
    halves = glued(text, stories[-1])
    assert text.startswith(sentences(halves)[0])
    assert stories[-1].endswith(sentences(halves)[-1])
    loop = sentences(looping(text))
    assert loop[-1] == loop[-2] == loop[-3]
    assert abs(len(looping(text)) - len(text)) <= 2 * len(loop[-1]) + 2


def test_each_control_has_as_many_stories(stories):
    texts = control_texts(["One sentence.", *stories], stories, 10)
    assert {name: len(part) for name, part in texts.items()} == dict.fromkeys(CONTROLS, 10)
    assert texts["held-out"] == stories[:10]
    assert texts == control_texts(["One sentence.", *stories], stories, 10)
