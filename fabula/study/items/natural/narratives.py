"""Held-out stories prepared for questions: their sentences, who is named where, and what may be asked of them."""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from fabula.study.cast import Cast
from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.text import Span, sentence_spans, word_spans

LONGEST = 400
"""Words that a context has at most: two or three tokens for a word must fit into 1,024 positions."""
LEARN_FROM = 4_000
"""Training stories that names and word classes are learned from, besides all held-out ones."""
Content = tuple[tuple[str, ...], tuple[str, ...]]
CURLY = re.compile(r"[\u201c\u201d\u2019]")
DOUBLE = re.compile(r"[\"\u201c\u201d]")


@dataclass(frozen=True, eq=False)
class Narrative:
    """One held-out story."""

    index: int
    """Its place in the validation split."""
    text: str
    spans: tuple[Span, ...]
    """Sentences; a quotation of several sentences belongs to one."""
    mentions: tuple[tuple[int, int, str], ...]
    """(start, stop, name) in the text."""

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def cluster(self) -> str:
        """What items made from this story share."""
        return f"story-{self.index}"

    @cached_property
    def curly(self) -> bool:
        """Whether its quotation marks and apostrophes are curly: a style that gives a foreign sentence away."""
        return bool(CURLY.search(self.text))

    def sentence(self, number: int) -> str:
        """Return one sentence."""
        start, stop = self.spans[number]
        return self.text[start:stop]

    def before(self, number: int) -> str:
        """Return the story up to a sentence, without the blank between."""
        return self.text[: self.spans[number - 1][1]] if number else ""

    def gap(self, number: int) -> str:
        """Return what stands between the sentence before and this one: a blank or a new line."""
        return self.text[self.spans[number - 1][1] : self.spans[number][0]] if number else ""

    def names(self, start: int, stop: int) -> list[str]:
        """Return the names within characters [start, stop), as often as they are mentioned."""
        return [name for first, last, name in self.mentions if start <= first and last <= stop]

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Words of each sentence, marks of punctuation included."""
        return tuple(len(word_spans(self.sentence(number))) for number in range(len(self)))

    def fits(self, number: int) -> bool:
        """Say whether the story up to and with this sentence is short enough for every model."""
        return sum(self.lengths[: number + 1]) <= LONGEST

    def whole(self, number: int) -> bool:
        """Say whether a sentence can be moved: its quotation marks come in pairs, and it ends like a sentence."""
        sentence = self.sentence(number)
        return len(DOUBLE.findall(sentence)) % 2 == 0 and sentence[-1] in '.!?"\u201d' and sentence[0] not in ".,!?"


@dataclass(frozen=True, eq=False)
class Narratives:
    """All held-out stories of a corpus, and who their characters are."""

    stories: tuple[Narrative, ...]
    cast: Cast
    background: tuple[str, ...]
    """Stories to learn words from: the held-out ones and some training stories."""


@lru_cache(maxsize=2)
def narratives(corpus: StudyCorpus) -> Narratives:
    """Prepare the held-out stories; a text that occurs twice is taken once."""
    background = (*corpus.held_out, *corpus.train[:LEARN_FROM])
    cast = Cast.learn(background)
    first = {text: index for index, text in reversed(list(enumerate(corpus.held_out)))}
    stories = tuple(narrative(text, first[text], cast) for text in dict.fromkeys(corpus.held_out))
    return Narratives(stories, cast, background)


def narrative(text: str, index: int, cast: Cast) -> Narrative:
    """Cut a story into sentences and find its names."""
    return Narrative(index, text, tuple(_quotations_joined(text)), tuple(cast.mentions(text)))


def _quotations_joined(text: str) -> Iterator[Span]:
    """Yield sentences; those of one quotation, which ends with its paragraph at the latest, as one."""
    begin = end = None
    for start, stop in sentence_spans(text):
        if begin is None or end is None:
            begin = start
        elif len(DOUBLE.findall(text[begin:end])) % 2 == 0 or "\n" in text[end:start]:
            yield begin, end
            begin = start
        end = stop
    if begin is not None and end is not None:
        yield begin, end


def spread(
    stories: Sequence[Narrative], limit: int, chance: random.Random, ask: Callable[[Narrative], Iterable[Item]]
) -> list[Item]:
    """Take at most `limit` items: one of each story in random order, then a second of each, and so on.

    `ask` is a generator: no story is asked for more items than are taken. A smaller limit gives the first part of
    what a larger one gives.
    """
    order = list(stories)
    chance.shuffle(order)
    asked = [iter(ask(story)) for story in order]
    items: list[Item] = []
    known: set[Content] = set()
    while asked and len(items) < limit:
        going = []
        for source in asked:
            item = next((item for item in source if content(item) not in known), None)
            if item is None:
                continue
            going.append(source)
            known.add(content(item))
            items.append(item)
            if len(items) == limit:
                break
        asked = going
    return items


def content(item: Item) -> Content:
    """Return what must not be asked twice."""
    return item.contexts, tuple(sorted(item.targets))


def either_order(right: str, wrong: Sequence[str], chance: random.Random) -> tuple[tuple[str, ...], int]:
    """Return the right and the wrong answers with the right one at a random place, and that place."""
    gold = chance.randrange(len(wrong) + 1)
    return (*wrong[:gold], right, *wrong[gold:]), gold
