"""Drafts for speculative decoding: guesses at a story's next tokens, verified by the model that tells it."""

from collections.abc import Sequence
from typing import Protocol

from fabula.generation.sampling import Sampling


class Draft(Protocol):
    """Something that guesses how stories go on.

    A story with a draft is token for token the story without one: the engine draws every token from the model's own
    logits, and a guess that differs from what is drawn is thrown away with all that follow it. A guess only decides
    how many tokens one step yields.
    """

    name: str
    least: float
    """Guesses less probable than this cost more than they bring; a draft that knows leaves them out. The engine sets
    it before every `guess` to what it has measured."""

    def open(self, story: int, context: Sequence[int], sampling: Sampling, seed: int) -> None:
        """Begin a story: `context` is its prompt with all that the model reads before it."""
        ...

    def guess(self, stories: Sequence[int], most: Sequence[int]) -> list[list[int]]:
        """Guess the next tokens of some stories, at most `most[i]` of the i-th; an empty list is no guess."""
        ...

    def accept(self, story: int, tokens: Sequence[int]) -> None:
        """Tell a story's draft which tokens came in truth since its last guess (drafted ones included)."""
        ...

    def close(self, story: int) -> None:
        """Forget a story."""
        ...
