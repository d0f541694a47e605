"""What a batch is worth: its targets, which of them are useful, and how far attention must reach for them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PADDING = -100
"""Target of a position that has none."""

Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Count:
    """What some batches hold."""

    targets: int = 0
    """Positions that have a target: tokens that are really learned from."""
    useful: int = 0
    """Those of them that see the story they stand in from its beginning."""
    attended: int = 0
    """Positions that all targets' queries may see: their own document, up to themselves."""

    def __add__(self, other: "Count") -> "Count":
        return Count(self.targets + other.targets, self.useful + other.useful, self.attended + other.attended)


def count(tokens: Integers, targets: Integers, end_of_text: int, positions: Integers | None = None) -> Count:
    """Count a batch.

    A target is useful when it is a real token and its story begins in its document, where a document is what attention
    keeps apart: a whole row, or what `positions` says. A story begins at an end-of-text input. So the rest of a story
    that was cut where a window begins is learned from, but isn't useful.

    Args:
        tokens: inputs, shape (rows, positions).
        targets: the token after each input, or PADDING; same shape.
        end_of_text: the token before every story.
        positions: each input's place in its document, same shape; None: rows are documents.
    """
    places = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape) if positions is None else np.asarray(positions)
    begun = (np.asarray(tokens) == end_of_text).cumsum(1)
    columns = np.arange(tokens.shape[1])
    starts = np.maximum.accumulate(np.where(places == 0, columns, 0), 1)
    before = np.take_along_axis(np.pad(begun, ((0, 0), (1, 0))), starts, 1)
    real = np.asarray(targets) != PADDING
    return Count(int(real.sum()), int((real & (begun > before)).sum()), int((places + 1)[real].sum()))
