"""What peers train on: arrays that the contest wrote from the corpus, read as they are needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count as numbers
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.training.counting import PADDING, Count, count

TOKENS, TARGETS, STORIES, OFFSETS = "tokens.npy", "targets.npy", "stories.npy", "offsets.npy"


@dataclass(frozen=True)
class Batch:
    """One step's data, as PyTorch wants it."""

    tokens: Tensor
    """Inputs, shape (rows, positions)."""
    targets: Tensor
    """The token after each input, or PADDING; same shape."""
    end_of_text: int

    def count(self) -> Count:
        """Count what is in it."""
        return count(self.tokens.numpy(), self.targets.numpy(), self.end_of_text)

    def labels(self) -> Tensor:
        """Return what `transformers` calls labels: the inputs, which it shifts itself, with padding marked."""
        before = torch.cat([self.tokens[:, :1], self.targets[:, :-1]], 1)
        return torch.where(before == PADDING, PADDING, self.tokens)

    def counted_by_labels(self) -> Count:
        """Count what is learned from `labels`: the last target of a row is missing."""
        return Batch(self.tokens[:, :-1], self.targets[:, :-1], self.end_of_text).count()


class Windows:
    """Windows cut from one endless text, as many a step as the contest says."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """Open what the contest wrote."""
        folder = Path(spec["data"])
        self.tokens, self.targets = (np.load(folder / name, mmap_mode="r") for name in (TOKENS, TARGETS))
        self.rows, self.end_of_text = spec["rows"], spec["end_of_text"]

    def batch(self, step: int) -> Batch:
        """Return the windows of a step; 0 is the first."""
        rows = np.arange(step * self.rows, (step + 1) * self.rows) % len(self.tokens)
        tokens, targets = (torch.from_numpy(array[rows].astype(np.int64)) for array in (self.tokens, self.targets))
        return Batch(tokens, targets, self.end_of_text)


class StoryRows:
    """A story a row, end-of-text before and after it, cut to the context and padded to the batch's longest."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """Open what the contest wrote."""
        folder = Path(spec["data"])
        self.stories, self.offsets = (np.load(folder / name, mmap_mode="r") for name in (STORIES, OFFSETS))
        self.rows, self.context, self.end_of_text = spec["story_rows"], spec["shape"]["context"], spec["end_of_text"]

    def story(self, index: int) -> list[int]:
        """Return one row before padding."""
        index %= len(self.offsets) - 1
        story = self.stories[self.offsets[index] : self.offsets[index + 1]].tolist()
        return [self.end_of_text, *story][: self.context]

    def padded(self, stories: list[list[int]]) -> Batch:
        """Put stories of different lengths together."""
        longest = max(map(len, stories))
        tokens = torch.full((len(stories), longest), self.end_of_text)
        targets = torch.full((len(stories), longest), PADDING)
        for row, story in enumerate(stories):
            tokens[row, : len(story)] = torch.tensor(story)
            targets[row, : len(story) - 1] = torch.tensor(story[1:])
        return Batch(tokens, targets, self.end_of_text)

    def batch(self, step: int) -> Batch:
        """Return the rows of a step; 0 is the first."""
        return self.padded([self.story(step * self.rows + row) for row in range(self.rows)])


def feed(spec: dict[str, Any]) -> Windows | StoryRows:
    """Return what a contender is fed with."""
    return Windows(spec) if spec["feed"] == "windows" else StoryRows(spec)


def batches(spec: dict[str, Any]) -> Iterator[Batch]:
    """Yield one batch after the other, without end."""
    source = feed(spec)
    for step in numbers():
        yield source.batch(step)
