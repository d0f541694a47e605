"""Kneser-Ney models are proper distributions, and those of the published equations."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.study.baselines.counts import GramCounts
from fabula.study.baselines.kneser_ney import DISCOUNT, KneserNey

BOUNDARY = 0
VOCABULARY = 7
stories = st.lists(st.lists(st.integers(1, VOCABULARY - 1), max_size=12), min_size=1, max_size=8)


def made(count: int = 300, seed: int = 0) -> list[list[int]]:
    """Stories in which the next symbol depends on the last two."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        story = [1, 1]
        for _ in range(random.integers(3, 20)):
            usual = (story[-1] + 2 * story[-2]) % 6 + 1
            story.append(usual if random.random() < 0.8 else int(random.integers(1, VOCABULARY)))
        found.append(story)
    return found


class Textbook:
    """The recursion written down word for word, with dictionaries."""

    def __init__(self, texts: list[list[int]], order: int) -> None:
        closed = [[BOUNDARY, *text, BOUNDARY] for text in texts]
        raw: dict[int, Counter[tuple[int, ...]]] = defaultdict(Counter)
        before: dict[tuple[int, ...], set[int]] = defaultdict(set)
        for text in closed:
            for end in range(1, len(text)):
                for n in range(1, min(5, end + 1) + 1):
                    gram = tuple(text[end - n + 1 : end + 1])
                    raw[n][gram] += 1
                    if end - n >= 0:
                        before[gram].add(text[end - n])
        self.counts = {order: raw[order]}
        for n in range(1, order):
            self.counts[n] = Counter(
                {g: c if n > 1 and g[0] == BOUNDARY else len(before[g]) for g, c in raw[n].items()}
            )
        self.order = order

    def discount(self, n: int, count: int) -> float:
        of = Counter(self.counts[n].values())
        if not all(of[i] for i in (1, 2, 3, 4)):
            return DISCOUNT
        share = of[1] / (of[1] + 2 * of[2])
        three = [i - (i + 1) * share * of[i + 1] / of[i] for i in (1, 2, 3)]
        return three[min(count, 3) - 1] if min(three) > 0 else DISCOUNT

    def probability(self, history: tuple[int, ...], symbol: int, n: int | None = None) -> float:
        n = min(self.order, len(history) + 1) if n is None else n
        if n == 0:
            return 1 / VOCABULARY
        seen = history[len(history) - n + 1 :]
        following = {g: c for g, c in self.counts[n].items() if g[:-1] == seen}
        lower = self.probability(history, symbol, n - 1)
        if not following:
            return lower
        total = sum(following.values())
        rest = sum(self.discount(n, c) for c in following.values()) / total
        count = following.get((*seen, symbol), 0)
        return (max(count - self.discount(n, count), 0) if count else 0) / total + rest * lower


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [4, 60])
def test_it_is_the_published_recursion(order: int, count: int) -> None:
    texts = made(count)
    model, textbook = KneserNey.fit(texts, VOCABULARY, BOUNDARY), Textbook(texts, order)
    for story in [*made(2, seed=1), [6, 6, 6, 6, 6]]:
        closed = [BOUNDARY, *story, BOUNDARY]
        expected = [textbook.probability(tuple(closed[:t]), closed[t]) for t in range(1, len(closed))]
        found = model.log_probabilities([closed], order)[0]
        np.testing.assert_allclose(np.exp(found), expected, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(stories, st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=6), st.integers(1, 5))
def test_every_distribution_sums_to_one_and_leaves_nothing_out(
    texts: list[list[int]], history: list[int], order: int
) -> None:
    model = KneserNey.fit(texts, VOCABULARY, BOUNDARY)
    row = model.distributions([history], order)[0]
    assert row.sum() == pytest.approx(1, abs=1e-12)
    assert (row > 0).all()
    single = [model.log_probabilities([[*history, symbol]], order)[0][-1] for symbol in range(VOCABULARY)]
    np.testing.assert_allclose(np.exp(single), row, rtol=1e-9)


def test_lower_orders_are_models_of_their_own() -> None:
    texts, asked = made(), [[BOUNDARY, *story] for story in made(5, seed=2)]
    shared = KneserNey.fit(texts, VOCABULARY, BOUNDARY, orders=5)
    for order in (1, 2, 3):
        alone = KneserNey.fit(texts, VOCABULARY, BOUNDARY, orders=order)
        for a, b in zip(shared.log_probabilities(asked, order), alone.log_probabilities(asked, order), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_longer_memory_predicts_what_depends_on_it() -> None:
    model = KneserNey.fit(made(), VOCABULARY, BOUNDARY)
    asked = [[BOUNDARY, *story, BOUNDARY] for story in made(100, seed=3)]
    one, two, three = (np.concatenate(model.log_probabilities(asked, order)).mean() for order in (1, 2, 3))
    assert three > two + 0.1
    assert three > one + 0.3


def test_only_the_last_words_matter_and_a_whole_history_changes_nothing() -> None:
    model = KneserNey.fit(made(), VOCABULARY, BOUNDARY)
    long, short = [BOUNDARY, 1, 1, 4, 2, 3, 5, 6], [2, 3, 5, 6]
    assert model.log_probabilities([long], 3)[0][-1] == model.log_probabilities([short], 3)[0][-1]
    np.testing.assert_array_equal(model.distributions([long], 4), model.distributions([long[-3:]], 4))
    along = model.distributions_along(long, 4)
    np.testing.assert_array_equal(along[-1], model.distributions([long], 4)[0])
    np.testing.assert_array_equal(along[0], model.distributions([[BOUNDARY]], 4)[0])


@pytest.mark.parametrize("order", [1, 2, 5])
def test_samples_follow_the_distribution(order: int) -> None:
    model = KneserNey.fit(made(40), VOCABULARY, BOUNDARY)
    drawn = model.sample(np.random.default_rng(0), 20_000, 2, order)
    first = Counter(story[0] if story else BOUNDARY for story in drawn)
    expected = model.distributions([[BOUNDARY]], order)[0]
    np.testing.assert_allclose([first[s] / 20_000 for s in range(VOCABULARY)], expected, atol=0.012)
    after_one = [story[1] if len(story) > 1 else BOUNDARY for story in drawn if story[:1] == [1]]
    expected = model.distributions([[BOUNDARY, 1]], order)[0]
    shares = np.bincount(after_one, minlength=VOCABULARY) / len(after_one)
    np.testing.assert_allclose(shares, expected, atol=4 * 0.5 / np.sqrt(len(after_one)))


def test_samples_depend_on_the_seed_alone_and_end() -> None:
    model = KneserNey.fit(made(), VOCABULARY, BOUNDARY)
    one, two, other = (model.sample(np.random.default_rng(seed), 30, 50, 3) for seed in (1, 1, 2))
    assert one == two != other
    assert all(BOUNDARY not in story and len(story) <= 50 for story in one)
    assert np.mean([len(story) < 50 for story in one]) > 0.9


def test_counts_survive_being_arrays() -> None:
    model = KneserNey.fit(made(20), VOCABULARY, BOUNDARY)
    again = KneserNey(GramCounts.from_arrays(model.counts.arrays()))
    asked = [[BOUNDARY, 1, 1, 4, 2, BOUNDARY]]
    np.testing.assert_array_equal(model.log_probabilities(asked, 5)[0], again.log_probabilities(asked, 5)[0])


def test_nothing_asked_nothing_answered() -> None:
    model = KneserNey.fit([[1, 2]], VOCABULARY, BOUNDARY)
    assert model.log_probabilities([], 5) == []
    assert [len(values) for values in model.log_probabilities([[BOUNDARY], [BOUNDARY, 1]], 5)] == [0, 1]


def test_a_boundary_inside_a_story_is_refused() -> None:
    with pytest.raises(AssertionError, match="boundary inside"):
        KneserNey.fit([[1, BOUNDARY, 2]], VOCABULARY, BOUNDARY)
