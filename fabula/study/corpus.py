"""The text that a study is made from: held-out stories, and the training stories to compare with."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fabula.corpus.store import Split, TokenStore

TRAINING_STORIES = 30_000
"""Training stories that baselines learn from at most; of a larger corpus a seeded sample."""


@dataclass(frozen=True, eq=False)
class StudyCorpus:
    """Stories as text. Items and baselines are functions of it, a seed and a version."""

    hash: str
    """The token store's hash."""
    held_out: tuple[str, ...]
    """Every story of the validation split, in the store's order."""
    train: tuple[str, ...]
    """Stories of the training split: all, or a seeded sample of `TRAINING_STORIES`."""
    store: TokenStore

    @classmethod
    def open(cls, path: Path, training_stories: int = TRAINING_STORIES) -> "StudyCorpus":
        """Read a token store's stories.

        Raises:
            UserError: no store, or a damaged one.
        """
        store = TokenStore.open(path)
        count = store.train.stories
        chosen: Sequence[int] = range(count)
        if count > training_stories:
            chosen = sorted(random.Random(store.hash).sample(range(count), training_stories))
        train = tuple(store.train.text(index) for index in chosen)
        return cls(store.hash, _texts(store.validation), train, store)


def _texts(split: Split) -> tuple[str, ...]:
    return tuple(split.text(index) for index in range(split.stories))
