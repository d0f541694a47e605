"""From logits to the next token in PyTorch, with the meaning and the order that `transformers` gives to each parameter.

`fabula/native/sampling.c` computes the same. Hostile logits have answers too: NaN counts as minus infinity, plus
infinity as the largest float32, and where nothing is left to draw, the first token that no bias bans is drawn (token 0
when all are banned).

Shapes: B stories, V vocabulary.
"""

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fabula.generation.backend import Draw, Drawn, Tokens
from fabula.generation.noise import GOLDEN_32, key
from fabula.generation.sampling import Sampling

LARGEST = torch.finfo(torch.float32).max
FEW = 16
"""Where filters leave less than one token in so many, the noise of these alone is computed."""
NUCLEUS = 128
"""Among so many of the most probable tokens those of top-p are looked for first."""
MARGIN = 1e-4
"""Relative room for float32's rounding where a token is put aside because it can't be drawn."""


def draw_rows(logits_BV: Tensor, draws: Sequence[Draw]) -> list[Drawn]:
    """Draw a token from every row of logits, each with its own settings; the i-th row is that of the i-th draw.

    Draws with the same settings are made together. `Draw.row` isn't looked at.
    """
    assert len(logits_BV) == len(draws), f"{len(logits_BV)} rows for {len(draws)} draws"
    alike: dict[tuple[float, ...], list[int]] = {}
    for row, draw in enumerate(draws):
        alike.setdefault(_decisive(draw.sampling), []).append(row)
    tokens = [0] * len(draws)
    for rows in alike.values():
        group = [draws[row] for row in rows]
        chosen_BV = logits_BV if len(rows) == len(draws) else logits_BV[rows]
        for row, token in zip(rows, _draw_alike(chosen_BV, group), strict=True):
            tokens[row] = token
    return _reported(logits_BV, draws, tokens)


def processed_logits(
    logits_BV: Tensor, contexts: Sequence[Tokens], prompt_lengths: Sequence[int], sampling: Sampling
) -> Tensor:
    """Return the logits to draw from, float32, minus infinity for tokens that are out.

    Order: repetition penalty, frequency and presence penalty, repeated n-grams, temperature, top-k, top-p, min-p; with
    temperature 0 only those before temperature. A bias has been added before.

    Args:
        logits_BV: the model's logits for the next token.
        contexts: each story's tokens, prompt first, that penalties and n-grams count.
        prompt_lengths: how many of these are the prompt's; frequency and presence penalty don't count them.
        sampling: what to do.
    """
    logits_BV = logits_BV.float()
    if sampling.repetition_penalty != 1:
        logits_BV = _penalize_repetition(logits_BV, contexts, sampling.repetition_penalty)
    if sampling.frequency_penalty or sampling.presence_penalty:
        told = [context[length:] for context, length in zip(contexts, prompt_lengths, strict=True)]
        logits_BV = _penalize_counts(logits_BV, told, sampling.frequency_penalty, sampling.presence_penalty)
    if sampling.no_repeat_ngram:
        banned = [_ending_repeated_runs(context, sampling.no_repeat_ngram) for context in contexts]
        logits_BV = logits_BV.index_put(_places(banned, logits_BV.device), logits_BV.new_tensor(-math.inf))
    if not sampling.greedy:
        logits_BV = logits_BV / sampling.temperature
    logits_BV = _cleaned(logits_BV)
    return logits_BV if sampling.greedy else _filtered(logits_BV, sampling)


def choose(processed_BV: Tensor, sampling: Sampling, seeds: Sequence[int], indexes: Sequence[int]) -> list[int]:
    """Draw each story's next token from its processed logits; 0 where no token is left in.

    The token is that of `fabula.generation.noise` on any device: the device puts aside what can't be drawn, in float32
    and with a margin; the few that are left race in float64.

    Args:
        processed_BV: of `processed_logits`.
        sampling: says whether to draw at all, or to take the most probable token, of equal ones the lowest.
        seeds: each story's own.
        indexes: how many tokens each story drew before.
    """
    if sampling.greedy:
        return cast(list[int], processed_BV.argmax(-1).tolist())
    keys = np.array([key(*place) for place in zip(seeds, indexes, strict=True)], np.uint32).reshape(-1, 2)
    keys_B2 = torch.from_numpy(keys.view(np.int32)).to(processed_BV.device)
    most_B1 = processed_BV.amax(-1, keepdim=True)
    left_BV = processed_BV > -math.inf
    if _filters(sampling) and int(left_BV.sum()) * FEW < left_BV.numel():
        row_N, token_N = left_BV.nonzero(as_tuple=True)
        hash_N = _hashed(token_N, keys_B2[row_N, 0], keys_B2[row_N, 1])
    else:
        tokens_V = torch.arange(processed_BV.shape[1], device=processed_BV.device)
        hash_BV = _hashed(tokens_V, keys_B2[:, :1], keys_B2[:, 1:])
        row_N, token_N = _contenders(hash_BV, processed_BV, most_B1).nonzero(as_tuple=True)
        hash_N = hash_BV[row_N, token_N]
    racing = (row_N, token_N, hash_N, processed_BV[row_N, token_N], most_B1[row_N, 0])
    return _first_to_arrive(len(processed_BV), *(tensor.cpu().numpy() for tensor in racing))


def _filters(sampling: Sampling) -> bool:
    return sampling.top_p < 1 or sampling.top_k > 0 or sampling.min_p > 0


def _decisive(sampling: Sampling) -> tuple[float, ...]:
    """Return the settings that decide what is drawn from."""
    filters = (sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p)
    penalties = (sampling.repetition_penalty, sampling.frequency_penalty, sampling.presence_penalty)
    return (*filters, *penalties, sampling.no_repeat_ngram)


def _draw_alike(logits_BV: Tensor, draws: Sequence[Draw]) -> list[int]:
    sampling = draws[0].sampling
    if any(draw.bias for draw in draws):
        biased = [np.fromiter(draw.bias, np.int64, len(draw.bias)) for draw in draws]
        biases = np.array([bias for draw in draws for bias in draw.bias.values()], np.float32)
        places = _places(biased, logits_BV.device)
        biases_N = torch.from_numpy(biases).to(logits_BV.device)
        logits_BV = logits_BV.float().index_put(places, biases_N, accumulate=True)
    contexts, lengths = [draw.context for draw in draws], [draw.prompt_length for draw in draws]
    scores_BV = processed_logits(logits_BV, contexts, lengths, sampling)
    tokens = choose(scores_BV, sampling, [draw.seed for draw in draws], [draw.index for draw in draws])
    nothing_left = scores_BV.gather(1, torch.tensor(tokens, device=scores_BV.device)[:, None])[:, 0] == -math.inf
    for row in nothing_left.nonzero()[:, 0].tolist():
        free = (token for token in range(logits_BV.shape[1]) if draws[row].bias.get(token, 0) != -math.inf)
        tokens[row] = next(free, 0)
    return tokens


def _cleaned(logits_BV: Tensor) -> Tensor:
    return logits_BV.nan_to_num(nan=-math.inf, posinf=LARGEST, neginf=-math.inf)


# ---- Penalties -------------------------------------------------------------------------------------------------------


def _places(tokens: Sequence[NDArray[np.integer]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the rows and the columns of some tokens of each story."""
    rows = np.repeat(np.arange(len(tokens)), [len(story) for story in tokens])
    columns = np.concatenate(tokens).astype(np.int64)
    return torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)


def _penalize_repetition(logits_BV: Tensor, contexts: Sequence[Tokens], penalty: float) -> Tensor:
    places = _places(contexts, logits_BV.device)
    seen_N = logits_BV[places]
    # A token that stands in a context twice gets the same value twice.
    return logits_BV.index_put(places, torch.where(seen_N < 0, seen_N * penalty, seen_N / penalty))


def _penalize_counts(logits_BV: Tensor, told: Sequence[Tokens], frequency: float, presence: float) -> Tensor:
    counted = [np.unique(story, return_counts=True) for story in told]
    places = _places([tokens for tokens, _ in counted], logits_BV.device)
    counts = np.concatenate([counts for _, counts in counted]).astype(np.float32)
    counts_N = torch.from_numpy(counts).to(logits_BV.device)
    return logits_BV.index_put(places, logits_BV[places] - frequency * counts_N - presence)


def _ending_repeated_runs(context: Tokens, n: int) -> Tokens:
    """Return the tokens that would end a run of n tokens that the context holds already."""
    if len(context) < n:
        return context[:0]
    runs = np.lib.stride_tricks.sliding_window_view(context, n)
    ending: Tokens = runs[(runs[:, :-1] == context[len(context) - n + 1 :]).all(-1), -1]
    return ending


# ---- Filters ---------------------------------------------------------------------------------------------------------


def _filtered(logits_BV: Tensor, sampling: Sampling) -> Tensor:
    if 0 < sampling.top_k < logits_BV.shape[-1]:
        kth_B1 = logits_BV.topk(sampling.top_k).values[:, -1:]
        logits_BV = logits_BV.masked_fill(logits_BV < kth_B1, -math.inf)
    if sampling.top_p < 1:
        logits_BV = logits_BV.masked_fill(_outside_top_p(logits_BV, sampling.top_p), -math.inf)
    if sampling.min_p:
        probabilities_BV = logits_BV.softmax(-1)
        least_B1 = sampling.min_p * probabilities_BV.amax(-1, keepdim=True)
        logits_BV = logits_BV.masked_fill(probabilities_BV < least_B1, -math.inf)
    return logits_BV


def _outside_top_p(logits_BV: Tensor, top_p: float) -> Tensor:
    """Say which tokens aren't among the fewest whose probabilities add up to top_p.

    Mostly they are a few of the most probable, found without a sort of the vocabulary; rows where they may be more, or
    where it isn't values alone that decide, are sorted.
    """
    top = logits_BV.topk(min(NUCLEUS, logits_BV.shape[-1]))
    sums_BK = logits_BV.softmax(-1).gather(1, top.indices).cumsum(-1)
    kept_B1 = (sums_BK < top_p).sum(-1, keepdim=True) + 1
    after_B1 = kept_B1.clamp(max=top.values.shape[1] - 1)
    least_B1 = top.values.gather(1, after_B1 - 1)
    settled_B = ((kept_B1 == after_B1) & (top.values.gather(1, after_B1) < least_B1))[:, 0]
    outside_BV = logits_BV < least_B1
    if not bool(settled_B.all()):
        outside_BV[~settled_B] = _sorted_outside_top_p(logits_BV[~settled_B], top_p)
    return outside_BV


def _sorted_outside_top_p(logits_BV: Tensor, top_p: float) -> Tensor:
    ascending_BV, order_BV = logits_BV.sort(dim=-1, stable=True)
    outside_BV = ascending_BV.softmax(-1).cumsum(-1) <= 1 - top_p
    outside_BV[:, -1] = False
    return outside_BV.scatter(1, order_BV, outside_BV)


# ---- The race --------------------------------------------------------------------------------------------------------


def _hashed(tokens: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the hash of `fabula.generation.noise`, its 32 bits in an int32: PyTorch can't reckon with uint32."""
    # int64 can't overflow here, where the lower 32 bits are wanted; below, int32 does, and wraps on every device.
    scaled = (tokens * GOLDEN_32).to(torch.int32)
    return _mixed(_mixed(scaled ^ first).bitwise_xor_(second))


def _mixed(x: Tensor) -> Tensor:
    """Mix an int32 tensor in place."""
    for shift, factor in ((16, 0x21F0AAAD), (15, 0xD35A2D97 - 2**32)):
        x.bitwise_xor_((x >> shift).bitwise_and_(2 ** (32 - shift) - 1)).mul_(factor)
    return x.bitwise_xor_((x >> 15).bitwise_and_(2**17 - 1))


def _contenders(hash_BV: Tensor, processed_BV: Tensor, most_B1: Tensor) -> Tensor:
    """Say which tokens may arrive first.

    The noise -ln(1 - u) is at least u, so u / p is the earliest that a token can arrive. Who could be the earliest does
    arrive at some time, and whoever can't arrive before that is out: nearly all, without their logarithms.
    """
    # The upper 24 bits are a float32; 2^-33 is the least that u can be.
    u_BV = ((hash_BV >> 8).bitwise_and_(2**24 - 1)).float().mul_(2**-24).add_(2**-33)
    earliest_BV = (most_B1 - processed_BV).exp_().mul_(u_BV)
    candidate_B1 = earliest_BV.argmin(-1, keepdim=True)
    u_B1 = u_BV.gather(1, candidate_B1)
    arrives_B1 = earliest_BV.gather(1, candidate_B1) * -torch.log1p(-u_B1 - 2**-24) / u_B1
    return earliest_BV <= arrives_B1 * (1 + MARGIN)


def _first_to_arrive(
    rows: int,
    row_N: NDArray[np.int64],
    token_N: NDArray[np.int64],
    hash_N: NDArray[np.int32],
    score_N: NDArray[np.float32],
    most_N: NDArray[np.float32],
) -> list[int]:
    """Return each row's first token of those that race, 0 where none does."""
    noise_N = -np.log1p(-(hash_N.view(np.uint32).astype(np.float64) + 0.5) * 2.0**-32)
    # A token whose weight is too small for float64 never arrives.
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        arrival_N = noise_N / np.exp(score_N.astype(np.float64) - most_N.astype(np.float64))
    order = np.lexsort((token_N, arrival_N, row_N))
    found, first = np.unique(row_N[order], return_index=True)
    tokens = np.zeros(rows, np.int64)
    tokens[found] = token_N[order][first]
    return tokens.tolist()


# ---- What the model itself holds probable ----------------------------------------------------------------------------


def _reported(logits_BV: Tensor, draws: Sequence[Draw], tokens: Sequence[int]) -> list[Drawn]:
    """Return what was drawn with the log-probabilities asked for."""
    asked = [row for row, draw in enumerate(draws) if draw.probability or draw.alternatives]
    drawn = [Drawn(token) for token in tokens]
    if asked:
        cleaned_NV = _cleaned(logits_BV[asked].float()).log_softmax(-1)
        for row, found_V in zip(asked, cleaned_NV, strict=True):
            probability = float(found_V[tokens[row]]) if draws[row].probability else math.nan
            drawn[row] = Drawn(tokens[row], probability, _most_probable(found_V, draws[row].alternatives))
    return drawn


def _most_probable(found_V: Tensor, count: int) -> tuple[tuple[int, float], ...]:
    """Return possible tokens with their ln p, the most probable first, of equal ones the lowest."""
    if not count:
        return ()
    least = found_V.topk(min(count, len(found_V))).values[-1]
    places = ((found_V >= least) & (found_V > -math.inf)).nonzero()[:, 0]
    ranked = sorted(zip(found_V[places].tolist(), places.tolist(), strict=True), key=lambda pair: (-pair[0], pair[1]))
    return tuple((token, value) for value, token in ranked[:count])
