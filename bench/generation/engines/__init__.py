"""What tells stories: each module has `load(spec) -> Engine` and is imported by no process but its contender's own."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

Spec = dict[str, Any]
"""What a contender's process is told: engine, folder, precision, threads and the engine's own settings."""


@dataclass
class Told:
    """Some stories told side by side, and when their tokens came."""

    tokens: list[list[int]]
    """Of each story, its prompt left out."""
    begun: float = field(default_factory=time.perf_counter)
    first: float = 0.0
    """Seconds until every story had a token."""
    first_tokens: int = 0
    """How many tokens there were then, of all stories."""
    total: float = 0.0
    """Seconds until the last token."""

    def mark(self, count: int) -> None:
        """Say that there are `count` tokens of all stories now, and at least one of each."""
        self.total = time.perf_counter() - self.begun
        if not self.first:
            self.first, self.first_tokens = self.total, count


class Engine(Protocol):
    """A loaded model."""

    weight_bytes: int
    """Bytes of weights that are read for each token; 0: not known."""
    computes: str
    """What the engine itself says of its precision and kernels."""
    version: str
    """Its name and version."""

    def tell(self, prompts: list[list[int]], new: int) -> Told:
        """Tell stories of exactly `new` tokens, greedily; end-of-text is a token like any other."""
        ...


def tell_step_by_step(prompts: list[list[int]], new: int, read: Callable[[list[list[int]], int], list[int]]) -> Told:
    """Tell stories with `read(tokens of each story, position of their first) -> the most probable next tokens`."""
    told = Told([[] for _ in prompts])
    chosen = read(prompts, 0)
    position = len(prompts[0])
    while True:
        for story, token in zip(told.tokens, chosen, strict=True):
            story.append(token)
        told.mark(sum(map(len, told.tokens)))
        if len(told.tokens[0]) == new:
            return told
        chosen = read([[token] for token in chosen], position)
        position += 1
