"""Every measurement of a told story: panel `generation` story by story, `generation_sets` by groups of stories."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fabula.study.generations.characters import late_names, mentions, name_persistence, pronouns
from fabula.study.generations.form import (
    ends_in_form,
    recurrence,
    sentence_form,
    sentence_lengths,
    sentence_sentiments,
    story_grade,
    unknown_words,
)
from fabula.study.generations.memorised import seen_share
from fabula.study.generations.overrun import measure_overrun
from fabula.study.generations.quotations import quotations, spoken
from fabula.study.generations.reading import Reading
from fabula.study.generations.reference import Reference
from fabula.study.generations.repetition import longest_loop, repeated_ngrams, repeated_sentences
from fabula.study.generations.sets import measure_sets
from fabula.study.generations.telling import MODES, Story
from fabula.study.items.item import Request
from fabula.study.scores import Scores
from fabula.study.text import words

Floats = NDArray[np.float64]

JUDGED = tuple(mode.name for mode in MODES if mode.prompts != "fixed" and not mode.overrun)
"""Modes whose stories are measured whole."""


def measure(stories: Sequence[Story], reference: Reference) -> dict[str, Scores]:
    """Measure stories.

    Args:
        stories: of any modes, each mode's in the order of its prompts; fixed samples are left out.
        reference: what they are measured against.

    Returns:
        `generation`: a unit is a story, a condition a mode. `generation_sets`: a unit is a group of stories of one
        mode. `overrun`: see `fabula.study.generations.overrun`. A panel that no story belongs to is missing,
        and so is `overrun` where the context has no room for a window.
    """
    readings = {
        name: [Reading(story) for story in stories if story.mode == name]
        for name in (*JUDGED, "overrun")
        if any(story.mode == name for story in stories)
    }
    overrun = [reading for reading in readings.pop("overrun", []) if reading.story.windows]
    panels = {}
    if readings:
        panels["generation"] = _story_scores(readings, reference)
        panels["generation_sets"] = measure_sets(readings, reference)
    if overrun:
        panels["overrun"] = measure_overrun(overrun, reference)
    return panels


def _story_scores(readings: Mapping[str, Sequence[Reading]], reference: Reference) -> Scores:
    every = [reading for part in readings.values() for reading in part]
    units = [f"story-{number}" for part in readings.values() for number in range(len(part))]
    rows = [_measures(reading, reference) for reading in every]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    matches = reference.passages.matches([reading.story.text for reading in every])
    columns["longest_seen"] = np.array([found.max(initial=0) for found in matches], np.float64)
    columns["reference_nats"] = reference_nats(every, reference)
    return Scores(
        np.array([f"{mode}/{unit}" for mode, unit in zip(_modes(readings), units, strict=True)]),
        np.array(units),
        np.array(_modes(readings)),
        columns,
    )


def _modes(readings: Mapping[str, Sequence[Reading]]) -> list[str]:
    return [mode for mode, part in readings.items() for _ in part]


def _measures(reading: Reading, reference: Reference) -> dict[str, float]:
    return {
        **_repetition(reading),
        **_form(reading, reference),
        **_characters(reading, reference),
        **_quotations(reading),
        **_memorised(reading, reference),
    }


def _repetition(reading: Reading) -> dict[str, float]:
    loop = longest_loop(reading.words)
    sentences = reading.sentence_words
    again = len(repeated_sentences(sentences))
    return {
        "rep4": repeated_ngrams(reading.tokens, 4),
        "sentence_repeat": again / len(sentences) if sentences else float("nan"),
        "longest_loop": float(loop.stop - loop.start if loop else 0),
    }


def _form(reading: Reading, reference: Reference) -> dict[str, float]:
    lengths, sentiments = sentence_lengths(reading), sentence_sentiments(reading)
    columns = {
        "nonword": unknown_words(reading, reference.lexicon),
        "sentence_form": sentence_form(reading),
        "words": float(len(reading.words)),
        "sentence_length": float(np.mean(lengths)) if lengths else float("nan"),
        "fk_grade": story_grade(reading),
        "sentiment": float(np.mean(sentiments)) if sentiments else float("nan"),
        "theme_recurrence": recurrence([w for w in words(reading.whole.lower()) if w[0].isalpha()], reference.common),
        "ended": float(reading.story.ended),
        "ends_form": ends_in_form(reading),
    }
    if reference.linter:
        columns["lints"] = 100 * len(reference.linter(reading.story.text)) / max(1, len(reading.words))
    return columns


def _characters(reading: Reading, reference: Reference) -> dict[str, float]:
    named = mentions(reference.cast, reading.whole)
    judged = pronouns(reading.whole, named, reference.cast)
    return {
        "late_names": float(bool(late_names(reading.whole, named))),
        "name_persistence": name_persistence(reading.whole, named),
        "pronoun_match": float(np.mean([pronoun.matches for pronoun in judged])) if judged else float("nan"),
    }


def _quotations(reading: Reading) -> dict[str, float]:
    """Quotations that reach into the continuation; a prompt's own don't count for the model."""
    found = quotations(reading.whole, reading.story.ended)
    told = [quotation for quotation in found.closed if quotation[1] > len(reading.story.prompt)]
    return {
        "quote_balance": float(not found.bad),
        "dialogue": float(any(spoken(reading.whole, quotation) for quotation in told)),
    }


def _memorised(reading: Reading, reference: Reference) -> dict[str, float]:
    return {f"seen{n}": seen_share(seen.windows([reading.story.text])[0]) for n, seen in reference.seen.items()}


def reference_nats(readings: Sequence[Reading], reference: Reference) -> Floats:
    """Return the nats that the reference model needs for each word and mark of a continuation; shape (stories,)."""
    requests = [Request(reading.story.prompt, reading.story.text) for reading in readings]
    nats: Floats = -reference.scorer.log_likelihoods(requests)
    counts = np.array([len(reading.tokens) for reading in readings], np.float64)
    return np.where(counts > 0, nats / np.maximum(counts, 1), np.nan)
