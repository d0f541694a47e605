"""What a model thinks comes next, without telling anything."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fabula.generation.backend import Backend, Feed


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
