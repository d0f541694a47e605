"""A text file of any size from the story world: every story new, but for the duplicates that real corpora have."""

import random
import re
from pathlib import Path

from fabula.corpus.readers import END_OF_TEXT
from fabula.corpus.storyworld import stories
from fabula.terminal import progress

SOURCES = 2_000
"""Stories whose sentences are used."""
DUPLICATES, NEAR_DUPLICATES = 0.01, 0.01
"""Shares of stories that repeat an earlier one, exactly or with another last sentence."""
REMEMBERED = 1_000
"""Earlier stories that may be repeated."""
TURNS = 7
"""Longest run of sentences taken from one source."""
WORDS_KEPT = 8
"""One word in so many is replaced by another one."""
AT_ONCE = 1_000
"""Stories written together."""


Sentence = list[str]
"""Its words."""


def write(path: Path, size: int, seed: int = 0) -> None:
    """Write stories until the file has `size` bytes."""
    world = _World(seed)
    written = 0
    with path.open("w", encoding="utf-8") as file, progress("writing the text", size / 1e6, "MB") as advance:
        while written < size:
            block = "".join(f"{world.story()}\n{END_OF_TEXT}\n" for _ in range(AT_ONCE))
            file.write(block)
            written += len(block.encode())
            advance(len(block) / 1e6)


class _World:
    """Tells stories of sentences from the story world's stories, with some words replaced."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        told = [re.split(r"(?<=[.!?]) ", story.text) for story in stories(seed, 0, SOURCES)]
        self._sources: list[list[Sentence]] = [[sentence.split(" ") for sentence in source] for source in told]
        self._words = sorted({word for source in self._sources for sentence in source for word in sentence})
        self._earlier: list[list[str]] = []

    def story(self) -> str:
        """Return one more story: a new one, or now and then one that was told before, or nearly."""
        chance = self._draw.random()
        if self._earlier and chance < DUPLICATES + NEAR_DUPLICATES:
            told = self._draw.choice(self._earlier)
            return " ".join(told if chance < DUPLICATES else [*told[:-1], self._sentence(self._sources[0][0])])
        told = []
        for _ in range(self._draw.randint(2, 4)):
            source = self._draw.choice(self._sources)
            begin = self._draw.randrange(len(source))
            told += map(self._sentence, source[begin : begin + self._draw.randint(1, TURNS)])
        if len(self._earlier) < REMEMBERED:
            self._earlier.append(told)
        else:
            self._earlier[self._draw.randrange(REMEMBERED)] = told
        return " ".join(told)

    def _sentence(self, words: Sentence) -> str:
        """Return a sentence with some words replaced: texts of one world must not share most of their 13-grams."""
        told = words.copy()
        for _ in range(1 + len(told) // WORDS_KEPT):
            told[self._draw.randrange(len(told))] = self._draw.choice(self._words)
        return " ".join(told)
