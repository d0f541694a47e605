"""The noise that decides a draw: a number for each (seed, index, token), the same in every backend.

A token is drawn by an exponential race: every token v that sampling leaves in gets a waiting time E_v / p_v, where
E_v is exponential noise and p_v the token's probability, and the first to arrive is drawn. That is v with probability
p_v exactly (Efraimidis and Spirakis, 2006; the Gumbel-max trick in other words). The noise belongs to the place, not
to the model, which gives three things at once:

- what a story draws depends on its seed, its place and its own logits, never on what is told beside it;
- a draft that uses the same noise mostly draws the same token, and a verified story is token for token the story
  without a draft, at any temperature;
- neighbouring checkpoints tell, from one seed, stories that differ as little as their probabilities do.

The hash is two rounds of a 32-bit integer mixer (Wellons, "Prospecting for hash functions", 2018); `fabula_noise` in
the native kernel computes the same numbers.
"""

import math

import numpy as np
from numpy.typing import NDArray

MASK_32, MASK_64 = (1 << 32) - 1, (1 << 64) - 1
GOLDEN_32, GOLDEN_64 = 0x9E3779B1, 0x9E3779B97F4A7C15


def key(seed: int, index: int) -> tuple[int, int]:
    """Return the two 32-bit keys of one draw: SplitMix64 of seed and index (plus 1: it maps 0 to 0)."""
    x = ((seed + 1) * GOLDEN_64 + index) & MASK_64
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = ((x ^ (x >> shift)) * factor) & MASK_64
    x ^= x >> 31
    return x & MASK_32, x >> 32


def exponential(seed: int, index: int, tokens: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return each token's exponential noise (mean 1), shape of `tokens`."""
    first, second = key(seed, index)
    x = _mixed((tokens.astype(np.uint32) * np.uint32(GOLDEN_32)) ^ np.uint32(first))
    x = _mixed(x ^ np.uint32(second))
    return -np.log1p(-(x.astype(np.float64) + 0.5) * math.ldexp(1, -32))


def _mixed(x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x21F0AAAD)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0xD35A2D97)
    mixed: NDArray[np.uint32] = x ^ (x >> np.uint32(15))
    return mixed
