"""Telling many stories at once: all rows stand at the same position, so no prompt needs padding.

A row whose prompt isn't finished is fed its prompt's next token, the others what they drew.

Shapes: B rows, T tokens, V vocabulary.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from fabula.generation.backend import Tokens
from fabula.generation.processors import choose, processed_logits
from fabula.generation.sampling import Sampling

CROWDED = 0.75
"""When a smaller share of the rows is still telling, the others are dropped from the batch."""


class Decoder(Protocol):
    """A model with the keys and values of what some rows have been fed."""

    def feed(self, tokens_BT: Tensor) -> Tensor:
        """Feed every row T more tokens; returns the logits after the last, shape BV."""
        ...

    def keep(self, rows_B: Tensor) -> None:
        """Forget all rows but these."""
        ...


def tell(
    start: Callable[[int, int], Decoder],
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    context: int,
    stops: Sequence[int],
    banned: Sequence[int],
    rows: Callable[[int], int],
    device: torch.device,
) -> list[list[int]]:
    """Continue every prompt until a stop, `sampling.max_new_tokens` or the context's end; returns the new tokens.

    Args:
        start: makes a decoder for (rows, positions).
        prompts: tokens, at least one each.
        sampling: how tokens are drawn; the story of prompt i has a seed of its own, made of (seed, i).
        context: positions that the model was trained for.
        stops: tokens that end a story.
        banned: tokens that are never drawn.
        rows: how many rows of that many positions are told at once.
        device: where the tokens are put.
    """
    assert all(0 < len(prompt) <= context for prompt in prompts), "a prompt that doesn't fit the context"
    told = [_Story(list(prompt), number, sampling, context) for number, prompt in enumerate(prompts)]
    waiting = sorted(told, key=lambda story: len(story.prompt))
    while waiting:
        size = max(1, rows(max(len(story.prompt) + story.limit for story in waiting)))
        group, waiting = waiting[:size], waiting[size:]
        _tell_together(start, group, sampling, stops, banned, device)
    return [story.new for story in told]


class _Story:
    """A story on its way."""

    def __init__(self, prompt: list[int], number: int, sampling: Sampling, context: int) -> None:
        self.prompt = prompt
        self.new: list[int] = []
        # The last token is only read, it needs no position.
        self.limit = min(sampling.max_new_tokens, context - len(prompt) + 1)
        self.seed = int(np.random.SeedSequence((sampling.seed, number)).generate_state(1, np.uint64)[0])
        self.stopped = False
        self._tokens = np.array([*prompt, *[0] * self.limit], np.int32)

    @property
    def counted(self) -> Tokens:
        """What penalties count: all but the prompt's first token, its end-of-text."""
        return self._tokens[1 : len(self.prompt) + len(self.new)]

    def take(self, token: int, stops: Sequence[int]) -> None:
        self._tokens[len(self.prompt) + len(self.new)] = token
        self.new.append(token)
        self.stopped = token in stops or len(self.new) == self.limit


def _tell_together(
    start: Callable[[int, int], Decoder],
    stories: list[_Story],
    sampling: Sampling,
    stops: Sequence[int],
    banned: Sequence[int],
    device: torch.device,
) -> None:
    """Tell some stories from their first token to their last."""
    position = len(stories[0].prompt)
    decoder = start(len(stories), max(len(story.prompt) + story.limit for story in stories) - 1)
    logits_BV = decoder.feed(torch.tensor([story.prompt[:position] for story in stories], device=device))
    while True:
        drawing = [row for row, story in enumerate(stories) if not story.stopped and position >= len(story.prompt)]
        for row, token in zip(drawing, _draw(logits_BV, drawing, stories, sampling, banned), strict=True):
            stories[row].take(token, stops)
        telling = [row for row, story in enumerate(stories) if not story.stopped]
        if not telling:
            return
        if len(telling) < CROWDED * len(stories):
            decoder.keep(torch.tensor(telling, device=device))
            stories = [stories[row] for row in telling]
        fed = [_token_at(story, position) for story in stories]
        logits_BV = decoder.feed(torch.tensor(fed, device=device)[:, None])
        position += 1


def _draw(
    logits_BV: Tensor, rows: list[int], stories: list[_Story], sampling: Sampling, banned: Sequence[int]
) -> list[int]:
    if not rows:
        return []
    chosen_BV = logits_BV if len(rows) == len(logits_BV) else logits_BV[rows]
    if banned:
        chosen_BV = chosen_BV.index_fill(1, torch.tensor(banned, device=chosen_BV.device), -torch.inf)
    drawing = [stories[row] for row in rows]
    prompts = [len(story.prompt) - 1 for story in drawing]
    scores = processed_logits(chosen_BV, [story.counted for story in drawing], prompts, sampling)
    return choose(scores, sampling, [story.seed for story in drawing], [len(story.new) for story in drawing])


def _token_at(story: _Story, position: int) -> int:
    """Return what a row is fed at a position; a story that has stopped repeats its last token, unread."""
    if position < len(story.prompt):
        return story.prompt[position]
    return story.new[min(position - len(story.prompt), len(story.new) - 1)]
