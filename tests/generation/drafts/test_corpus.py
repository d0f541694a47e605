import io
import random
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.generation.drafts import corpus
from fabula.generation.drafts.corpus import ORDERS, TOP, WHOLE, CorpusStatistics, pushed
from tests.tiny import STORIES, tiny_store, tiny_tokenizer

TOKENIZER = tiny_tokenizer()


def hashes(tokens: list[int]) -> list[int]:
    found = [0]
    for token in tokens:
        found = pushed(found, token)
    return found


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def stories(count: int, seed: int = 0) -> list[str]:
    """Stories of few letters: many contexts occur often."""
    letters = random.Random(seed)
    return ["".join(letters.choices("abcd", [8, 4, 2, 1], k=letters.randrange(1, 30))) for _ in range(count)]


def counted(texts: list[str], least_count: int) -> dict[tuple[int, ...], Counter[int]]:
    """Count every context by hand, story by story."""
    found: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    before: list[int] = []
    for text in texts:
        tokens = [*before, *TOKENIZER.encode(text, add_special_tokens=False).ids, 0]
        for place in range(1, len(tokens)):
            for order in range(1, min(ORDERS, place) + 1):
                found[tuple(tokens[place - order : place])][tokens[place]] += 1
        before = [0]  # A story's first context is the end-of-text before it.
    return {context: after for context, after in found.items() if after.total() >= least_count}


@pytest.mark.parametrize("least_count", [1, 8])
def test_what_follows_is_what_counting_by_hand_finds(least_count: int) -> None:
    texts = stories(200)
    by_hand = counted(texts, least_count)
    statistics = CorpusStatistics.from_stories(texts, TOKENIZER, 0, least_count=least_count)
    assert len(statistics.keys) == len(by_hand) > 20
    for context, after in by_hand.items():
        best = sorted(after.items(), key=lambda item: (-item[1], item[0]))[:TOP]
        found = statistics.after(hashes(list(context)))
        assert list(found) == [token for token, _ in best]
        for token, count in best:
            assert found[token] == pytest.approx(count / after.total(), abs=1 / WHOLE)


def test_the_longest_context_known_decides() -> None:
    statistics = CorpusStatistics.from_stories(["abc"] * 9 + ["xbd"] * 10, TOKENIZER, 0)
    a, b, c, d, x, q = (TOKENIZER.token_to_id(letter) for letter in "abcdxq")
    assert list(statistics.after(hashes([a, b]))) == [c]
    assert list(statistics.after(hashes([x, b]))) == [d]
    assert list(statistics.after(hashes([q, b]))) == [d, c]
    assert statistics.after(hashes([q])) == {}
    assert statistics.after([0]) == {}


def test_a_store_gives_the_statistics_of_its_stories(tmp_path: Path) -> None:
    texts = stories(300)
    store = TokenStore.open(tiny_store(tmp_path / "store", texts, STORIES, TOKENIZER))
    from_store = CorpusStatistics.from_store(store)
    from_stories = CorpusStatistics.from_stories(texts, TOKENIZER, 0)
    assert_equal(from_store, from_stories)
    from_store.check(store.tokenizer)


def test_of_a_long_corpus_pieces_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["ab"] * 400 + ["cd"] * 400
    store = TokenStore.open(tiny_store(tmp_path / "store", texts, STORIES, TOKENIZER))
    monkeypatch.setattr(corpus, "MOST_TOKENS", 300)
    monkeypatch.setattr(corpus, "PIECES", 10)
    a, b, c, d = (TOKENIZER.token_to_id(letter) for letter in "abcd")
    pieces = CorpusStatistics.from_store(store)
    assert next(iter(pieces.after(hashes([0, a])))) == b
    assert next(iter(pieces.after(hashes([0, c])))) == d
    first = CorpusStatistics.from_stories(texts, TOKENIZER, 0)
    assert list(first.after(hashes([0, a]))) == [b]
    assert first.after(hashes([c])) == {}


def test_saved_and_loaded_statistics_are_equal(tmp_path: Path) -> None:
    statistics = CorpusStatistics.from_stories(stories(100), TOKENIZER, 0)
    statistics.save(tmp_path / "new" / "statistics.npz")
    loaded = CorpusStatistics.load(tmp_path / "new" / "statistics.npz")
    assert_equal(loaded, statistics)
    loaded.check(TOKENIZER)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["statistics.npz"]


def test_a_corpus_without_stories_knows_nothing(tmp_path: Path) -> None:
    statistics = CorpusStatistics.from_stories([], TOKENIZER, 0)
    assert statistics.after(hashes([1, 2, 3])) == {}
    statistics.save(tmp_path / "empty.npz")
    assert CorpusStatistics.load(tmp_path / "empty.npz").after(hashes([1])) == {}


def test_another_tokenizer_is_refused() -> None:
    statistics = CorpusStatistics.from_stories(STORIES, TOKENIZER, 0)
    with pytest.raises(UserError, match="another tokenizer"):
        statistics.check(tiny_tokenizer(280))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18), npy(np.arange(3))])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UserError, match="no corpus statistics"):
        CorpusStatistics.load(tmp_path / "file")


def test_a_missing_file_and_another_format_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "statistics.npz"
    with pytest.raises(UserError, match="statistics"):
        CorpusStatistics.load(path)
    monkeypatch.setattr(corpus, "FORMAT_VERSION", 99)
    CorpusStatistics.from_stories(STORIES, TOKENIZER, 0).save(path)
    monkeypatch.undo()
    with pytest.raises(UserError, match="has format 99"):
        CorpusStatistics.load(path)


def assert_equal(one: CorpusStatistics, other: CorpusStatistics) -> None:
    for name in ("keys", "tokens", "shares"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    for name in ("end_of_text", "vocab_size", "vocabulary"):
        assert getattr(one, name) == getattr(other, name)
