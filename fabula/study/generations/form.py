"""The form of a story: whole sentences, real words, reading grade, mood, and whether the story ends."""

import re
from collections.abc import Collection, Sequence

import numpy as np

from fabula.study.generations.reading import Reading, sentiment, syllables

WHOLE_SENTENCE = re.compile(r"^[\"\u201c'\u2018(]*[A-Z0-9].*[.!?][\"\u201d'\u2019)]*$", re.DOTALL)
"""Starts with a capital (or a figure) and ends with '.', '!' or '?'."""
ENDING = re.compile(r"[.!?\"\u201d'\u2019)]\s*$")
"""How a finished story ends."""
GENITIVE = re.compile(r"['\u2019]s?$")
HAS_WORD = re.compile(r"[^\W_]")


def sentence_form(reading: Reading) -> float:
    """Return the share of sentences that start with a capital and end with '.', '!' or '?'; NaN without sentences."""
    whole = [WHOLE_SENTENCE.match(sentence) is not None for sentence in reading.sentences]
    return float(np.mean(whole)) if whole else float("nan")


def ends_in_form(reading: Reading) -> float:
    """Return 1 for a story whose last letter ends a sentence or a quotation, else 0; NaN for one that was cut off."""
    return float(ENDING.search(reading.whole) is not None) if reading.story.ended else float("nan")


def unknown_words(reading: Reading, lexicon: Collection[str]) -> float:
    """Return the share of words that aren't in the lexicon (numbers aside); NaN without words."""
    told = [word for word in reading.words if word[0].isalpha()]
    return sum(not is_known(word, lexicon) for word in told) / len(told) if told else float("nan")


def is_known(word: str, lexicon: Collection[str]) -> bool:
    """Say whether a lower-cased word, or the word that it is the genitive of, is in the lexicon."""
    return word in lexicon or GENITIVE.sub("", word) in lexicon


def sentence_lengths(reading: Reading) -> list[int]:
    """Return the words of each sentence that has any."""
    return [len(sentence) for sentence in reading.sentence_words if sentence]


def sentence_sentiments(reading: Reading) -> list[float]:
    """Return VADER's compound sentiment of each sentence that has a word."""
    return [sentiment(sentence) for sentence in reading.sentences if HAS_WORD.search(sentence)]


def story_grade(reading: Reading) -> float:
    """Return the Flesch-Kincaid grade: 0.39 words/sentence + 11.8 syllables/word - 15.59 (Kincaid et al., 1975).

    A text without a whole sentence counts as one. NaN without words.
    """
    told = reading.words
    if not told:
        return float("nan")
    counted = sum(map(syllables, told))
    return 0.39 * len(told) / max(1, len(sentence_lengths(reading))) + 11.8 * counted / len(told) - 15.59


def recurrence(told: Sequence[str], common: Collection[str]) -> float:
    """Return the share of the content words in the second half of a story that stand in its first half.

    Content words are those that are neither among the most frequent words nor names. NaN where the second half has
    none.
    """
    middle = len(told) // 2
    first = set(told[:middle])
    later = [word for word in told[middle:] if word not in common]
    return sum(word in first for word in later) / len(later) if later else float("nan")
