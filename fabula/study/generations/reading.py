"""A story taken apart once: its sentences and words, for every measurement."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from fabula.study.generations.telling import Story
from fabula.study.text import Span, sentence_spans, word_spans, words

TERMINAL = ".!?\"\u201d'\u2019)"
"""What a finished story may end with."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The words and sentences of one story's continuation; the prompt only counts where it is named."""

    story: Story

    @property
    def whole(self) -> str:
        """Prompt and continuation."""
        return self.story.prompt + self.story.text

    @cached_property
    def sentence_spans(self) -> list[Span]:
        """Where the sentences stand in the continuation; one that was cut off by the length limit isn't among them."""
        spans = sentence_spans(self.story.text)
        cut = spans and not self.story.ended and self.story.text.rstrip()[-1:] not in TERMINAL
        return spans[:-1] if cut else spans

    @cached_property
    def sentences(self) -> list[str]:
        """The sentences."""
        return [self.story.text[start:stop] for start, stop in self.sentence_spans]

    @cached_property
    def sentence_words(self) -> list[list[str]]:
        """The words of each sentence, lower-cased, without punctuation."""
        return [[word for word in words(sentence.lower()) if word[0].isalnum()] for sentence in self.sentences]

    @cached_property
    def spans(self) -> list[Span]:
        """Where the words and marks of punctuation stand in the continuation."""
        return word_spans(self.story.text)

    @cached_property
    def tokens(self) -> list[str]:
        """Words and marks of punctuation of the continuation, lower-cased."""
        return [self.story.text[start:stop].lower() for start, stop in self.spans]

    @cached_property
    def words(self) -> list[str]:
        """Words of the continuation, lower-cased, without punctuation."""
        return [token for token in self.tokens if token[0].isalnum()]


@lru_cache(maxsize=1)
def _dictionary() -> Callable[[str], Sequence[int]]:
    import pyphen

    positions: Callable[[str], Sequence[int]] = pyphen.Pyphen(lang="en_US").positions
    return positions


@lru_cache(maxsize=1 << 16)
def syllables(word: str) -> int:
    """Return the syllables of a word, by the hyphenation patterns of pyphen (American English)."""
    return len(_dictionary()(word)) + 1


@lru_cache(maxsize=1)
def _vader() -> Callable[[str], dict[str, float]]:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    scores: Callable[[str], dict[str, float]] = SentimentIntensityAnalyzer().polarity_scores
    return scores


@lru_cache(maxsize=1 << 16)
def sentiment(sentence: str) -> float:
    """Return VADER's compound sentiment of a sentence, -1 to 1 (Hutto and Gilbert, 2014)."""
    return _vader()(sentence)["compound"]
