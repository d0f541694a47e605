"""The comparisons' own arithmetic: what counts as a useful target, what a loss costs, whose turn it is."""

import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.losses import plan as plans
from bench.losses.plan import Arm, Plan, positions, with_budget
from bench.losses.tables import crossing, markdown, mean_interval, reached
from bench.tables import paste, spread, table
from bench.training.contenders import ALLOCATORS, REFERENCE, contenders
from bench.training.counting import PADDING, Count, count
from bench.training.engines.products import matrices
from bench.training.feeds import OFFSETS, STORIES, TARGETS, TOKENS, StoryRows, Windows
from bench.training.pace import Pace, StoppedError
from bench.training.sizes import SIZES, VOCABULARIES, find
from bench.training.tables import flops_per_round
from fabula import recipe as recipes
from fabula.errors import UserError
from fabula.model.config import LlamaConfig
from fabula.model.llama import Llama

EOT = 0


def test_targets_of_a_cut_story_are_learned_from_but_not_useful() -> None:
    tokens = np.array([[5, 6, EOT, 7, 8], [EOT, 5, 6, 7, 8]])
    targets = np.array([[6, EOT, 7, 8, 9], [5, 6, 7, 8, 9]])
    assert count(tokens, targets, EOT) == Count(targets=10, useful=8, attended=30)


def test_padding_is_no_target() -> None:
    tokens = np.array([[EOT, 5, EOT, EOT]])
    targets = np.array([[5, EOT, PADDING, PADDING]])
    assert count(tokens, targets, EOT) == Count(targets=2, useful=2, attended=3)


def test_a_later_document_of_a_row_must_begin_a_story_itself() -> None:
    tokens = np.array([[EOT, 5, 6, 7, EOT, 8]])
    targets = np.array([[5, EOT, 7, EOT, 8, EOT]])
    positions_ = np.array([[0, 1, 0, 1, 0, 1]])
    assert count(tokens, targets, EOT, positions_) == Count(targets=6, useful=4, attended=9)


@st.composite
def batches(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw tokens, targets and where documents start, of a batch of any shape."""
    rows, width = draw(st.integers(1, 3)), draw(st.integers(1, 12))
    parts = [st.integers(0, 3), st.sampled_from([1, 2, PADDING]), st.booleans()]
    cells = [draw(st.lists(part, min_size=rows * width, max_size=rows * width)) for part in parts]
    tokens, targets, starts = (np.array(values).reshape(rows, width) for values in cells)
    return tokens, targets, starts


@settings(deadline=None)
@given(batches())
def test_counts_are_those_of_a_plain_loop(batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    tokens, targets, starts = batch
    places = np.zeros(tokens.shape, int)
    expected, place, begun = Count(), 0, False
    for row, column in np.ndindex(tokens.shape):
        new = column == 0 or starts[row, column]
        places[row, column] = place = 0 if new else place + 1
        begun = (not new and begun) or tokens[row, column] == EOT
        if targets[row, column] != PADDING:
            expected += Count(1, int(begun), int(place) + 1)
    assert count(tokens, targets, EOT, places) == expected


def write_feeds(folder: Path) -> dict[str, Any]:
    """Write two windows and three stories, and return what a contender is told of them."""
    np.save(folder / TOKENS, np.array([[EOT, 1, 2, 3], [4, EOT, 5, 6]], np.int32))
    np.save(folder / TARGETS, np.array([[1, 2, 3, 4], [EOT, 5, 6, 7]], np.int32))
    np.save(folder / STORIES, np.array([1, 2, EOT, 3, EOT, 4, 5, 6, 7, 8, EOT], np.int32))
    np.save(folder / OFFSETS, np.array([0, 3, 5, 11]))
    return {"data": str(folder), "rows": 1, "story_rows": 3, "end_of_text": EOT, "shape": {"context": 5}}


def test_stories_stand_in_rows_padded_to_the_longest_and_cut_to_the_context(tmp_path: Path) -> None:
    batch = StoryRows(write_feeds(tmp_path)).batch(0)
    assert batch.tokens.tolist() == [[EOT, 1, 2, EOT, EOT], [EOT, 3, EOT, EOT, EOT], [EOT, 4, 5, 6, 7]]
    assert batch.targets.tolist() == [
        [1, 2, EOT, PADDING, PADDING],
        [3, EOT, PADDING, PADDING, PADDING],
        [4, 5, 6, 7, PADDING],
    ]
    assert batch.labels().tolist() == [
        [EOT, 1, 2, EOT, PADDING],
        [EOT, 3, EOT, PADDING, PADDING],
        [EOT, 4, 5, 6, 7],
    ]
    assert batch.count() == batch.counted_by_labels() == Count(9, 9, 6 + 3 + 10)


def test_windows_come_round_again(tmp_path: Path) -> None:
    windows = Windows(write_feeds(tmp_path))
    assert torch.equal(windows.batch(0).tokens, windows.batch(2).tokens)
    assert windows.batch(1).count() == Count(4, 3, 10)
    assert windows.batch(1).counted_by_labels() == Count(3, 2, 6)


def answers_to(*requests: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Let a loop of endless steps take its turns, and return what it answered."""
    written = io.StringIO()
    pace = Pace(written, io.StringIO("".join(json.dumps(request) + "\n" for request in requests)))
    pace.facts = {"version": "a program 1.0"}

    def train() -> None:
        for step in range(100):
            assert pace.turn.is_set()
            pace.step(float(step), lambda: Count(2, 1, 5))

    with pytest.raises(StoppedError):
        train()
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_process_steps_when_it_is_asked_to() -> None:
    first, turn, memory = answers_to({"do": "turn", "steps": 3}, {"do": "memory"})
    assert first["version"] == "a program 1.0"
    assert first["losses"] == [0.0]
    assert turn["losses"] == [1.0, 2.0, 3.0]
    assert len(turn["seconds"]) == 3
    assert (turn["targets"], turn["useful"], turn["attended"]) == (6, 3, 15)
    assert memory["peak"] > 0


def test_contenders_have_names_of_their_own() -> None:
    for allocator in ALLOCATORS:
        names = [entry.name for entry in contenders(allocator)]
        assert len(set(names)) == len(names)
        assert (REFERENCE in names) == (allocator != "kept")


def test_own_allocators_are_kept_by_fabula_alone() -> None:
    assert all(entry.kept == entry.is_ours for entry in contenders("own"))
    assert {entry.kept for entry in contenders("both") if not entry.is_ours} == {False, True}


@pytest.mark.parametrize("name", SIZES)
def test_needed_flops_are_the_models(name: str) -> None:
    size = find(name)
    shape, context = size.shape(), 64
    with torch.device("meta"):
        config = {**asdict(size.whole_recipe([], "stream", "float32", compiled=False, threads=1).model)}
        model = Llama(LlamaConfig(**{**config, "kv_heads": shape["kv_heads"], "vocab_size": shape["vocab_size"]}))
    weights = sum(times * width * height for times, width, height in matrices(shape))
    rounds = [{"targets": context, "attended": context * (context + 1) // 2}]
    needed = flops_per_round({"matrix_weights": weights, "rounds": rounds}, shape)[0]
    assert math.isclose(needed, context * model.flops_per_token((context + 1) / 2))


def test_a_size_with_another_vocabulary() -> None:
    assert find("nano-50k").shape()["vocab_size"] == VOCABULARIES["50k"]
    assert find("test-1", rows=3).rows == 3
    with pytest.raises(UserError, match="did you mean 'nano-50k'"):
        find("nano-60k")


def test_the_cards_recipe_is_the_reference_recipe_at_another_size() -> None:
    plan = Plan.read(plans.SHIPPED, {})
    reference = recipes.load("test-1")
    for size in plan.sizes:
        recipe = plan.run(Arm(size, "storyworld", "card", 1.0), 0, None).recipe
        assert recipe.optimizer == reference.optimizer
        assert recipe.schedule == reference.schedule
        for field in ("packing", "gradient_clip", "ramp_from"):
            assert getattr(recipe.train, field) == getattr(reference.train, field)
        for field in ("initializer_range", "scale_residual_init", "norm_epsilon", "rope_theta"):
            assert getattr(recipe.model, field) == getattr(reference.model, field)
    tuned = plan.run(Arm(size, "storyworld", "card tuned", 1.0), 1, 4e-3).recipe
    assert recipes.differences(recipe, tuned) == [
        "train.seed: 0 -> 1",
        "optimizer.learning_rate: 0.0005 -> 0.004",
    ]


@settings(deadline=None, max_examples=30)
@given(tokens=st.integers(1, 3_000_000), ramp=st.sampled_from([0, 1024, 2048, 4096]))
def test_a_budget_is_spent_and_hardly_more(tokens: int, ramp: int) -> None:
    batch = 16_384
    recipe = recipes.from_table({"train": {"tokens_per_step": batch, "ramp_from": ramp}}, recipes.load("nano"))
    spent = positions(with_budget(recipe, tokens))
    assert tokens <= spent
    # A step more also moves the ramp's stages, each by a step at most.
    assert spent < tokens + batch * (1 + (batch // ramp if ramp else 0))


def test_a_plan_says_what_it_lacks() -> None:
    plan = Plan.read(plans.SHIPPED, {})
    assert plan.missing == ["tinystories"]
    with pytest.raises(UserError, match="--corpus tinystories"):
        list(plan.arms([], ["tinystories"], []))
    given_ = Plan.read(plans.SHIPPED, {"tinystories": ["train.txt", "held_out.txt"]})
    recipe = given_.run(Arm("nano", "tinystories", "card", 1.0), 0, None).recipe
    assert [Path(name).name for name in recipe.corpus.source + recipe.corpus.validation] == [
        "train.txt",
        "held_out.txt",
    ]


def test_another_recipe_is_another_run() -> None:
    plan = Plan.read(plans.SHIPPED, {})
    arm = Arm("nano", "storyworld", "card tuned", 1.0)
    folders = {plan.run(arm, seed, choice).folder for seed in (0, 1) for choice in (2e-3, 4e-3)}
    assert len(folders) == 4
    assert all(re.fullmatch(r"[\w.-]+", folder) for folder in folders)


def test_an_interval_of_three_is_students() -> None:
    mean, half = mean_interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)  # t(0.975, 2), standard deviation 1
    assert mean_interval([1.0]) == (1.0, None)


def test_a_crossing_is_interpolated_and_never_extrapolated() -> None:
    curve = [(100.0, 3.0), (400.0, 2.0), (800.0, 1.5)]
    assert crossing(curve, 2.5) == pytest.approx(200.0)
    assert crossing(curve, 1.5) == pytest.approx(800.0)
    assert crossing(curve, 1.4) is None
    assert crossing(curve, 3.0) is None


def result(tokens: int, nats: float) -> dict[str, Any]:
    """Return a finished run's figures."""
    evaluation = {"nats_per_token": nats, "bits_per_byte": nats / 2}
    return {"tokens": tokens, "training_seconds": 10.0, "evaluation": evaluation, "choice": ""}


def test_the_share_at_which_a_loss_is_reached() -> None:
    reference = {0: result(1000, 2.0), 1: result(1000, 2.2)}
    series = {
        0.5: {0: result(500, 1.9), 1: result(500, 2.1)},
        0.25: {0: result(250, 2.1), 1: result(250, 2.3)},
    }
    assert reached(series, reference) == (
        "with 35 % of its tokens (seed by seed: 35 to 35 %, 2 of 2 cross within the measured budgets)"
    )
    assert reached({0.5: {0: result(500, 1.9)}}, reference).startswith("with 50 % of its tokens or less")
    assert reached({0.5: {0: result(500, 2.9)}}, reference).startswith("not reached with 50 %")
    assert reached({0.5: {}}, reference) == "not known yet, no seed has all its runs"


def test_differences_are_taken_seed_by_seed() -> None:
    found = {
        Arm("nano", "storyworld", "card", 1.0): {0: result(1000, 2.0), 1: result(1000, 3.0)},
        Arm("nano", "storyworld", "fast", 0.5): {0: result(500, 1.5), 1: result(500, 2.5)},
        Arm("nano", "storyworld", "fast", 1.0): {0: result(1000, 1.0)},
        Arm("nano", "tinystories", "card", 1.0): {},
    }
    lines = markdown(found, ["card"]).splitlines()
    assert lines[0] == "**nano, storyworld**"
    half, whole = (line.split(" | ") for line in lines if line.startswith("| fast"))
    assert half[-1] == "-0.5000 ± 0.0000 |"
    assert whole[0] == "| fast (one seed)"
    assert whole[-1] == "-1.0000 |"
    assert not any("tinystories" in line for line in lines)


def test_tables_leave_out_empty_columns() -> None:
    assert table(["a", "b", "c"], [["1", "", "3"]]) == ["| a | c |", "| --- | ---: |", "| 1 | 3 |"]


def test_a_spread_has_its_ends() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2.0 (1.0-3.0)"
    assert spread([1234.0]) == "1,234"
    assert spread([]) == ""


def test_a_section_is_replaced_between_its_marks(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text("before\n<!-- speed: begin -->\nold\n<!-- speed: end -->\nafter\n", encoding="utf-8")
    paste(document, "speed", "new\n")
    assert document.read_text(encoding="utf-8") == "before\n<!-- speed: begin -->\nnew\n<!-- speed: end -->\nafter\n"
    with pytest.raises(SystemExit, match="loss: begin"):
        paste(document, "loss", "new\n")
