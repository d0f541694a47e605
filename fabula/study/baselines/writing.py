"""Stories by a 5-gram: readable text whose wording is right four words long. A control for every measure of stories."""

import numpy as np

from fabula.study.baselines.words import BOUNDARY, FIRST_WORD, ORDERS, UNKNOWN, WordTables
from fabula.study.text import SPEECH_VERBS

LONGEST = 600
"""Words of a story at most."""
CLOSING = frozenset(".,!?;:)]}%'\u2026\u2019\u201d")
"""Marks that stand close to the word before them."""
OPENING = frozenset("([{$#\u2018\u201c")
"""Marks that stand close to the word behind them."""
TIGHT = frozenset("-_/")
"""Marks that stand close to both."""
VERBS = frozenset(SPEECH_VERBS.split("|"))


def sample_stories(tables: WordTables, seed: int, count: int, order: int = ORDERS) -> list[str]:
    """Draw whole stories from an n-gram model of words; one that doesn't end is cut after `LONGEST` words.

    A word outside the vocabulary is drawn from those that the training text has once.
    """
    random = np.random.default_rng(seed)
    stories = tables.model.sample(random, count, LONGEST, order)
    return [write([_word(tables, symbol, random) for symbol in story]) for story in stories]


def write(words: list[str]) -> str:
    """Join words and punctuation the way they are written; a straight quotation mark opens and closes by turns."""
    text = ""
    glue = True
    quoted = False
    for place, word in enumerate(words):
        if word == '"':
            quoted = not quoted or _someone_speaks(words[:place])
        opens = word in OPENING or (word == '"' and quoted)
        closes = word in CLOSING or word in TIGHT or (word == '"' and not quoted)
        text += word if glue or closes else f" {word}"
        glue = opens or word in TIGHT
    return text


def _someone_speaks(before: list[str]) -> bool:
    """Say whether words end with 'said,': behind it a quotation opens, whatever an n-gram left open before."""
    return len(before) > 1 and before[-1] in {",", ":"} and before[-2] in VERBS


def _word(tables: WordTables, symbol: int, random: np.random.Generator) -> str:
    assert symbol != BOUNDARY
    if symbol != UNKNOWN:
        return tables.vocabulary[symbol - FIRST_WORD]
    return tables.rare[int(random.integers(len(tables.rare)))] if tables.rare else "thing"
