"""What generated stories are measured against: all that comes from the corpus and nothing from the model."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fabula.study.baselines.passages import TrainingPassages
from fabula.study.baselines.seen import SeenNGrams
from fabula.study.cast import Cast
from fabula.study.generations.form import sentence_lengths, sentence_sentiments, story_grade
from fabula.study.generations.lints import Lint
from fabula.study.generations.reading import Reading
from fabula.study.generations.telling import as_told, mode_named
from fabula.study.items.item import Scorer
from fabula.study.text import words

Floats = NDArray[np.float64]

SEEN_ORDERS = (8, 13)
"""Lengths in words of the n-grams that are looked up in the training text."""
COMMON = 200
"""So many most frequent words say nothing about what a story is about."""
KNOWN = 2
"""Times that a word must stand in the training text to be one."""


DISTRIBUTION_STORIES = 1_000
"""Held-out stories whose spread is measured at most."""


@dataclass(frozen=True, eq=False)
class Distributions:
    """How held-out stories spread; each sorted."""

    sentiments: Floats
    """VADER of each sentence."""
    sentence_lengths: Floats
    """Words of each sentence."""
    grades: Floats
    """Flesch-Kincaid grade of each story."""
    words: Floats
    """Words of each story."""

    @classmethod
    def of(cls, readings: Sequence[Reading]) -> "Distributions":
        """Measure stories."""
        return cls(
            _sorted([value for reading in readings for value in sentence_sentiments(reading)]),
            _sorted([value for reading in readings for value in sentence_lengths(reading)]),
            _sorted([story_grade(reading) for reading in readings]),
            _sorted([len(reading.words) for reading in readings]),
        )


@dataclass(frozen=True, eq=False)
class Reference:
    """The corpus as a measure."""

    lexicon: frozenset[str]
    """Lower-cased words that stand `KNOWN` times in the training text."""
    common: frozenset[str]
    """Its `COMMON` most frequent words, and the characters' names."""
    cast: Cast
    scorer: Scorer
    """A 5-gram model of words."""
    seen: Mapping[int, SeenNGrams]
    """The training text's n-grams for each n of `SEEN_ORDERS`."""
    passages: TrainingPassages
    """Finds the longest passage that a story shares with a training story."""
    distributions: Mapping[bool, Distributions]
    """Of held-out stories: True: behind their first sentence, False: whole."""
    linter: Callable[[str], list[Lint]] | None = None
    """Finds mistakes of grammar (`fabula.study.generations.lints`), where that is wanted."""

    @classmethod
    def learn(
        cls,
        train: Sequence[str],
        held_out: Sequence[str],
        tokenizer: Tokenizer,
        scorer: Scorer,
        cast: Cast | None = None,
        seen: Mapping[int, SeenNGrams] | None = None,
        linter: Callable[[str], list[Lint]] | None = None,
    ) -> "Reference":
        """Read the corpus.

        Args:
            train: training stories.
            held_out: held-out stories.
            tokenizer: the store's; measures where a story is cut off.
            scorer: a 5-gram model of the training stories' words.
            cast: their characters; None: learned here.
            seen: their n-grams for each n of `SEEN_ORDERS`, of the whole training split where that can be had; None:
                those of `train`.
            linter: finds mistakes of grammar.
        """
        cast = cast or Cast.learn(train)
        counts = Counter(word for text in train for word in words(text.lower()) if word[0].isalpha())
        names = {name.lower() for name in cast.names}
        sample = held_out[:DISTRIBUTION_STORIES]
        return cls(
            frozenset(word for word, count in counts.items() if count >= KNOWN),
            frozenset(word for word, _ in counts.most_common(COMMON)) | names,
            cast,
            scorer,
            seen or {n: SeenNGrams.of(train, n) for n in SEEN_ORDERS},
            TrainingPassages.of(train),
            {
                prompted: Distributions.of([Reading(story) for story in as_told(sample, mode_named(name), tokenizer)])
                for prompted, name in ((True, "sampled"), (False, "sampled-free"))
            },
            linter,
        )


def _sorted(values: Sequence[float]) -> Floats:
    array = np.sort(np.array(values, np.float64))
    return array[~np.isnan(array)]
