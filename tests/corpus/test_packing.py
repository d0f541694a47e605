import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fabula.corpus.packing import PADDING, Schedule, StoryPacking, best_fit, pack

EOT = 999


class Split:
    """A split of stories of given lengths: story i holds the tokens i * 1000, i * 1000 + 1, ... and end-of-text."""

    def __init__(self, lengths: list[int]) -> None:
        self.offsets = np.cumsum([0, *lengths])
        self.tokens = int(self.offsets[-1])
        self.content = np.concatenate([[i * 1000 + j for j in range(n - 1)] + [EOT] for i, n in enumerate(lengths)])

    def read(self, start: int, stop: int) -> NDArray[np.integer]:
        part: NDArray[np.integer] = self.content[start:stop]
        return part


lengths_of_stories = st.lists(st.integers(1, 40), min_size=1, max_size=60)


@settings(deadline=None)
@given(lengths_of_stories, st.integers(2, 32), st.integers(0, 3))
def test_an_epoch_of_stories_shows_every_token_once(lengths: list[int], context: int, epoch: int) -> None:
    split = Split(lengths)
    packing = pack("stories", split, context, 0, "hash", EOT)
    batch = packing.batch(epoch, packing.order(epoch))
    real = batch.targets != PADDING
    assert sorted(batch.targets[real]) == sorted(split.content)
    assert packing.targets(epoch, packing.order(epoch)) == real.sum() == split.tokens
    assert packing.fill == pytest.approx(real.mean())


@settings(deadline=None)
@given(lengths_of_stories, st.integers(2, 32))
def test_stories_stand_apart(lengths: list[int], context: int) -> None:
    packing = pack("stories", Split(lengths), context, 0, "hash", EOT)
    assert isinstance(packing, StoryPacking)
    windows = packing.order(0)
    batch = packing.batch(0, windows)
    assert batch.positions is not None
    assert batch.boundaries is not None
    assert batch.boundaries.shape == (len(windows) * packing.documents + 1,)
    assert (np.diff(batch.boundaries) >= 0).all()
    assert batch.boundaries[0] == 0
    assert batch.boundaries[-1] == batch.tokens.size
    assert set(range(0, batch.tokens.size + 1, context)) <= set(batch.boundaries.tolist())
    tokens, targets, positions = batch.tokens.ravel(), batch.targets.ravel(), batch.positions.ravel()
    for start, end in itertools.pairwise(np.unique(batch.boundaries).tolist()):
        assert positions[start:end].tolist() == list(range(end - start))
        if targets[start] == PADDING:
            assert (targets[start:end] == PADDING).all()
            continue
        assert tokens[start + 1 : end].tolist() == targets[start : end - 1].tolist()
        stories = {target // 1000 for target in targets[start:end].tolist() if target != EOT}
        assert len(stories) <= 1
        whole = all(length <= context for length in lengths)
        if whole:
            assert tokens[start] == EOT
            assert targets[end - 1] == EOT


def test_a_story_longer_than_the_window_is_cut_into_windows() -> None:
    packing = pack("stories", Split([25]), 10, 0, "hash", EOT)
    batch = packing.batch(0, np.arange(3))
    by_start = {
        int(row[0]): (row.tolist(), inputs.tolist()) for row, inputs in zip(batch.targets, batch.tokens, strict=True)
    }
    assert by_start[0] == (list(range(10)), [EOT, *range(9)])
    assert by_start[10] == (list(range(10, 20)), list(range(9, 19)))
    assert by_start[20][0] == [20, 21, 22, 23, EOT, *[PADDING] * 5]


@settings(deadline=None)
@given(lengths_of_stories, st.integers(2, 16))
def test_the_stream_is_the_text(lengths: list[int], context: int) -> None:
    split = Split(lengths)
    if split.tokens < context:
        with pytest.raises(ValueError, match="does not fill one window"):
            pack("stream", split, context, 0, "hash", EOT)
        return
    packing = pack("stream", split, context, 0, "hash", EOT)
    batch = packing.batch(0, np.arange(packing.windows))
    seen = packing.windows * context
    assert batch.targets.ravel().tolist() == split.content[:seen].tolist()
    assert batch.tokens.ravel().tolist() == [EOT, *split.content[: seen - 1].tolist()]


@pytest.mark.parametrize("mode", ["stories", "stream"])
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_a_step_is_the_same_for_any_number_of_processes(mode: str, processes: int) -> None:
    split = Split([7, 13, 22, 5, 30, 18, 9, 11, 27] * 6)
    schedule = Schedule(pack(mode, split, 32, 3, "hash", EOT), lambda step: 8 * step)  # type: ignore[arg-type]
    for step in (0, 1, 2, 5, 40):  # steps at the turn of an epoch are among them
        whole = schedule.micro_batches(step, 8)[0]
        parts = [batch for rank in range(processes) for batch in schedule.micro_batches(step, 2, rank, processes)]
        assert np.array_equal(np.concatenate([part.tokens for part in parts]), whole.tokens)
        assert np.array_equal(np.concatenate([part.targets for part in parts]), whole.targets)
        assert schedule.targets(step) == (whole.targets != PADDING).sum()
        if whole.boundaries is not None:
            sizes = np.cumsum([0, *(part.tokens.size for part in parts)])
            shifted = [part.boundaries + size for part, size in zip(parts, sizes, strict=False)]  # type: ignore[operator]
            assert set(np.concatenate(shifted)) == set(whole.boundaries)


def test_the_order_depends_on_seed_corpus_and_epoch_alone() -> None:
    split = Split([20, 9, 14, 30, 3, 8] * 20)
    first = pack("stories", split, 32, 0, "hash", EOT)
    again = pack("stories", split, 32, 0, "hash", EOT)
    others = [pack("stories", split, 32, 1, "hash", EOT), pack("stories", split, 32, 0, "other", EOT)]
    assert np.array_equal(first.batch(1, first.order(1)).tokens, again.batch(1, again.order(1)).tokens)
    for other in others:
        assert not np.array_equal(first.order(0), other.order(0))
    assert not np.array_equal(first.order(0), first.order(1))
    # Written down once, so that a change of the order is noticed: it would break every run in progress.
    assert first.order(0)[:6].tolist() == EXPECTED_ORDER


EXPECTED_ORDER: list[int] = [45, 22, 34, 9, 49, 31]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=200))
def test_best_fit_fills_no_window_beyond_its_room(lengths: list[int]) -> None:
    windows, places = best_fit(np.array(lengths), 50)
    assert sorted(places.tolist()) == sorted(lengths)
    filled = np.bincount(windows, weights=places)
    assert filled.max() <= 50
    assert (np.diff(windows) >= 0).all()
    # Any two windows together are more than full, or best-fit would have used one.
    lightest = np.sort(filled)[:2]
    assert len(filled) == 1 or lightest.sum() > 50


def test_best_fit_decreasing_does_what_it_says() -> None:
    windows, places = best_fit(np.array([6, 5, 5, 4, 3, 3, 2, 2]), 10)
    packed = [sorted(places[windows == window].tolist()) for window in range(windows[-1] + 1)]
    assert packed == [[4, 6], [5, 5], [2, 2, 3, 3]]
