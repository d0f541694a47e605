"""Does a model know where a story ends? End-of-text at the true end against every other sentence's end."""

from collections.abc import Sequence

import numpy as np

from fabula.study.scores import Scores
from fabula.study.scoring.language_model import Floats, LanguageModel
from fabula.study.stories import HeldOutStory
from fabula.study.text import sentence_spans

STORIES = 300
ENTRIES = 1 << 25
"""Probabilities in memory at once."""


def ends(model: LanguageModel, stories: Sequence[HeldOutStory], count: int = STORIES) -> Scores:
    """Compare ln p(end-of-text) at a story's end with that after each of its other sentences.

    Args:
        model: the model.
        stories: held-out stories; those that don't fit the context or have a single sentence are passed over.
        count: measure only this many, the first ones.

    Returns:
        One unit a story. Columns: `auc`, the share of the other sentence ends where end-of-text is less likely than at
        the true end (ties count half); `end`, its probability at the true end; `inside`, its mean probability at the
        others.
    """
    units: list[str] = []
    rows: list[tuple[float, float, float]] = []
    waiting: list[tuple[str, list[int], list[int]]] = []

    def measure() -> None:
        found = model.distributions([tokens for _, tokens, _ in waiting])
        for (name, _, places), values_TV in zip(waiting, found, strict=True):
            units.append(name)
            rows.append(_compare(values_TV[places, model.end_of_text].astype(np.float64)))
        waiting.clear()

    for index, story in enumerate(stories):
        if len(units) + len(waiting) == count:
            break
        tokens = [model.end_of_text, *story.tokens[:-1].tolist()]
        places = _sentence_ends(model, tokens[1:])
        if len(tokens) > model.context or len(places) < 2:
            continue
        waiting.append((f"story-{index}", tokens, places))
        if sum(len(tokens) for _, tokens, _ in waiting) * model.vocab_size > ENTRIES:
            measure()
    if waiting:
        measure()
    names = np.array(units, np.str_)
    auc, end, inside = np.array(rows, np.float64).reshape(-1, 3).T
    return Scores(names, names, np.full(len(names), "", np.str_), {"auc": auc, "end": end, "inside": inside})


def _sentence_ends(model: LanguageModel, tokens: list[int]) -> list[int]:
    """Return the index (end-of-text before the story is 0) of each sentence's last token; the story's last is last."""
    text = model.tokenizer.decode(tokens, skip_special_tokens=False)
    encoding = model.tokenizer.encode(text, add_special_tokens=False)
    if encoding.ids != tokens:  # Tokens that a tokenizer wouldn't write have no place in the text.
        return []
    stops = np.array([stop for _, stop in encoding.offsets])
    sentence_stops = [stop for _, stop in sentence_spans(text)]
    inside = [int(np.searchsorted(stops, stop)) + 1 for stop in sentence_stops[:-1]]
    return [*dict.fromkeys(place for place in inside if place < len(tokens)), len(tokens)]


def _compare(log_probabilities: Floats) -> tuple[float, float, float]:
    *others, end = log_probabilities
    below = np.mean([0.5 if other == end else float(other < end) for other in others])
    return float(below), float(np.exp(end)), float(np.exp(others).mean())
