"""A language model made of a function, so that what a panel should find is known."""

from collections.abc import Callable, Sequence

import numpy as np

from fabula.study.scoring.language_model import Tree
from fabula.study.stories import HeldOutStory
from tests.tiny import tiny_tokenizer

VOCABULARY = 300


class StandIn:
    """ln p of the next token is `rule(history)`, shape (vocabulary,)."""

    name = "stand-in"
    end_of_text = 0
    vocab_size = VOCABULARY
    parameters = 0

    def __init__(self, rule: Callable[[list[int]], np.ndarray], context: int = 48) -> None:
        self.rule, self.context = rule, context
        self.tokenizer = tiny_tokenizer(VOCABULARY)
        self.longest = 0

    def log_probabilities(self, trees: Sequence[Tree]) -> list[list[np.ndarray]]:
        return [[self._score(list(tree.prefix), branch) for branch in tree.branches] for tree in trees]

    def distributions(self, sequences):
        return [
            np.stack([self.rule(list(sequence[: end + 1])) for end in range(len(sequence))]).astype(np.float32)
            for sequence in sequences
        ]

    def tell(self, prompts, **settings):
        raise NotImplementedError

    def _score(self, history: list[int], branch: Sequence[int]) -> np.ndarray:
        values = []
        for token in branch:
            self.longest = max(self.longest, len(history))
            assert len(history) <= self.context
            values.append(self.rule(history)[token])
            history = [*history, token]
        return np.array(values)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def bigram(seed: int = 0) -> Callable[[list[int]], np.ndarray]:
    """A rule that looks at the last token only."""
    table = log_softmax(np.random.default_rng(seed).normal(size=(VOCABULARY, VOCABULARY)))
    return lambda history: table[history[-1]]


def far(distance: int) -> Callable[[list[int]], np.ndarray]:
    """A rule that expects the token `distance` back to come again, and is evenly unsure where there is none."""

    def rule(history: list[int]) -> np.ndarray:
        logits = np.zeros(VOCABULARY)
        if len(history) >= distance:
            logits[history[-distance]] = 8.0
        return log_softmax(logits)

    return rule


def random_stories(lengths: Sequence[int], seed: int = 0) -> list[HeldOutStory]:
    """Stories of these many tokens, their closing end-of-text counted."""
    random = np.random.default_rng(seed)
    return [
        HeldOutStory(np.append(random.integers(1, VOCABULARY, length - 1), 0).astype(np.int32), 3 * length, number)
        for number, length in enumerate(lengths)
    ]


def stories_of(texts: Sequence[str]) -> list[HeldOutStory]:
    """Stories in the tokens of the stand-in."""
    tokenizer = tiny_tokenizer(VOCABULARY)
    return [
        HeldOutStory(
            np.array([*tokenizer.encode(text, add_special_tokens=False).ids, 0], np.int32), len(text.encode()), number
        )
        for number, text in enumerate(texts)
    ]
