"""How often a run had shown each training story by some step, told exactly from the recipe.

The batch of a step is a pure function of the corpus, the seed and the step (`fabula.corpus.packing`).
"""

import numpy as np
from numpy.typing import NDArray

from fabula.corpus.packing import Packing, StoryPacking, pack
from fabula.corpus.store import TokenStore
from fabula.recipe import Recipe

Integers = NDArray[np.int64]


def times_seen(recipe: Recipe, store: TokenStore, step: int) -> Integers:
    """Return how many times the run had trained on the whole of each training story after `step` steps.

    Args:
        recipe: of the run.
        store: the token store it is trained on.
        step: optimizer steps; the windows of step `step` itself, the first being 0, are not among them.

    Returns:
        Shape (stories,). A story cut into several windows has been seen as often as its least seen part.
    """
    split = store.train
    packing = pack(
        recipe.train.packing, split, recipe.model.context, recipe.train.seed, store.hash, store.end_of_text_id
    )
    epochs, rest = divmod(recipe.windows_before(step), packing.windows)
    starts, counts = _runs(packing, epochs, rest)
    offsets = np.asarray(split.offsets, np.int64)
    first = np.searchsorted(starts, offsets[:-1], side="right") - 1
    last = np.searchsorted(starts, offsets[1:] - 1, side="right") - 1
    # reduceat takes the range between each pair of indices; what lies between two pairs is computed and dropped.
    ranges = np.stack((first, last + 1), 1).ravel()
    return np.asarray(np.minimum.reduceat(np.append(counts, 0), ranges)[::2], np.int64)


def _runs(packing: Packing, epochs: int, rest: int) -> tuple[Integers, Integers]:
    """Return where each run of tokens that is shown as one starts, ascending, and how often it was shown."""
    shown = packing.order(epochs)[:rest]
    if isinstance(packing, StoryPacking):
        places = np.concatenate(
            [np.empty(0, np.int64)]
            + [np.arange(packing.first_place[window], packing.first_place[window + 1]) for window in shown]
        )
        counts = np.full(len(packing.starts), epochs, np.int64)
        counts[packing.pieces_by_place(epochs)[places]] += 1
        return packing.starts, counts
    counts = np.full(packing.windows, epochs, np.int64)
    counts[shown] += 1
    # Behind the last window lies a tail that is never shown.
    return np.arange(packing.windows + 1, dtype=np.int64) * packing.context, np.append(counts, 0)
