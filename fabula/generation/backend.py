"""What computes: a backend reads tokens, keeps their keys and values, and draws from the logits.

There are two, `fabula.generation.native` (the C kernel, CPU) and `fabula.generation.torch_backend` (any device). The
engine above them knows only this file. Nothing here needs PyTorch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fabula.generation.sampling import Sampling

Precision = Literal["auto", "float32", "bfloat16", "int8", "int4"]
"""Of the weights; `auto`: bfloat16 where the folder stores bfloat16, else float32. So `auto` loses nothing."""

Floats = NDArray[np.float32]
Tokens = NDArray[np.int32]


@dataclass(frozen=True)
class Feed:
    """Tokens of one story that a backend reads in one step."""

    slot: int
    """The story's keys and values, from `Backend.open`."""
    start: int
    """Position of the first token. Whatever the slot holds from here on is overwritten: so a rejected draft goes."""
    tokens: Sequence[int] | Tokens
    """At least one."""
    wanted: int = 1
    """How many of the last positions' logits are wanted: 0 (none, a prompt's first part) to len(tokens)."""


@dataclass(frozen=True)
class Draw:
    """One token to be drawn."""

    row: int
    """Which of the last `read`'s rows of logits."""
    sampling: Sampling
    context: Tokens
    """Prompt and story so far, without what the model's folder puts before every prompt (no penalty counts that)."""
    prompt_length: int
    """How many of the context's tokens are the prompt's."""
    seed: int
    """The story's own, not `sampling.seed`."""
    index: int
    """How many tokens the story drew before this one: seed and index decide the draw (`fabula.generation.noise`)."""
    bias: Mapping[int, float] = field(default_factory=dict)
    """Added to the logits before anything else; minus infinity bans a token."""
    alternatives: int = 0
    """How many of the most probable tokens are wanted."""
    probability: bool = False
    """Whether `Drawn.log_probability` is wanted."""


@dataclass(frozen=True)
class Drawn:
    """The token drawn."""

    token: int
    log_probability: float = float("nan")
    """ln p under the model itself (temperature 1, no penalty or filter), nats; NaN when not asked for."""
    alternatives: tuple[tuple[int, float], ...] = ()
    """The most probable tokens with their ln p under the model itself, the most probable first."""


class Backend(Protocol):
    """A model that reads tokens of several stories in one step.

    Rows of logits come in the order of the feeds, and within a feed in the order of its positions.
    """

    name: str
    """What computes, for a person: `native int8, AVX-512, 2 threads`."""
    vocab_size: int
    context: int
    """Positions that the model was trained for."""
    exact: bool
    """Whether a position's logits are a function of the tokens before it to the last bit: however prompts are cut,
    whatever else is read in the same step, with drafts or without."""

    def open(self, capacity: int) -> int:
        """Reserve keys and values for `capacity` positions; returns the slot."""
        ...

    def close(self, slot: int) -> None:
        """Give a slot back."""
        ...

    def read(self, feeds: Sequence[Feed]) -> int:
        """Read tokens of some stories, each slot at most once; returns the number of rows of logits."""
        ...

    def logits(self, row: int) -> Floats:
        """Return a row of the last `read`'s logits: float32, shape (vocabulary,), good until the next `read`."""
        ...

    def draw(self, draws: Sequence[Draw]) -> list[Drawn]:
        """Draw tokens from the last `read`'s logits."""
        ...
