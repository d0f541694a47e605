"""Passages of a story that stand in the training text, word for word."""

import numpy as np
from numpy.typing import NDArray

from fabula.study.baselines.seen import SeenNGrams
from fabula.study.text import Span, word_spans


def seen_share(found: NDArray[np.bool_]) -> float:
    """Return the share of n-grams that were seen; NaN for a text too short to have one."""
    return float(found.mean()) if len(found) else float("nan")


def seen_passages(text: str, seen: SeenNGrams) -> list[Span]:
    """Return the characters of each stretch all of whose n-grams were seen."""
    spans = word_spans(text)
    found = seen.windows([text])[0]
    edges = np.flatnonzero(np.diff(found.astype(np.int8), prepend=0, append=0))
    return [(spans[start][0], spans[stop + seen.n - 2][1]) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
