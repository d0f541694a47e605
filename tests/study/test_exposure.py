"""How often a story was seen, against the batches that training really takes."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.corpus.packing import PADDING, Schedule, pack
from fabula.recipe import from_table
from fabula.study.exposure import times_seen


class NumberedSplit:
    """A split in which every token is another number, so that a target says where it stands."""

    def __init__(self, lengths):
        self.offsets = np.cumsum([0, *lengths])
        self.tokens = int(self.offsets[-1])

    def read(self, start, stop):
        return np.arange(start, stop)


def recipe_of(packing, windows, seed, ramp):
    table = {
        "model": {"context": 16, "hidden": 8, "heads": 2},
        "train": {
            "packing": packing,
            "seed": seed,
            "tokens_per_step": 16 * windows,
            "ramp_from": 16 if ramp else 0,
            "steps": 100,
        },
    }
    return from_table(table)


@pytest.mark.parametrize("packing", ["stories", "stream"])
@settings(deadline=None, max_examples=25)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=4, max_size=20),
    windows=st.integers(1, 3),
    step=st.integers(0, 30),
    seed=st.integers(0, 5),
    ramp=st.booleans(),
)
def test_it_counts_what_the_batches_hold(packing, lengths, windows, step, seed, ramp):
    split = NumberedSplit([*lengths, 16])
    recipe = recipe_of(packing, windows, seed, ramp)
    schedule = Schedule(pack(packing, split, 16, seed, "hash", -1), recipe.windows_before)
    counts = np.zeros(split.tokens, np.int64)
    for number in range(step):
        for batch in schedule.micro_batches(number, 1):
            np.add.at(counts, batch.targets[batch.targets != PADDING], 1)
    expected = [counts[start:stop].min() for start, stop in zip(split.offsets, split.offsets[1:], strict=False)]
    store = SimpleNamespace(train=split, hash="hash", end_of_text_id=-1)
    assert times_seen(recipe, store, step).tolist() == expected
