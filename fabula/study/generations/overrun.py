"""Text far beyond a story's length: does the form hold when end-of-text is banned until the context is full?"""

import itertools
from collections.abc import Sequence

import numpy as np

from fabula.study.generations.characters import mentions
from fabula.study.generations.form import unknown_words
from fabula.study.generations.reading import Reading
from fabula.study.generations.reference import Reference
from fabula.study.generations.repetition import longest_loop, repeated_ngrams
from fabula.study.generations.telling import WINDOW, Story
from fabula.study.scores import Scores

LAST = "last"
"""Condition of the rows that hold each text's last window once more, whatever the context."""


def measure_overrun(readings: Sequence[Reading], reference: Reference) -> Scores:
    """Measure texts window by window.

    Args:
        readings: at least one, each with at least one window.
        reference: what they are measured against.

    Returns:
        A unit is a window of a text; a condition is the window's first position, or `LAST`: the last full window of
        every text once more. Columns: `rep4`, `nonword`, `longest_loop` (words) and `name_persistence` (share of the
        names in the first window that the window has); and as `..._rise` each minus that of the text's first window.
    """
    rows, units, clusters, conditions = [], [], [], []
    for number, reading in enumerate(readings):
        windows = _windows(reading.story)
        measured = _measures(windows, reference)
        kept = [*zip(range(len(windows)), measured, strict=True)]
        named = [(str(place * WINDOW), row) for place, row in kept] + [(LAST, row) for _, row in kept[-1:]]
        for condition, row in named:
            rises = {f"{name}_rise": value - measured[0][name] for name, value in row.items()}
            rows.append({**row, **rises})
            units.append(f"overrun/story-{number}/{condition}")
            clusters.append(f"story-{number}")
            conditions.append(condition)
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return Scores(np.array(units), np.array(clusters), np.array(conditions), columns)


def _windows(story: Story) -> list[str]:
    """Return the texts of the full windows; the prompt is a part of the first."""
    bounds = [0, *(len(story.prompt) + stop for stop in story.windows)]
    whole = story.prompt + story.text
    return [whole[start:stop] for start, stop in itertools.pairwise(bounds)]


def _measures(windows: Sequence[str], reference: Reference) -> list[dict[str, float]]:
    names = [{mention.name for mention in mentions(reference.cast, window)} for window in windows]
    rows = []
    for window, present in zip(windows, names, strict=True):
        reading = Reading(Story("", window, "overrun", 0, WINDOW, "context"))
        loop = longest_loop(reading.words)
        rows.append(
            {
                "rep4": repeated_ngrams(reading.tokens, 4),
                "nonword": unknown_words(reading, reference.lexicon),
                "longest_loop": float(loop.stop - loop.start if loop else 0),
                "name_persistence": len(names[0] & present) / len(names[0]) if names[0] else float("nan"),
            }
        )
    return rows
