"""The n-gram ladder: a model's held-out loss beside that of n-grams of the same tokens.

A model that knows no more than which tokens follow the last k - 1 has the loss of a k-gram; where it passes below the
loss of order k, it has learned something beyond (Chang and Bergen, 2022).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabula.study.baselines.tokens import TokenNGrams
from fabula.study.scores import Scores
from fabula.study.scoring.language_model import Floats, LanguageModel, Tree
from fabula.study.stories import HeldOutStory

ORDERS = (1, 2, 3, 4, 5)
SAMPLE_ENTRIES = 1 << 24
"""Probabilities that the sample of positions holds for each order."""
SAMPLE_POSITIONS = 1_000
POSITIONS_PER_STORY = 10

Position = tuple[int, int]
"""A story's index and a target's index in it."""


@dataclass(frozen=True, eq=False)
class Rungs:
    """What n-grams say about the held-out stories: computed once, compared with every checkpoint."""

    nats: Mapping[int, Floats]
    """For each order the summed loss of each story, its closing end-of-text included; shape (stories,)."""
    sample: tuple[Position, ...]
    """Where the distributions were taken."""
    distributions: Mapping[int, NDArray[np.float32]]
    """For each order ln p of every token at the sampled positions; shape (positions, vocabulary)."""

    @classmethod
    def measure(
        cls,
        stories: Sequence[HeldOutStory],
        ngrams: TokenNGrams,
        vocab_size: int,
        orders: Sequence[int] = ORDERS,
        seed: int = 0,
    ) -> "Rungs":
        """Ask n-grams about every story, and for their whole distribution at a sample of positions.

        Args:
            stories: the held-out stories, the same ones that `ladder` gets.
            ngrams: models of the same tokens.
            vocab_size: of the language model to compare with.
            orders: the lengths k of the n-grams.
            seed: decides the sample.
        """
        texts = [story.tokens[:-1].tolist() for story in stories]
        sample = sample_positions(stories, min(SAMPLE_POSITIONS, max(1, SAMPLE_ENTRIES // vocab_size)), seed)
        histories = [[ngrams.end_of_text, *texts[story][:target]] for story, target in sample]
        return cls(
            {k: np.array([-values.sum() for values in ngrams.log_probabilities(texts, k)]) for k in orders},
            sample,
            {k: np.log(ngrams.model.distributions(histories, k)).astype(np.float32) for k in orders},
        )


def sample_positions(stories: Sequence[HeldOutStory], count: int, seed: int) -> tuple[Position, ...]:
    """Draw about `count` targets, up to `POSITIONS_PER_STORY` of one story."""
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(stories))[: -(-count // POSITIONS_PER_STORY)]
    found: list[Position] = []
    for story in sorted(chosen.tolist()):
        targets = random.permutation(len(stories[story].tokens))[:POSITIONS_PER_STORY]
        found += [(story, target) for target in sorted(targets.tolist())]
    return tuple(found)


def ladder(model: LanguageModel, stories: Sequence[HeldOutStory], rungs: Rungs | None = None) -> Scores:
    """Measure the held-out loss of every story, and how far it lies below the n-grams'.

    The loss is that of `fabula evaluate`: end-of-text stands before each story, every token and the closing
    end-of-text are predicted once, a story longer than the context is cut into windows.

    Returns:
        One unit a story. Columns: `nats_per_byte`; `nats_per_token`; `weight` and `tokens`, bytes and tokens of the
        story: the corpus's loss is the mean weighted with them. With `rungs` `gain1` ...: nats per byte of the k-gram
        less the model's; `kl1` ...: KL(model || k-gram) in nats, mean over the story's sampled positions (NaN where
        there are none).
    """
    nats = story_nats(model, stories)
    sizes = np.array([story.size for story in stories], np.float64)
    tokens = np.array([len(story.tokens) for story in stories], np.float64)
    columns = {"nats_per_byte": nats / sizes, "nats_per_token": nats / tokens, "weight": sizes, "tokens": tokens}
    if rungs is not None:
        columns |= {f"gain{k}": (values - nats) / sizes for k, values in rungs.nats.items()}
        columns |= _divergences(model, stories, rungs)
    names = np.array([f"story-{index}" for index in range(len(stories))], np.str_)
    return Scores(names, names, np.full(len(stories), "", np.str_), columns)


def story_nats(model: LanguageModel, stories: Sequence[HeldOutStory]) -> Floats:
    """Return each story's summed loss in nats, its closing end-of-text included; shape (stories,)."""
    return np.array([losses.sum() for losses in token_losses(model, stories)], np.float64)


def token_losses(model: LanguageModel, stories: Sequence[HeldOutStory]) -> list[Floats]:
    """Return the loss in nats of every token of each story, its closing end-of-text included.

    A story longer than the context is cut into windows: positions start again in each, and its first input is the
    token before it.
    """
    owners, trees = [], []
    for index, story in enumerate(stories):
        tokens = [model.end_of_text, *story.tokens.tolist()]
        for start in range(0, len(tokens) - 1, model.context):
            window = tokens[start : start + model.context + 1]
            owners.append(index)
            trees.append(Tree((window[0],), (tuple(window[1:]),)))
    parts: list[list[Floats]] = [[] for _ in stories]
    for owner, (values,) in zip(owners, model.log_probabilities(trees), strict=True):
        parts[owner].append(-values)
    return [np.concatenate(windows) for windows in parts]


def _divergences(model: LanguageModel, stories: Sequence[HeldOutStory], rungs: Rungs) -> dict[str, Floats]:
    """Return the mean KL(model || k-gram) over each story's sampled positions inside the context."""
    by_story: dict[int, list[tuple[int, int]]] = {}
    for number, (story, target) in enumerate(rungs.sample):
        if target < model.context:
            by_story.setdefault(story, []).append((number, target))
    columns = {f"kl{k}": np.full(len(stories), np.nan) for k in rungs.distributions}
    for story, entries in by_story.items():
        numbers, targets = (list(column) for column in zip(*entries, strict=True))
        inputs = [model.end_of_text, *stories[story].tokens[: max(targets)].tolist()]
        ours_PV = model.distributions([inputs])[0][targets].astype(np.float64)
        for k, theirs in rungs.distributions.items():
            difference_PV = ours_PV - theirs[numbers]
            columns[f"kl{k}"][story] = float((np.exp(ours_PV) * difference_PV).sum(-1).mean())
    return columns
