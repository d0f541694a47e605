"""Does a model predict as well far into its context as at its start?

Held-out stories are laid end to end until they fill the context, and every token's loss is measured twice: there, and
in its own story alone. Both concern the same tokens, so a bin of positions with easier text is told from one that the
model handles better. (A window begins with a story, so the first bin holds more beginnings than the others.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fabula.study.scores import Scores
from fabula.study.scoring.language_model import Floats, LanguageModel, Tree
from fabula.study.stories import HeldOutStory

LONGEST = 2_048
"""Positions that are measured at most."""
WINDOWS = 50
BINS = {1_024: 256, 0: 64}
"""Width of a bin of positions for contexts of at least that length."""


@dataclass(frozen=True)
class _Window:
    """Stories one after the other."""

    stories: tuple[tuple[int, ...], ...]
    """Each with its closing end-of-text; the last may be cut."""


def position_loss(model: LanguageModel, stories: Sequence[HeldOutStory], windows: int = WINDOWS) -> Scores:
    """Measure the loss by position in windows that several stories share.

    Args:
        model: the model.
        stories: held-out stories, in an order that means nothing; those longer than the context are left out.
        windows: how many windows to fill, as far as the stories reach.

    Returns:
        One unit for each window and bin of positions: `condition` is the bin's first position, the cluster is the
        window. Columns, in nats per token: `raw`, the loss in the window; `alone`, that of the same tokens each in its
        own story; `excess` = raw - alone; `nats` = excess + the mean of `alone` over all bins: the loss that the bin
        would have if every bin held the same text.
    """
    length = min(model.context, LONGEST)
    width = next(width for least, width in BINS.items() if length >= least)
    chosen = _windows(stories, length - length % width if length >= width else length, windows)
    raw = _losses(model, [[_joined(window)] for window in chosen])
    alone = _losses(model, [list(window.stories) for window in chosen])
    starts = np.arange(0, len(raw[0]), width) if raw else np.empty(0, np.int64)
    raw_WB, alone_WB = (_bin_means(losses, starts) for losses in (raw, alone))
    excess_WB = raw_WB - alone_WB
    mean_alone = alone_WB.mean() if alone_WB.size else 0.0
    columns = {"nats": excess_WB + mean_alone, "raw": raw_WB, "alone": alone_WB, "excess": excess_WB}
    clusters = np.repeat(np.array([f"window-{index}" for index in range(len(chosen))], np.str_), len(starts))
    conditions = np.tile(starts.astype(np.str_), len(chosen))
    units = np.array([f"{window}:{start}" for window, start in zip(clusters, conditions, strict=True)], np.str_)
    return Scores(units, clusters, conditions, {name: values.ravel() for name, values in columns.items()})


def _windows(stories: Sequence[HeldOutStory], length: int, count: int) -> list[_Window]:
    """Fill windows of `length` targets; a story that a window cuts is not used again."""
    found: list[_Window] = []
    inside: list[tuple[int, ...]] = []
    room = length
    for story in stories:
        if len(found) == count:
            break
        if len(story.tokens) > length:
            continue
        inside.append(tuple(story.tokens[:room].tolist()))
        room -= len(inside[-1])
        if not room:
            found.append(_Window(tuple(inside)))
            inside, room = [], length
    return found


def _joined(window: _Window) -> tuple[int, ...]:
    return tuple(token for story in window.stories for token in story)


def _losses(model: LanguageModel, texts: Sequence[Sequence[tuple[int, ...]]]) -> list[Floats]:
    """Return for each list of texts the losses of all its tokens, each text after an end-of-text at position 0."""
    trees = [Tree((model.end_of_text,), (text,)) for group in texts for text in group]
    values = iter(model.log_probabilities(trees))
    return [-np.concatenate([next(values)[0] for _ in group]) for group in texts]


def _bin_means(losses: Sequence[Floats], starts: np.ndarray) -> Floats:
    """Return the mean loss of each window (rows) in each bin (columns)."""
    if not losses:
        return np.empty((0, 0))
    sums = np.add.reduceat(np.stack(losses), starts, axis=1)
    return np.asarray(sums / np.diff([*starts.tolist(), len(losses[0])]), np.float64)
