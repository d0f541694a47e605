"""What a step executes, in FLOPs: padding, masked scores and what is computed twice are counted too."""

from collections.abc import Sequence

import numpy as np

from fabula.corpus.packing import Batch
from fabula.model.config import LlamaConfig


def executed_flops(shape: LlamaConfig, rows: int, batches: Sequence[Batch], whole_squares: bool = False) -> float:
    """Return the FLOPs of the products and of attention over some micro-batches, forward and backward.

    Forward is 2 a weight and 4 a score and head's width, backward twice that (Chowdhery et al., 2022, appendix B).
    FlashAttention computes the scores a second time in backward; attention as matrices (`whole_squares`) computes those
    above the diagonal too, but each once. `rows` are the head's, with those that only fill it up.
    """
    width, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    weights = shape.layers * shape.hidden * (2 * width + 2 * keys + 3 * shape.intermediate)
    weights += rows * shape.hidden
    products = 6.0 * weights * sum(batch.tokens.size for batch in batches)
    if whole_squares:
        return products + 12.0 * shape.layers * width * sum(batch.tokens.size * shape.context for batch in batches)
    return products + 14.0 * shape.layers * width * sum(map(scores, batches))


def scores(batch: Batch) -> float:
    """Return how many scores causal attention has in a micro-batch, its documents apart where it has boundaries."""
    if batch.boundaries is None:
        windows, context = batch.tokens.shape
        return float(windows * context * (context + 1) / 2)
    lengths = np.diff(batch.boundaries).astype(np.int64)
    return float((lengths * (lengths + 1)).sum() / 2)
