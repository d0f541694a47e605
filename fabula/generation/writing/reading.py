"""What a model thinks comes next, without telling anything."""

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from fabula.generation.backend import Backend, Drawn, Feed, Floats

ROWS = 64
"""Positions whose logits are held at once."""


def log_probabilities(backend: Backend, tokens: Sequence[int], wanted: int = 1) -> NDArray[np.float64]:
    """Return the ln p of every token after the last `wanted` of some tokens, shape (wanted, vocabulary)."""
    slot = backend.open(len(tokens))
    try:
        rows = backend.read([Feed(slot, 0, tokens, wanted)])
        logits_RV = np.stack([backend.logits(row) for row in range(rows)]).astype(np.float64)
    finally:
        backend.close(slot)
    shifted_RV = logits_RV - logits_RV.max(-1, keepdims=True)
    log_probabilities_RV: NDArray[np.float64] = shifted_RV - np.log(np.exp(shifted_RV).sum(-1, keepdims=True))
    return log_probabilities_RV


def read_tokens(backend: Backend, tokens: Sequence[int], alternatives: int = 0) -> list[Drawn]:
    """Return every token but the first as if it had been drawn: its ln p after those before it, and what else could be.

    Args:
        backend: who reads.
        tokens: at least one, at most the model's context.
        alternatives: how many of the most probable tokens are wanted beside each.
    """
    return [one for part in read_in_parts(backend, tokens, alternatives) for one in part]


def read_in_parts(backend: Backend, tokens: Sequence[int], alternatives: int = 0) -> Generator[list[Drawn], None, None]:
    """Yield what `read_tokens` returns, part by part: the logits of `ROWS` positions are in memory at once.

    The backend may read for others between two parts. What is held for the text is given back at the end, or when the
    generator is closed.
    """
    slot = backend.open(len(tokens))
    try:
        for start in range(0, len(tokens) - 1, ROWS):
            part = tokens[start : start + ROWS]
            following = tokens[start + 1 : start + 1 + ROWS]
            backend.read([Feed(slot, start, part, len(part))])
            yield [_as_drawn(backend.logits(row), token, alternatives) for row, token in enumerate(following)]
    finally:
        backend.close(slot)


def _as_drawn(logits_V: Floats, token: int, alternatives: int) -> Drawn:
    logits_V = logits_V.astype(np.float64)
    logits_V -= logits_V.max()
    normaliser = np.log(np.exp(logits_V).sum())
    best: list[int] = []
    if alternatives:
        # Of equally probable tokens those with the lowest ids, as the draws have it.
        least = np.partition(logits_V, -alternatives)[-alternatives]
        candidates = np.flatnonzero(logits_V >= least)
        best = candidates[np.argsort(-logits_V[candidates], kind="stable")][:alternatives].tolist()
    beside = tuple((one, float(logits_V[one] - normaliser)) for one in best)
    return Drawn(token, float(logits_V[token] - normaliser), beside)
