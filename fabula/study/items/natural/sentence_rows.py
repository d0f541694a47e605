"""The sentences of many stories as arrays, so that thousands of them are compared with one at a time."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabula.study.items.natural.narratives import Narrative, Narratives
from fabula.study.items.natural.word_classes import FUNCTION_WORDS
from fabula.study.text import words

GENDERS = ("she", "he", "")
PRONOUNS = (
    frozenset(("she", "her", "hers", "herself")),
    frozenset(("he", "him", "his", "himself")),
    frozenset(("they", "them", "their", "theirs", "themselves")),
    frozenset(("i", "me", "my", "you", "your", "we", "us", "our")),
)
MARKS = re.compile(r"[\"\u201c\u201d]")
SHORTEST, LONGEST = 6, 40
"""Words of a sentence."""
TELLING = 3
"""Content words of a sentence at least: '"Look!" he said' could stand anywhere."""
NAME, PADDING = 0, 1
"""Word ids of every name and of the places behind a sentence."""
CACHE = 0.2
"""Weight of the cache in `Rows.against`."""
Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def key(word: str) -> str:
    """Return what makes two words the same: no capitals, no genitive."""
    return word.lower().removesuffix("'s").removesuffix("\u2019s")


def word_keys(text: str) -> list[str]:
    """Return the keys of the words of a text; punctuation is left out."""
    return [key(word) for word in words(text) if word[0].isalnum()]


@dataclass(frozen=True, eq=False)
class Rows:
    """Properties of sentences, one row each, shorter ones first."""

    sentences: list[tuple[Narrative, int]]
    """Story and number."""
    ids: dict[str, int]
    """Number of each word."""
    commonness: Floats
    """Ln of each word's share in the held-out stories; shape (words,)."""
    words: Ints
    """Word ids, padded; shape (sentences, longest)."""
    content: Bools
    """Whether a word is a content word (names are none); shape (sentences, longest)."""
    length: Ints
    """Words and marks of punctuation."""
    place: NDArray[np.float64]
    """0 for a story's first sentence, 1 for its last."""
    story: Ints
    pronouns: Bools
    """Which of `PRONOUNS` occur; shape (sentences, 4)."""
    quoted: Bools
    """Whether it has quotation marks."""
    curly: Bools
    """Whether its story has curly quotation marks or apostrophes."""
    people: Ints
    """Different names by `GENDERS`; shape (sentences, 3)."""

    @classmethod
    def of(cls, material: Narratives, sentences: Iterable[tuple[Narrative, int]]) -> "Rows":
        """Index sentences; short ones and stock phrases, which occur in several stories, are left out."""
        usable = [(story, number) for story, number in sentences if _usable(story, number)]
        masked = [_masked(story, number) for story, number in usable]
        times = Counter(map(tuple, masked))
        chosen = [place for place, keys in enumerate(masked) if times[tuple(keys)] == 1 and _tells(keys)]
        chosen.sort(key=lambda place: usable[place][0].lengths[usable[place][1]])
        return _rows(material, [usable[place] for place in chosen], [masked[place] for place in chosen])

    def by_story(self) -> dict[int, list[int]]:
        """Return the rows of each story, by its place in the validation split."""
        found: dict[int, list[int]] = {}
        for row, (story, _) in enumerate(self.sentences):
            found.setdefault(story.index, []).append(row)
        return found

    def telling(self, row: int) -> frozenset[int]:
        """Return the content words of a sentence."""
        return frozenset(self.words[row][self.content[row]].tolist())

    def against(self, chosen: NDArray[np.intp], context: Sequence[str], names: float) -> Floats:
        """Compare sentences with a context.

        Args:
            chosen: rows.
            context: the keys of its words.
            names: how often it mentions an average name.

        Returns:
            for each row its length, the share of its words that the context has, that of its content words, what a
            cache of the context's words adds to its log-likelihood (nats), and its log-likelihood by single words;
            shape (rows, 5).
        """
        counts = np.zeros(len(self.ids))
        for word, times in Counter(context).items():
            if word in self.ids:
                counts[self.ids[word]] = times
        counts[NAME], counts[PADDING] = names, 0
        share = counts / max(1, len(context))
        gain = np.log1p(CACHE / (1 - CACHE) * share / np.exp(self.commonness))
        ids, content = self.words[chosen], self.content[chosen]
        hit, real = counts[ids] > 0, ids != PADDING
        return np.column_stack(
            (
                self.length[chosen],
                hit.sum(1) / np.maximum(real.sum(1), 1),
                (hit & content).sum(1) / np.maximum(content.sum(1), 1),
                gain[ids].sum(1),
                (self.commonness[ids] * real).sum(1),
            )
        )


def _usable(story: Narrative, number: int) -> bool:
    return number > 0 and story.whole(number) and SHORTEST <= story.lengths[number] <= LONGEST


def _tells(keys: Sequence[str]) -> bool:
    return len({word for word in keys if _is_content(word)}) >= TELLING


def _is_content(word: str) -> bool:
    return word != "<name>" and word not in FUNCTION_WORDS


def _masked(story: Narrative, number: int) -> list[str]:
    """Return the word keys of a sentence, every name as the same word."""
    start, stop = story.spans[number]
    names = {key(name) for name in story.names(start, stop)}
    return ["<name>" if word in names else word for word in word_keys(story.text[start:stop])]


def _rows(material: Narratives, sentences: list[tuple[Narrative, int]], masked: Sequence[list[str]]) -> Rows:
    ids = {"<name>": NAME, "<padding>": PADDING}
    for keys in masked:
        for word in keys:
            ids.setdefault(word, len(ids))
    longest = max(map(len, masked), default=1)
    table = np.full((len(masked), longest), PADDING, np.int32)
    content = np.zeros((len(masked), longest), np.bool_)
    pronoun = material.cast.names
    people = np.zeros((len(masked), len(GENDERS)), np.int32)
    for row, ((story, number), keys) in enumerate(zip(sentences, masked, strict=True)):
        table[row, : len(keys)] = [ids[word] for word in keys]
        content[row, : len(keys)] = [_is_content(word) for word in keys]
        genders = [pronoun[name] for name in set(story.names(*story.spans[number]))]
        people[row] = [genders.count(gender) for gender in GENDERS]
    return Rows(
        sentences=sentences,
        ids=ids,
        commonness=_commonness(material, ids),
        words=table,
        content=content,
        length=np.array([story.lengths[number] for story, number in sentences], np.int32),
        place=np.array([number / max(len(story) - 1, 1) for story, number in sentences]),
        story=np.array([story.index for story, _ in sentences], np.int32),
        pronouns=np.array([[not group.isdisjoint(keys) for group in PRONOUNS] for keys in masked], np.bool_).reshape(
            -1, len(PRONOUNS)
        ),
        quoted=np.array([bool(MARKS.search(story.sentence(number))) for story, number in sentences], np.bool_),
        curly=np.array([story.curly for story, _ in sentences], np.bool_),
        people=people,
    )


def _commonness(material: Narratives, ids: dict[str, int]) -> Floats:
    """Return ln of each word's share in the held-out stories; a name's is that of an average name."""
    counts = Counter(word for story in material.stories for word in word_keys(story.text))
    times = np.array([counts[word] for word in ids], np.float64)
    names = [counts[name.lower()] for name in material.cast.names]
    times[NAME] = sum(count * count for count in names) / max(1, sum(names))
    return np.log((times + 0.5) / max(1, counts.total()))
