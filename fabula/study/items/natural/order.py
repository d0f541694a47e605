"""Is a story likelier with its sentences in their order?

Only words count whose four words before are of the same sentence: whatever looks at five words finds the same words
in both orders.
"""

import random
from collections.abc import Iterator, Sequence

from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.natural.narratives import Narrative, narratives, spread
from fabula.study.text import Span, word_spans

WINDOW = 4
"""Words before a counted word in the same sentence."""
MIDDLE = 4
"""Sentences between the first and the last that are shuffled at least."""
LONG_ENOUGH = 7
"""Words and marks of a sentence that is exchanged with its neighbour, so that some of them count."""
ORDERS = 20
"""Random orders, of which the one that keeps the fewest neighbours is taken."""


def order(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask for the order of all sentences but the first and the last."""
    chance = random.Random(f"{seed}/order")

    def ask(story: Narrative) -> Iterator[Item]:
        count = len(story)
        movable = all(story.whole(number) for number in range(count)) and story.fits(count - 1)
        if movable and count >= MIDDLE + 2:
            yield _item("order", story, 1, [*_shuffled(range(1, count - 1), chance), count - 1], chance)

    return spread(narratives(corpus).stories, limit, chance, ask)


def adjacent_swap(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Ask for the order of two neighbouring sentences; the sentence behind them counts too."""
    chance = random.Random(f"{seed}/adjacent_swap")

    def ask(story: Narrative) -> Iterator[Item]:
        pairs = [number for number in range(1, len(story) - 2) if _exchangeable(story, number)]
        chance.shuffle(pairs)
        for number in pairs:
            yield _item("adjacent_swap", story, number, [number + 1, number, number + 2], chance)

    return spread(narratives(corpus).stories, limit, chance, ask)


def _exchangeable(story: Narrative, number: int) -> bool:
    parts = range(number, number + 3)
    long_enough = min(story.lengths[number : number + 2]) >= LONG_ENOUGH
    different = story.sentence(number) != story.sentence(number + 1)
    together = story.gap(number + 1) == " "
    return (
        together and different and long_enough and all(story.whole(part) for part in parts) and story.fits(number + 2)
    )


def _shuffled(numbers: range, chance: random.Random) -> list[int]:
    """Return the numbers in an order that keeps few neighbours."""

    def kept(candidate: Sequence[int]) -> int:
        return sum(a + 1 == b for a, b in zip([numbers[0] - 1, *candidate], [*candidate, numbers[-1] + 1], strict=True))

    return min((chance.sample(numbers, len(numbers)) for _ in range(ORDERS)), key=kept)


def _item(probe: str, story: Narrative, first: int, other: Sequence[int], chance: random.Random) -> Item:
    """Ask for the order of the sentences from `first` on: as they stand, or the `other`."""
    versions = [_told(story, first, sorted(other)), _told(story, first, other)]
    gold = chance.randrange(2)
    if gold == 1:
        versions.reverse()
    targets, spans = (tuple(column) for column in zip(*versions, strict=True))
    return Item(probe, story.cluster, "choice", (story.before(first),), targets, gold, spans)


def _told(story: Narrative, first: int, numbers: Sequence[int]) -> tuple[str, tuple[Span, ...]]:
    """Return sentences in an order, blanks and new lines where they were, and where the words stand that count."""
    text, spans = "", []
    for place, number in enumerate(numbers, first):
        text += story.gap(place)
        sentence = story.sentence(number)
        inside = word_spans(sentence)[WINDOW:]
        spans += [(len(text) + start, len(text) + stop) for start, stop in inside]
        text += sentence
    return text, tuple(spans)
