"""Can a model copy? Random tokens said twice: what it saves the second time is induction (Olsson et al., 2022)."""

import numpy as np

from fabula.study.scores import Scores
from fabula.study.scoring.language_model import LanguageModel, Tree

SEQUENCES = 64
LENGTH = 64
"""Tokens that are repeated; fewer where two of them don't fit the context."""


def copying(model: LanguageModel, sequences: int = SEQUENCES, seed: int = 0) -> Scores:
    """Measure the loss of random tokens at their first and at their second occurrence.

    A sequence is end-of-text and twice the same run of tokens, drawn evenly from the vocabulary without end-of-text.
    The second run's first token, which nothing announces, doesn't count.

    Returns:
        One unit a sequence. Columns, in nats per token: `first`, `second` and `gain` = first - second.
    """
    random = np.random.default_rng(seed)
    length = min(LENGTH, model.context // 2)
    runs = random.integers(0, model.vocab_size - 1, (sequences, length))
    runs += runs >= model.end_of_text
    trees = [Tree((model.end_of_text,), ((*run, *run),)) for run in runs.tolist()]
    losses_SL = -np.stack([branch for (branch,) in model.log_probabilities(trees)])
    first, second = losses_SL[:, 1:length].mean(1), losses_SL[:, length + 1 :].mean(1)
    names = np.array([f"sequence-{index}" for index in range(sequences)], np.str_)
    columns = {"first": first, "second": second, "gain": first - second}
    return Scores(names, names, np.full(sequences, "", np.str_), columns)
