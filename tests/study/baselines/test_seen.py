"""N-grams of the training text are found, and nearly nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.study.baselines.hashes import BloomFilter, SortedHashes
from fabula.study.baselines.passages import TrainingPassages
from fabula.study.baselines.seen import SeenNGrams
from fabula.study.text import words
from tests.study.baselines.texts import made_stories

stories = st.lists(st.lists(st.sampled_from("abc"), max_size=12).map(" ".join), min_size=1, max_size=5)


def grams(text: str, n: int) -> list[tuple[str, ...]]:
    found = words(text)
    return [tuple(found[i : i + n]) for i in range(len(found) - n + 1)]


@settings(max_examples=60, deadline=None)
@given(stories, stories, st.integers(1, 5), st.sampled_from([0, 10_000]))
def test_windows_are_those_of_a_set_of_tuples(train: list[str], texts: list[str], n: int, exact: int) -> None:
    seen = SeenNGrams.of(iter(train), n, exact, filter_bytes=1 << 13)
    known = {gram for text in train for gram in grams(text, n)}
    for text, found in zip(texts, seen.windows(texts), strict=True):
        assert found.tolist() == [gram in known for gram in grams(text, n)]


def test_the_first_seen_passage_is_where_it_stands() -> None:
    seen = SeenNGrams.of(["The old cat sat on the mat."], 4)
    text = "Then, surely, the old cat sat on the  mat again."
    assert seen.first_seen(text) is not None
    start, stop = seen.first_seen(text) or (0, 0)
    assert text[start:stop] == "old cat sat on"
    assert seen.first_seen("A dog sat on the rug.") is None
    assert seen.share_seen("old cat sat on it") == pytest.approx(1 / 2)
    assert seen.share_seen("cat") == 0
    assert seen.windows([]) == []


def test_a_gram_does_not_reach_into_the_next_story() -> None:
    seen = SeenNGrams.of(["a b", "c d"], 2)
    assert seen.share_seen("b c") == 0
    assert seen.share_seen("c d") == 1


def test_beyond_its_limit_it_is_a_filter_of_fixed_size() -> None:
    random = np.random.default_rng(0)
    train, fresh = ([" ".join(map(str, random.integers(0, 500, 200))) for _ in range(100)] for _ in range(2))
    exact = SeenNGrams.of(train, 4)
    bounded = SeenNGrams.of(train, 4, exact=1_000, filter_bytes=1 << 14)
    assert exact.false_positive_rate == 0
    assert all(found.all() for found in bounded.windows(train))
    false = np.concatenate(bounded.windows(fresh))[~np.concatenate(exact.windows(fresh))]
    assert 0 < bounded.false_positive_rate < 0.1
    assert false.mean() == pytest.approx(bounded.false_positive_rate, rel=0.25)


def test_sets_of_hashes_hold_what_was_put_in() -> None:
    random = np.random.default_rng(1)
    inside, outside = (random.integers(1 << 63, size=5_000, dtype=np.uint64) for _ in range(2))
    for members in (SortedHashes(), BloomFilter(1 << 17)):
        assert not members.has(inside).any()
        members.add(inside[:3_000])
        members.add(inside[2_000:])
        assert members.has(inside).all()
        assert members.has(outside).mean() < 0.001
    ordered = SortedHashes()
    ordered.add(inside)
    ordered.add(inside)
    assert len(ordered.sorted) == len(inside)


@settings(max_examples=80, deadline=None)
@given(stories, stories)
def test_the_longest_passage_is_the_longest_there_is(train: list[str], texts: list[str]) -> None:
    passages = TrainingPassages.of(train)
    known = {gram for text in train for n in range(1, 13) for gram in grams(text, n)}
    for text, matches in zip(texts, passages.matches(texts), strict=True):
        expected = [
            max([n for n in range(1, 13) if i + n <= len(words(text)) and grams(text, n)[i] in known], default=0)
            for i in range(len(words(text)))
        ]
        assert matches.tolist() == expected


def test_the_longest_passage_has_a_place() -> None:
    train = made_stories(30)
    passages = TrainingPassages.of([*train, train[3]])
    text = f"Well! {train[3]} The end."
    span = passages.longest([text, "Xyzzy", ""])
    assert span[0] is not None
    assert text[slice(*span[0])] == train[3]
    assert span[1:] == [None, None]
