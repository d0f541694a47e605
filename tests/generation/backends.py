"""Backends small and plain enough to know what they must say: their logits are a hash of the tokens that they hold."""

from collections.abc import Callable, Sequence

import numpy as np

from fabula.generation.backend import Draw, Drawn, Feed, Floats
from fabula.generation.noise import exponential
from fabula.generation.sampling import Sampling

Rule = Callable[[Sequence[int]], Floats]
"""From the tokens that a slot holds to the logits after the last."""


def hashed(vocab_size: int, order: int = 1_000_000, spread: float = 2.0) -> Rule:
    """Logits drawn from a normal distribution that the last `order` tokens and their number seed."""

    def logits(tokens: Sequence[int]) -> Floats:
        seen = [len(tokens) if order >= len(tokens) else 0, *tokens[-order:]]
        return (np.random.default_rng(seen).standard_normal(vocab_size) * spread).astype(np.float32)

    return logits


def constant(vocab_size: int, **of_token: float) -> Rule:
    """Logits 0, but for some tokens: `t0=5.0` is token 0's."""
    values = np.zeros(vocab_size, np.float32)
    for name, value in of_token.items():
        values[int(name.removeprefix("t"))] = value
    return lambda tokens: values


def script(vocab_size: int, tokens: Sequence[int]) -> Rule:
    """Say these tokens one after the other, whatever was read before; the first after a prompt of one token."""

    def logits(held: Sequence[int]) -> Floats:
        values = np.full(vocab_size, -50, np.float32)
        values[tokens[(len(held) - 1) % len(tokens)]] = 50
        return values

    return logits


class PlainBackend:
    """Exact by construction, and strict: whatever an engine may not ask for is an error."""

    name = "plain"
    exact = True

    def __init__(self, vocab_size: int, context: int, rule: Rule | None = None) -> None:
        self.vocab_size = vocab_size
        self.context = context
        self.rule = rule or hashed(vocab_size)
        self.slots: dict[int, list[int]] = {}
        self.capacity: dict[int, int] = {}
        self.opened = 0
        self.reads: list[list[Feed]] = []
        self.rows: list[Floats] = []
        self.fail_at: int | None = None
        """Number of the read or draw that raises."""

    def open(self, capacity: int) -> int:
        assert 1 <= capacity <= self.context
        self.opened += 1
        self.slots[self.opened] = []
        self.capacity[self.opened] = capacity
        return self.opened

    def close(self, slot: int) -> None:
        del self.slots[slot]
        del self.capacity[slot]

    def read(self, feeds: Sequence[Feed]) -> int:
        assert feeds
        assert len({feed.slot for feed in feeds}) == len(feeds)
        if self.fail_at is not None and len(self.reads) >= self.fail_at:
            raise RuntimeError("the backend fails")
        self.reads.append(list(feeds))
        self.rows = []
        for feed in feeds:
            held = self.slots[feed.slot]
            assert feed.start <= len(held)
            assert feed.tokens
            assert 0 <= feed.wanted <= len(feed.tokens)
            del held[feed.start :]
            for place, token in enumerate(feed.tokens):
                assert 0 <= token < self.vocab_size
                held.append(token)
                if len(feed.tokens) - place <= feed.wanted:
                    self.rows.append(self.rule(held))
            assert len(held) <= self.capacity[feed.slot]
        return len(self.rows)

    def logits(self, row: int) -> Floats:
        return self.rows[row]

    def draw(self, draws: Sequence[Draw]) -> list[Drawn]:
        return [self._draw(draw) for draw in draws]

    def _draw(self, draw: Draw) -> Drawn:
        """Draw as a backend must, as far as these tests ask: all but the filters of top-k, top-p and min-p."""
        logits = self.rows[draw.row].astype(np.float64)
        own = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
        for token, bias in draw.bias.items():
            logits[token] += bias
        sampling: Sampling = draw.sampling
        seen = np.unique(draw.context)
        penalty = sampling.repetition_penalty
        logits[seen] = np.where(logits[seen] < 0, logits[seen] * penalty, logits[seen] / penalty)
        tokens, counts = np.unique(draw.context[draw.prompt_length :], return_counts=True)
        logits[tokens] -= sampling.presence_penalty + sampling.frequency_penalty * counts
        if sampling.greedy:
            token = int(logits.argmax())
        else:
            noise = exponential(draw.seed, draw.index, np.arange(self.vocab_size))
            token = int((logits / sampling.temperature - np.log(noise)).argmax())
        best = np.argsort(-own, kind="stable")[: draw.alternatives]
        return Drawn(
            token,
            float(own[token]) if draw.probability else float("nan"),
            tuple((int(other), float(own[other])) for other in best),
        )
