"""What a study asks of a language model, whoever made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fabula.errors import UserError
from fabula.generation.sampling import Sampling

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tree:
    """A context and what may follow it; the context is computed once for all branches."""

    prefix: tuple[int, ...]
    """Tokens of the context, its leading end-of-text included; at least one."""
    branches: tuple[tuple[int, ...], ...]
    """Tokens of each continuation."""

    @property
    def positions(self) -> int:
        """Positions that the longest branch needs; its last token is only predicted and needs none."""
        return len(self.prefix) + max(map(len, self.branches)) - 1


def check_vocabulary(tokenizer: Tokenizer, vocab_size: int, folder: Path) -> None:
    """Raise a UserError where a tokenizer gives tokens that the model doesn't have."""
    tokens = tokenizer.get_vocab_size(with_added_tokens=False)
    if tokens > vocab_size:
        raise UserError(f"{folder}: the tokenizer has {tokens:,} tokens, the model only {vocab_size:,}")


class LanguageModel(Protocol):
    """A causal language model with its tokenizer."""

    name: str
    tokenizer: Tokenizer
    """Prepared: it treats the letters `<|endoftext|>` as letters and adds nothing."""
    end_of_text: int
    """The token before and after every story."""
    context: int
    """Positions the model was trained for."""
    vocab_size: int
    parameters: int

    def log_probabilities(self, trees: Sequence[Tree]) -> list[list[Floats]]:
        """Return ln p of every token of every branch after the prefix: [tree][branch][token], nats, float64.

        A tree with more `positions` than the context is a caller's error.
        """
        ...

    def distributions(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """Return ln p of every vocabulary entry after each position: for each sequence shape (tokens, vocabulary)."""
        ...

    def tell(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, *, ban_end_of_text: bool = False
    ) -> list[list[int]]:
        """Continue every prompt (its leading end-of-text included).

        The draws of prompt i depend on (sampling.seed, i) alone. The repetition penalty doesn't count a prompt's first
        token, its end-of-text: if it did, stories would be kept from ending.

        Returns:
            The new tokens of each, its closing end-of-text included when the story ended.
        """
        ...
