"""Overlap, the target by itself, and length."""

import numpy as np
import pytest

from fabula.study.baselines.simple import Length, Overlap, TargetOnly
from fabula.study.baselines.words import WordNGram, WordTables
from fabula.study.items.item import Item, Request, outcomes
from tests.study.baselines.texts import made_stories


def test_overlap_is_the_share_of_words_that_the_context_has() -> None:
    context = "The drum is in the tent."
    found = Overlap().log_likelihoods(
        [
            Request(context, " The tent, the barn."),
            Request(context, " the tent, the barn.", ((4, 9),)),
            Request(context, " Otto."),
            Request(context, " ..."),
            Request("", " the drum"),
        ]
    )
    np.testing.assert_allclose(found, [3 / 4, 1, 0, 0, 0])


def test_equal_overlap_is_shared() -> None:
    item = Item("intruder", "s", "pmi", ("A drum and a kite.",), (" The drum.", " The kite.", " The lamp."), gold=1)
    assert outcomes([item], Overlap()).correct[0] == pytest.approx(1 / 2)


def test_the_target_only_never_reads_the_context_and_survives_pmi() -> None:
    scorer = TargetOnly(WordNGram(WordTables.fit(made_stories(100)), 5))
    usual, odd = "One day, Nia lost a kite.", "kite a lost Nia, day One."
    for design in ("choice", "pmi"):
        for context in ("Once. ", "Something else. "):
            item = Item("ending", "s", design, (context,), (odd, usual), gold=1)  # type: ignore[arg-type]
            assert outcomes([item], scorer).correct[0] == 1
    contrast = Item("order", "s", "contrast", ("One day, ", "Nia lost a kite. "), (usual,), gold=1)
    assert outcomes([contrast], scorer).correct[0] == 0.5


def test_length_prefers_fewer_words_that_count() -> None:
    found = Length().log_likelihoods(
        [Request("x", " one two."), Request("x", " one two.", ((0, 4),)), Request("", " one two.")]
    )
    np.testing.assert_array_equal(found, [-3, -1, 0])
