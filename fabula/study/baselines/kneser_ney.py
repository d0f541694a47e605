"""Interpolated modified Kneser-Ney n-gram models (Chen and Goodman, 1999, "An empirical study of smoothing techniques
for language modeling", Computer Speech and Language 13, section 3).

p_j(w | h) = max(c(h w) - D(c(h w)), 0) / c(h) + rest(h) p_{j-1}(w | h without its first symbol), down to the uniform
distribution. c are occurrences at the order that is asked for, and numbers of different left neighbours below it, so
that the models of order 1 to 5 are each fitted on their own; they share one set of counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fabula.study.baselines.counts import UNKNOWN_GRAM, GramCounts, Ids, Stream, Symbols

Floats = NDArray[np.float64]
DISCOUNT = 0.75
"""Where there are too few grams to estimate discounts (Ney, Essen and Kneser, 1994, use a similar constant)."""
SINGLE = 3
"""Counts up to this have a discount of their own."""


@dataclass(frozen=True, eq=False)
class Smoothing:
    """One order of a model."""

    gram: Floats
    """Discounted probability of each gram's last symbol after its history; shape (grams,)."""
    rest: Floats
    """Probability that each history (a gram of the order below) leaves to the order below; 1 where nothing followed
    it. Shape (histories,)."""


@dataclass(frozen=True, eq=False)
class KneserNey:
    """Models of every order up to `counts.orders`.

    Sequences are given with what stands before them: the first symbol is only a history. A sequence that begins a
    story begins with the boundary; symbols before the first count as unknown, so that the orders above shrink to what
    is there.
    """

    counts: GramCounts
    _levels: dict[tuple[int, bool], Smoothing] = field(default_factory=dict, repr=False)

    @classmethod
    def fit(cls, sequences: Sequence[Symbols], vocabulary: int, boundary: int, orders: int = 5) -> "KneserNey":
        """Fit models of the orders 1 to `orders`.

        Args:
            sequences: symbols of each story, without boundaries.
            vocabulary: number of symbols, the boundary among them.
            boundary: the symbol before and after each story.
            orders: the highest order.
        """
        return cls(GramCounts.of(sequences, vocabulary, boundary, orders))

    def log_probabilities(self, sequences: Sequence[Symbols], order: int) -> list[Floats]:
        """Return ln p of every symbol but the first after those before it: for each sequence shape (length - 1,)."""
        if not sequences:
            return []
        stream = Stream.of(sequences)
        assert stream.lengths.min() > 0, "a sequence without a first symbol"
        found = self.counts.numbers(stream, order)
        scored = np.flatnonzero(stream.places > 0)
        probability = np.full(len(scored), 1 / self.counts.vocabulary)
        for level in range(1, order + 1):
            smoothing = self._smoothing(level, top=level == order)
            probability *= _at(smoothing.rest, _histories(found, level, scored), 1.0)
            probability += _at(smoothing.gram, found[level - 1][scored], 0.0)
        return np.split(np.log(probability), np.cumsum(stream.lengths - 1)[:-1])

    def distributions(self, histories: Sequence[Symbols], order: int) -> Floats:
        """Return p of every symbol after each history; shape (histories, vocabulary), rows sum to one.

        A history that reaches back to the beginning of its story begins with the boundary; it isn't empty.
        """
        stream = Stream.of([history[-max(1, order - 1) :] for history in histories])
        return self._distributions(stream, np.cumsum(stream.lengths) - 1, order)

    def distributions_along(self, sequence: Symbols, order: int) -> Floats:
        """Return p of every symbol after each beginning of a sequence; shape (length, vocabulary).

        Row t is what follows the symbols 0 ... t.
        """
        stream = Stream.of([sequence])
        return self._distributions(stream, np.arange(len(sequence)), order)

    def sample(self, random: np.random.Generator, stories: int, max_length: int, order: int) -> list[list[int]]:
        """Draw stories' symbols, without boundaries; one that doesn't end is cut at `max_length`.

        The model is a mixture, so a draw goes down the orders: with probability `rest` to the order below, else to one
        of the grams that continue the history.
        """
        numbers = [np.full(stories, self.counts.boundary), *(np.full(stories, UNKNOWN_GRAM) for _ in range(1, order))]
        drawn: list[Ids] = []
        going = np.ones(stories, np.bool_)
        while going.any() and len(drawn) < max_length:
            symbols = self._draw(random, numbers, order)
            drawn.append(np.where(going, symbols, self.counts.boundary))
            going &= symbols != self.counts.boundary
            numbers = self._continued(numbers, symbols)
        table = np.stack(drawn, 1) if drawn else np.zeros((stories, 0), np.int64)
        ends = (table == self.counts.boundary).cumsum(1) > 0
        return [row[~ended].tolist() for row, ended in zip(table, ends, strict=True)]

    def _draw(self, random: np.random.Generator, numbers: list[Ids], order: int) -> Ids:
        """Draw the next symbol of every story; `numbers` are the grams that end at the last one, by order."""
        stories = len(numbers[0])
        symbols = random.integers(0, self.counts.vocabulary, stories)
        open_ = np.ones(stories, np.bool_)
        for level in range(order, 0, -1):
            smoothing = self._smoothing(level, top=level == order)
            histories = numbers[level - 2] if level > 1 else np.zeros(stories, np.int64)
            taken = np.flatnonzero(open_ & (random.random(stories) >= _at(smoothing.rest, histories, 1.0)))
            symbols[taken] = self._choose(random, level, smoothing, histories[taken])
            open_[taken] = False
        return symbols

    def _choose(self, random: np.random.Generator, level: int, smoothing: Smoothing, histories: Ids) -> Ids:
        """Draw one of the grams that continue each history, in proportion to its probability; return its symbol."""
        table = self.counts.tables[level - 1]
        start, stop = table.after(histories, self.counts.vocabulary)
        longest = int((stop - start).max(initial=0))
        places = np.minimum(start[:, None] + np.arange(longest), len(table.keys) - 1)
        weights = np.where(places < stop[:, None], smoothing.gram[places], 0.0).cumsum(1)
        targets = random.random(len(histories)) * weights[:, -1] if longest else np.zeros(0)
        chosen = np.minimum((weights <= targets[:, None]).sum(1), stop - start - 1)
        return np.asarray(table.keys[start + chosen] % self.counts.vocabulary)

    def _continued(self, numbers: list[Ids], symbols: Ids) -> list[Ids]:
        """Return the grams that end at the next symbol, by order."""
        found = [symbols]
        for table, before in zip(self.counts.tables[1:], numbers[:-1], strict=False):
            known = before >= 0
            keys = np.where(known, before * self.counts.vocabulary + symbols, 0)
            found.append(np.where(known, table.find(keys), UNKNOWN_GRAM))
        return found

    def _distributions(self, stream: Stream, at: Ids, order: int) -> Floats:
        found = self.counts.numbers(stream, max(1, order - 1))
        base = self._smoothing(1, top=order == 1)
        unigram = base.gram + base.rest[0] / self.counts.vocabulary
        result = np.repeat(unigram[None], len(at), 0)
        for level in range(2, order + 1):
            smoothing = self._smoothing(level, top=level == order)
            rows = np.flatnonzero(found[level - 2][at] >= 0)
            histories = found[level - 2][at][rows]
            result[rows] *= smoothing.rest[histories, None]
            start, stop = self.counts.tables[level - 1].after(histories, self.counts.vocabulary)
            places = _ranges(start, stop)
            symbols = self.counts.tables[level - 1].keys[places] % self.counts.vocabulary
            result[np.repeat(rows, stop - start), symbols] += smoothing.gram[places]
        return result

    def _smoothing(self, level: int, top: bool) -> Smoothing:
        """Return one order of the model, as its highest order or below another."""
        if (level, top) not in self._levels:
            table = self.counts.tables[level - 1]
            histories = len(self.counts.tables[level - 2].keys) if level > 1 else 1
            owners = table.keys // self.counts.vocabulary
            self._levels[level, top] = _smooth(table.counts if top else table.continuations, owners, histories)
        return self._levels[level, top]


def _smooth(counts: NDArray[np.uint32], owners: Ids, histories: int) -> Smoothing:
    """Discount counts; `owners` is each gram's history."""
    discounts = _discounts(counts)[np.minimum(counts, SINGLE)]
    total = np.bincount(owners, counts, histories)
    saved = np.bincount(owners, discounts, histories)
    followed = total > 0
    rest = np.divide(saved, total, out=np.ones(histories), where=followed)
    return Smoothing((counts - discounts) / np.where(followed, total, 1)[owners], rest)


def _discounts(counts: NDArray[np.uint32]) -> Floats:
    """Return what is taken from a count of 0, 1, 2, and 3 or more (equation 26)."""
    n1, n2, n3, n4 = (int(n) for n in np.bincount(np.minimum(counts, SINGLE + 2), minlength=SINGLE + 2)[1 : SINGLE + 2])
    constant = np.array([0, DISCOUNT, DISCOUNT, DISCOUNT])
    if not (n1 and n2 and n3 and n4):
        return constant
    share = n1 / (n1 + 2 * n2)
    estimated = np.array([0, 1 - 2 * share * n2 / n1, 2 - 3 * share * n3 / n2, 3 - 4 * share * n4 / n3])
    return estimated if (estimated[1:] > 0).all() else constant


def _histories(found: list[Ids], level: int, scored: Ids) -> Ids:
    return found[level - 2][scored - 1] if level > 1 else np.zeros(len(scored), np.int64)


def _at(values: Floats, numbers: Ids, otherwise: float) -> Floats:
    """Return the value of each gram, and `otherwise` for unseen ones."""
    if not len(values):
        return np.full(len(numbers), otherwise)
    found: Floats = np.where(numbers >= 0, values[numbers], otherwise)
    return found


def _ranges(start: Ids, stop: Ids) -> Ids:
    """Return start ... stop - 1 of each pair, one behind the other."""
    sizes = stop - start
    places: Ids = np.arange(sizes.sum()) + np.repeat(start - (np.cumsum(sizes) - sizes), sizes)
    return places
