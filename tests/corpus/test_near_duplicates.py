import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.corpus import near_duplicates as module
from fabula.corpus.near_duplicates import GRAM, SHARE, Grams, near_duplicates
from fabula.corpus.store import Split

END = 0
STORIES = st.lists(st.lists(st.integers(1, 2), max_size=3 * GRAM), min_size=1, max_size=8)
WORDS = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9), max_size=60)


def split(folder, stories):
    folder.mkdir()
    tokens = [token for story in stories for token in (*story, END)]
    np.array(tokens, "<u2").tofile(folder / "tokens-00000.bin")
    return Split(folder, np.dtype("<u2"), len(stories), len(tokens), lambda: None)


def grams_of(stories):
    """The grams of each story; an end of text belongs to none that goes on after it."""
    return [[tuple(story[at : at + GRAM]) for at in range(len(story) - GRAM + 1)] for story in stories]


def count_naively(train, validation):
    seen = {gram for grams in grams_of(train) for gram in grams}
    return sum(sum(gram in seen for gram in grams) > SHARE * len(grams) for grams in grams_of(validation) if grams)


@settings(max_examples=100, deadline=None)
@given(STORIES, STORIES, st.integers(1, 50))
def test_the_count_is_that_of_plain_sets(tmp_path_factory, train, validation, chunk):
    folder = tmp_path_factory.mktemp("splits")
    splits = split(folder / "train", train), split(folder / "validation", validation)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        assert near_duplicates(*splits, END) == count_naively(train, validation)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=4), WORDS)
def test_a_set_of_grams_finds_what_is_in_it(parts, others):
    words = {word for part in parts for word in part}
    grams = Grams([np.array(part, np.uint64) for part in parts])
    assert len(grams) == len(words)
    asked = np.array([*words, *others], np.uint64)
    assert [place >= 0 for place in grams.find(asked).tolist()] == [word in words for word in asked.tolist()]
    assert set(grams.find(np.array(sorted(words), np.uint64)).tolist()) == set(range(len(words)))
    assert words & set(asked.tolist()) <= set(grams.likely(asked).tolist())
