"""Stories in which something bad happens, by VADER (Hutto & Gilbert, 2014)."""

from functools import lru_cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from fabula.study.items.natural.narratives import Narrative

BAD = -0.2
"""Compound sentiment (-1 to 1) below which a sentence tells something bad."""


def troubled(story: Narrative) -> bool:
    """Say whether a sentence between the first fifth and the last fifth of a story tells something bad."""
    first, last = len(story) // 5, len(story) - max(1, len(story) // 5)
    return any(sentiment(story.sentence(number)) < BAD for number in range(max(1, first), last))


def sentiment(sentence: str) -> float:
    """Return VADER's compound sentiment of a sentence, -1 to 1."""
    return float(_analyzer().polarity_scores(sentence)["compound"])


@lru_cache(maxsize=1)
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()
