import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.corpus.store import TokenStore, content_hash, story_hash, token_dtype
from fabula.corpus.tokenizer import byte_level_bpe, train_bpe
from fabula.corpus.writer import StoreWriter
from fabula.errors import UserError

ORIGIN = {"source": ["test"], "revision": None}
COUNTS = {
    name: {"empty": 0, "broken_encoding": 0, "removed_in_both": 0, "near_duplicates": 0}
    for name in ("train", "validation")
}
STORIES = ["The fox ran.", "Ein Bär schlief. 😀", "A bird sang <|endoftext|> twice."]
TOKENIZER = train_bpe(STORIES, 280)


def write(folder, train, validation, shard_tokens=1 << 28, tokenizer=TOKENIZER):
    folder.mkdir()
    with StoreWriter(folder, tokenizer, shard_tokens) as writer:
        for name, texts in (("train", train), ("validation", validation)):
            for text in texts:
                ids = [*tokenizer.encode(text, add_special_tokens=False).ids, writer.end_of_text_id]
                raw = text.encode()
                writer.splits[name].add(np.array(ids), np.array([len(ids)]), [len(raw)], [story_hash(raw)])
        writer.finish_splits()
        writer.finish("bpe", ORIGIN, COUNTS)
    return TokenStore.open(folder)


@pytest.fixture
def store(tmp_path):
    return write(tmp_path / "store", STORIES, STORIES[:1])


def test_a_story_is_its_tokens_and_one_end_of_text(store):
    for index, text in enumerate(STORIES):
        assert store.train.story(index).tolist() == [*TOKENIZER.encode(text).ids, store.end_of_text_id]
        assert store.train.text(index) == text
    assert store.train.stories == 3
    assert store.train.tokens == store.train.offsets[-1] == len(store.train.read(0, store.train.tokens))
    assert store.train.story_bytes.tolist() == [len(text.encode()) for text in STORIES]
    assert store.train.story_hashes.tolist() == [story_hash(text.encode()) for text in STORIES]
    assert (store.vocab_size, store.end_of_text_id) == (280, 0)
    store.verify()


def test_files_are_the_promised_ones(store):
    tokens = np.fromfile(store.path / "train" / "tokens-00000.bin", "<u2")
    offsets = np.load(store.path / "train" / "documents.npy")
    assert offsets.dtype == np.int64
    assert offsets.tolist() == store.train.offsets.tolist()
    assert np.flatnonzero(tokens == store.end_of_text_id).tolist() == (offsets[1:] - 1).tolist()
    assert np.load(store.path / "train" / "hashes.npy").dtype == np.uint64
    manifest = json.loads((store.path / "manifest.json").read_text())
    files = {str(file.relative_to(store.path)) for file in store.path.rglob("*") if file.is_file()}
    assert files - {"manifest.json"} == set(manifest["files"])
    assert manifest["splits"]["train"]["bytes"] == sum(len(text.encode()) for text in STORIES)


@pytest.mark.parametrize("shard", [1, 3, 7, 1000])
def test_reading_across_shards(tmp_path, shard):
    whole = write(tmp_path / "whole", STORIES, STORIES[:1])
    cut = write(tmp_path / "cut", STORIES, STORIES[:1], shard)
    tokens = whole.train.read(0, whole.train.tokens).tolist()
    for start in range(len(tokens) + 1):
        for stop in (start, min(start + 5, len(tokens)), len(tokens)):
            assert cut.train.read(start, stop).tolist() == tokens[start:stop]
    assert [cut.train.text(index) for index in range(3)] == STORIES


def test_reading_outside_of_a_split(store):
    for start, stop in ((-1, 1), (3, 2), (0, store.train.tokens + 1)):
        with pytest.raises(IndexError):
            store.train.read(start, stop)
    for index in (-1, 3):
        with pytest.raises(IndexError):
            store.train.story(index)


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=8))
def test_any_text_comes_back(tmp_path_factory, stories):
    store = write(tmp_path_factory.mktemp("any") / "store", stories, stories, 50)
    assert [store.train.text(index) for index in range(len(stories))] == stories


def test_many_ids_need_four_bytes(tmp_path):
    assert token_dtype(65_536) == np.dtype("<u2")
    assert token_dtype(65_537) == np.dtype("<u4")
    vocabulary = json.loads(TOKENIZER.to_str())["model"]["vocab"]
    shifted = {token: number + 70_000 for token, number in vocabulary.items()}
    store = write(tmp_path / "store", ["fox"], ["fox"], tokenizer=byte_level_bpe(shifted, []))
    assert store.manifest["dtype"] == "uint32"
    assert store.train.story(0).dtype == np.uint32
    assert store.train.story(0).min() >= 70_000
    assert store.train.text(0) == "fox"


def test_the_hash_says_what_a_training_sees_and_nothing_else(store, tmp_path):
    same = write(tmp_path / "elsewhere", STORIES, STORIES[:1])
    assert same.hash == store.hash == content_hash(store.manifest["files"])
    assert write(tmp_path / "other", STORIES[::-1], STORIES[:1]).hash != store.hash
    other = train_bpe([*STORIES, "Other words."], 281)
    assert write(tmp_path / "tokenizer", STORIES, STORIES[:1], tokenizer=other).hash != store.hash


def test_a_damaged_store_is_noticed(store, tmp_path):
    def damaged(name: str) -> Path:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(store.path, copy)
        return copy / name

    with pytest.raises(UserError, match=r"is not a token store: it has no manifest\.json"):
        TokenStore.open(damaged("manifest.json").parent / "train")
    tokens = damaged("train/tokens-00000.bin")
    tokens.write_bytes(tokens.read_bytes()[:-2])
    with pytest.raises(UserError, match=r"tokens-00000\.bin has \d+ bytes instead of \d+: the store is damaged"):
        TokenStore.open(tmp_path / "copy")
    damaged("validation/documents.npy").unlink()
    with pytest.raises(UserError, match=r"documents\.npy is missing"):
        TokenStore.open(tmp_path / "copy")
    tokens = damaged("train/tokens-00000.bin")
    tokens.write_bytes(bytes([tokens.read_bytes()[0] ^ 1]) + tokens.read_bytes()[1:])
    with pytest.raises(UserError, match="has changed since the store was built"):
        TokenStore.open(tmp_path / "copy").verify()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "has store format 2; this Fabula reads format 1"),
        ({"files": []}, "is not the manifest of a token store"),
        ({"dtype": "int8"}, "is not the manifest of a token store"),
        ({"splits": {"train": {}}}, "is not the manifest of a token store"),
        ({"hash": None}, "is not the manifest of a token store"),
    ],
)
def test_a_wrong_manifest_is_one_clear_line(store, change, message):
    path = store.path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=message):
        TokenStore.open(store.path)
    path.write_text("[]")
    with pytest.raises(UserError, match="is not the manifest"):
        TokenStore.open(store.path)
    path.write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        TokenStore.open(store.path)


def test_a_changed_hash_is_noticed(store):
    path = store.path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "hash": "0" * 64}))
    with pytest.raises(UserError, match="`hash` doesn't belong to these files"):
        TokenStore.open(store.path).verify()
