"""From logits to the next token in PyTorch, with the meaning and the order that `transformers` gives to each parameter.

Shapes: B stories, T tokens of context, V vocabulary.
"""

import math

import torch
from torch import Tensor

from fabula.generation.sampling import Sampling

IGNORED = -1
"""Stands in a context where there is no token, or one that the repetition penalty spares."""


def processed_logits(logits_BV: Tensor, context_BT: Tensor, sampling: Sampling) -> Tensor:
    """Return the logits to draw from, float32, minus infinity for tokens that are out.

    Order: repetition penalty, temperature, top-k, top-p, min-p; with temperature 0 only the first.

    Args:
        logits_BV: the model's logits for the next token.
        context_BT: token ids that the repetition penalty counts; `IGNORED` stands where there is none.
        sampling: what to do.
    """
    logits_BV = _penalized(logits_BV.float(), context_BT, sampling.repetition_penalty)
    if sampling.greedy:
        return logits_BV
    logits_BV = logits_BV / sampling.temperature
    if sampling.top_k:
        kth_B1 = logits_BV.topk(min(sampling.top_k, logits_BV.shape[-1])).values[:, -1:]
        logits_BV = logits_BV.masked_fill(logits_BV < kth_B1, -math.inf)
    if sampling.top_p < 1:
        logits_BV = logits_BV.masked_fill(_outside_top_p(logits_BV, sampling.top_p), -math.inf)
    if sampling.min_p:
        probabilities_BV = logits_BV.softmax(-1)
        least_B1 = sampling.min_p * probabilities_BV.amax(-1, keepdim=True)
        logits_BV = logits_BV.masked_fill(probabilities_BV < least_B1, -math.inf)
    return logits_BV


def _penalized(logits_BV: Tensor, context_BT: Tensor, penalty: float) -> Tensor:
    if penalty == 1:
        return logits_BV
    B, V = logits_BV.shape
    column_BT = torch.where(context_BT == IGNORED, V, context_BT)
    seen_BV = torch.zeros(B, V + 1, dtype=torch.bool, device=logits_BV.device).scatter_(1, column_BT, True)[:, :V]
    return torch.where(seen_BV, torch.where(logits_BV < 0, logits_BV * penalty, logits_BV / penalty), logits_BV)


def _outside_top_p(logits_BV: Tensor, top_p: float) -> Tensor:
    ascending_BV, order_BV = logits_BV.sort(-1)
    outside_BV = ascending_BV.softmax(-1).cumsum(-1) <= 1 - top_p
    outside_BV[:, -1] = False
    return outside_BV.scatter(1, order_BV, outside_BV)


def choose(logits_BV: Tensor, sampling: Sampling, generators: list[torch.Generator]) -> list[int]:
    """Draw each story's next token from its processed logits.

    A draw takes one uniform number from the story's own generator (on the CPU, whatever the device of the logits) and
    inverts the cumulative distribution with it. So what a story draws depends on its own logits and seed alone.
    """
    if sampling.greedy:
        return [int(token) for token in logits_BV.argmax(-1)]
    cumulative_BV = logits_BV.double().softmax(-1).cumsum(-1)
    draws = [torch.rand(1, dtype=torch.float64, generator=generator) for generator in generators]
    target_B1 = torch.stack(draws).to(logits_BV.device) * cumulative_BV[:, -1:]
    # right=True passes over tokens of probability 0, which repeat the cumulative value before them.
    picked_B1 = torch.searchsorted(cumulative_BV, target_B1, right=True)
    return [int(token) for token in picked_B1[:, 0]]
