import errno
import gzip
import io
import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.corpus import build as build_module
from fabula.corpus import splits, writer
from fabula.corpus.build import build, cached_store
from fabula.corpus.readers import StoryFiles
from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.recipe import Corpus, Tokenizer

ROOT = Path(__file__).parents[2]
BPE = Tokenizer(kind="bpe", vocab_size=300)
WORDS = (
    "the",
    "a",
    "fox",
    "dog",
    "bird",
    "river",
    "tree",
    "house",
    "ran",
    "saw",
    "sang",
    "slept",
    "and",
    "then",
    "red",
)


def some_stories(count, seed=0, words=20):
    generator = random.Random(seed)
    return [f"{seed}.{i}: " + " ".join(generator.choices(WORDS, k=words)) + "." for i in range(count)]


def text_file(folder, name, stories):
    path = folder / name
    path.write_text("\n<|endoftext|>\n".join(stories), encoding="utf-8")
    return path


def corpus(*paths, validation=(), **fields):
    return Corpus(source=tuple(map(str, paths)), validation=tuple(map(str, validation)), **fields)


def texts(split):
    return [split.text(index) for index in range(split.stories)]


def content(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_given_validation_files(tmp_path):
    train, held_out = some_stories(50), some_stories(10, seed=1)
    source = [text_file(tmp_path, "a.txt", train[:30]), text_file(tmp_path, "b.txt", train[30:])]
    store = build(corpus(*source, validation=[text_file(tmp_path, "v.txt", held_out)]), BPE, tmp_path / "store")
    assert texts(store.train) == train
    assert texts(store.validation) == held_out
    assert store.manifest["source"] == ["a.txt", "b.txt"]
    assert str(tmp_path) not in (tmp_path / "store" / "manifest.json").read_text()
    store.verify()


@settings(max_examples=20, deadline=None)
@given(st.sets(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: text.strip() == text != ""),
               min_size=2, max_size=12))  # fmt: skip
def test_any_unicode_stories_come_back(tmp_path_factory, stories):
    folder = tmp_path_factory.mktemp("any")
    lines = [json.dumps({"text": story}) for story in sorted(stories)]
    (folder / "a.jsonl").write_text("\n".join(lines))
    store = build(corpus(folder / "a.jsonl"), BPE, folder / "store")
    assert {*texts(store.train), *texts(store.validation)} == stories
    assert store.train.story_bytes.sum() + store.validation.story_bytes.sum() == sum(
        len(story.encode()) for story in stories
    )


def test_stories_are_held_out_by_their_hash(tmp_path):
    stories = some_stories(2_000, words=3)
    path = text_file(tmp_path, "a.txt", stories)
    store = build(corpus(path, validation_fraction=0.1), BPE, tmp_path / "store")
    held_out = texts(store.validation)
    assert 120 < len(held_out) < 280
    assert sorted(texts(store.train) + held_out) == sorted(stories)
    other = build(
        corpus(text_file(tmp_path, "b.txt", [*stories[::-1], "one more"]), validation_fraction=0.1), BPE, tmp_path / "o"
    )
    assert set(texts(other.validation)) - {"one more"} == set(held_out)


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.999])
def test_at_least_one_story_on_each_side(tmp_path, fraction):
    path = text_file(tmp_path, "a.txt", ["One.", "Two.", "Two."])
    store = build(corpus(path, validation_fraction=fraction), BPE, tmp_path / "store")
    assert {store.train.stories, store.validation.stories} == {1, 2}


def test_duplicates_are_counted_and_never_in_both_splits(tmp_path):
    train = [*some_stories(20), *some_stories(5), *some_stories(3, seed=1)]
    held_out = some_stories(6, seed=1)
    held_out.append(held_out[0])
    source = text_file(tmp_path, "a.txt", train)
    store = build(corpus(source, validation=[text_file(tmp_path, "v.txt", held_out)]), BPE, tmp_path / "store")
    counts = store.manifest["splits"]
    assert texts(store.train) == train[:25]
    assert texts(store.validation) == held_out
    assert (counts["train"]["duplicates"], counts["train"]["removed_in_both"]) == (5, 3)
    assert (counts["validation"]["duplicates"], counts["validation"]["removed_in_both"]) == (1, 0)
    assert not np.isin(store.train.story_hashes, store.validation.story_hashes).any()


def test_near_duplicates_are_counted(tmp_path):
    train = some_stories(40, words=60)
    near = train[7].replace("0.7:", "Once,")
    half = " ".join(train[8].split()[:30]) + " " + " ".join(some_stories(1, seed=5, words=60)[0].split())
    held_out = [near, half, *some_stories(5, seed=9, words=60)]
    source = text_file(tmp_path, "a.txt", train)
    store = build(corpus(source, validation=[text_file(tmp_path, "v.txt", held_out)]), BPE, tmp_path / "store")
    assert store.manifest["splits"]["validation"]["near_duplicates"] == 1
    assert store.manifest["splits"]["train"]["near_duplicates"] == 0


def test_a_limit_takes_the_first_training_stories_and_leaves_validation_alone(tmp_path):
    stories = some_stories(200)
    path = text_file(tmp_path, "a.txt", stories)
    whole = build(corpus(path, validation_fraction=0.2), BPE, tmp_path / "whole")
    few = build(corpus(path, validation_fraction=0.2, stories=30), BPE, tmp_path / "few")
    assert texts(few.train) == texts(whole.train)[:30]
    assert texts(few.validation) == texts(whole.validation)
    held_out = text_file(tmp_path, "v.txt", stories[:5])
    given_ = build(corpus(path, validation=[held_out], stories=30), BPE, tmp_path / "given")
    assert texts(given_.train) == stories[5:35]
    assert given_.manifest["splits"]["train"]["removed_in_both"] == 5


def test_empty_and_broken_stories_are_counted(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"One.\n\nCaf\xe9 one.\nCaf\xe9 two.\n \nTwo.\n")
    held_out = tmp_path / "v.txt"
    held_out.write_bytes(b"Three.\nCaf\xe9 three.\n")
    store = build(corpus(path, validation=[held_out], stories=2), BPE, tmp_path / "store")
    counts = store.manifest["splits"]
    assert texts(store.train) == ["One.", "Caf\ufffd one."]
    assert (counts["train"]["empty"], counts["train"]["broken_encoding"]) == (1, 1)
    assert (counts["validation"]["empty"], counts["validation"]["broken_encoding"]) == (0, 1)


def test_the_same_input_gives_the_same_bytes(tmp_path):
    (tmp_path / "here").mkdir()
    stories = some_stories(400)
    path = text_file(tmp_path / "here", "a.txt", stories)
    first = build(corpus(path), BPE, tmp_path / "first")
    program = (
        "import sys; from pathlib import Path; from fabula.recipe import *; from fabula.corpus.build import build; "
        "build(Corpus(source=(sys.argv[1],)), Tokenizer(kind='bpe', vocab_size=300), Path(sys.argv[2]))"
    )
    for threads in ("1", "4"):
        subprocess.run(
            [sys.executable, "-c", program, str(path), str(tmp_path / threads)],
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "RAYON_NUM_THREADS": threads},
        )
        assert content(tmp_path / threads) == content(first.path)
    lines = "\n".join(json.dumps({"story": story}) for story in stories)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    assert build(corpus(tmp_path / "b.jsonl.gz"), BPE, tmp_path / "other").hash == first.hash


def test_batches_and_shards_change_nothing(tmp_path, monkeypatch):
    path = text_file(tmp_path, "a.txt", some_stories(60))
    whole = build(corpus(path), BPE, tmp_path / "whole")
    monkeypatch.setattr(build_module, "BATCH_BYTES", 200)
    assert build(corpus(path), BPE, tmp_path / "batches").hash == whole.hash
    monkeypatch.setattr(writer.SplitWriter.__init__, "__defaults__", (100,))
    monkeypatch.setattr(writer.StoreWriter.__init__, "__defaults__", (100,))
    cut = build(corpus(path), BPE, tmp_path / "shards")
    assert len(list((cut.path / "train").glob("tokens-*.bin"))) > 5
    assert texts(cut.train) == texts(whole.train)


@pytest.mark.parametrize(
    ("stories", "message"),
    [
        ([], "held no stories"),
        (["", "  "], "held no stories"),
        (["One."], "held a single story; at least two different ones are needed, one to train on and one to hold out"),
        (["One.", "One."], "held 2 copies of one story"),
    ],
)
def test_a_corpus_with_too_little_in_it(tmp_path, stories, message):
    path = text_file(tmp_path, "a.txt", stories)
    with pytest.raises(UserError, match=message):
        build(corpus(path), BPE, tmp_path / "store")
    assert sorted(tmp_path.iterdir()) == [path]


def test_splits_that_would_be_empty(tmp_path):
    path = text_file(tmp_path, "a.txt", ["One.", "Two."])
    empty = text_file(tmp_path, "empty.txt", [])
    with pytest.raises(UserError, match="every story is also in"):
        build(corpus(path, validation=[path]), BPE, tmp_path / "store")
    with pytest.raises(UserError, match="held no stories to hold out"):
        build(corpus(path, validation=[empty]), BPE, tmp_path / "store")
    with pytest.raises(UserError, match="held no stories"):
        build(corpus(empty, validation=[path]), BPE, tmp_path / "store")


def test_sources_that_cannot_be_used(tmp_path):
    path = text_file(tmp_path, "a.txt", ["One.", "Two."])
    store = build(corpus(path), BPE, tmp_path / "store").path
    for wrong, message in {
        corpus("tinystorys"): "no corpus or file 'tinystorys': did you mean 'tinystories'",
        corpus("storyworld", path): "'storyworld' can't be mixed with other sources",
        corpus("storyworld", validation=[path]): "corpus.validation is for files",
        corpus(tmp_path / "b.txt"): "b.txt does not exist",
        corpus(tmp_path): "is a folder; name its files",
        corpus(store): "is a token store already",
    }.items():
        with pytest.raises(UserError, match=message):
            build(wrong, BPE, tmp_path / "other")


def test_places_that_cannot_be_used(tmp_path):
    path = text_file(tmp_path, "a.txt", ["One.", "Two."])
    with pytest.raises(UserError, match="is a file; a token store is a folder"):
        build(corpus(path), BPE, path)
    with pytest.raises(UserError, match="exists and is not a token store"):
        build(corpus(path), BPE, tmp_path)
    with pytest.raises(UserError, match="a file stands where a folder is needed"):
        build(corpus(path), BPE, path / "store")
    assert path.read_text().startswith("One.")
    (tmp_path / "empty").mkdir()
    first = build(corpus(path), BPE, tmp_path / "empty")
    assert build(corpus(path), BPE, tmp_path / "empty").hash == first.hash


def test_a_full_disk_leaves_the_old_store_whole(tmp_path, monkeypatch):
    class FullFile(io.BytesIO):
        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

    real_open = Path.open

    def open_or_full(self, mode="r", *arguments, **options):
        return FullFile() if self.suffix == ".bin" and "w" in mode else real_open(self, mode, *arguments, **options)

    path = text_file(tmp_path, "a.txt", some_stories(30))
    old = build(corpus(path), BPE, tmp_path / "store")
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(Path, "open", open_or_full)
    with pytest.raises(UserError, match="store: the disk is full"):
        build(corpus(path, validation_fraction=0.5), BPE, tmp_path / "store")
    monkeypatch.undo()
    assert sorted(tmp_path.iterdir()) == before
    TokenStore.open(old.path).verify()


def test_a_file_that_changes_while_it_is_read(tmp_path):
    path = text_file(tmp_path, "a.txt", some_stories(30))
    for change in (some_stories(29), some_stories(30, seed=1)):
        text_file(tmp_path, "a.txt", some_stories(30))
        plan = splits.plan_held_out(StoryFiles([path]), 0.1, 0)
        text_file(tmp_path, "a.txt", change)
        with pytest.raises(UserError, match="changed while it was being read"):
            list(plan.stories("testing"))


def test_cached_stores_are_found_again_by_content(tmp_path, monkeypatch):
    monkeypatch.setenv("FABULA_CACHE", str(tmp_path / "cache"))
    path = text_file(tmp_path, "a.txt", some_stories(30))
    first = cached_store(corpus(path), BPE)
    assert first.path.is_relative_to(tmp_path / "cache")
    built = (first.path / "manifest.json").stat().st_ino
    (tmp_path / "moved").mkdir()
    path.rename(tmp_path / "moved" / "a.txt")
    path = tmp_path / "moved" / "a.txt"
    assert cached_store(corpus(path, seed=7), BPE).path == first.path  # Files have no seed.
    assert (first.path / "manifest.json").stat().st_ino == built
    others = {
        cached_store(given_, tokenizer).path
        for given_, tokenizer in (
            (corpus(path), replace(BPE, vocab_size=310)),
            (corpus(path, stories=5), BPE),
            (corpus(path, validation_fraction=0.5), BPE),
            (corpus(path, validation=[text_file(tmp_path, "v.txt", some_stories(3, seed=2))]), BPE),
        )
    }
    assert len(others) == 4
    assert first.path not in others
    text_file(path.parent, "a.txt", some_stories(31))
    assert cached_store(corpus(path), BPE).path != first.path


def test_a_damaged_cached_store_and_an_abandoned_one(tmp_path, monkeypatch):
    monkeypatch.setenv("FABULA_CACHE", str(tmp_path / "cache"))
    path = text_file(tmp_path, "a.txt", some_stories(30))
    first = cached_store(corpus(path), BPE)
    (first.path / "train" / "tokens-00000.bin").write_bytes(b"")
    abandoned = first.path.with_name(f".{first.path.name}.1.tmp")
    abandoned.mkdir()
    again = cached_store(corpus(path), BPE)
    again.verify()
    assert again.hash == first.hash
    assert not abandoned.exists()


def test_a_store_as_the_source_is_used_as_it_is(tmp_path):
    path = text_file(tmp_path, "a.txt", some_stories(30))
    store = build(corpus(path), BPE, tmp_path / "store")
    opened = cached_store(corpus(store.path), Tokenizer(kind="bpe", vocab_size=5000))
    assert opened.path == store.path
    assert opened.hash == store.hash


def test_the_cache_cannot_be_written(tmp_path, monkeypatch):
    path = text_file(tmp_path, "a.txt", some_stories(30))
    monkeypatch.setenv("FABULA_CACHE", str(path))
    with pytest.raises(UserError, match=r"can't write .* a file stands where a folder is needed"):
        cached_store(corpus(path), BPE)


MEMORY_PROGRAM = """
import sys
from pathlib import Path
from fabula.corpus import build, near_duplicates
from fabula.recipe import Corpus, Tokenizer
build.BATCH_BYTES = near_duplicates.CHUNK = 1 << 16
corpus = Corpus(source=(sys.argv[1],), validation_fraction=0.001)
build.build(corpus, Tokenizer(kind="bpe", vocab_size=400), Path(sys.argv[2]))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(status["VmHWM"].split()[0])  # In KiB; ru_maxrss would have the parent's peak in it.
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_building_takes_constant_memory(tmp_path):
    peaks = []
    for stories in (1_000, 9_000):  # Long ones: what is kept of each story (hashes, sizes) stays far below its text.
        path = text_file(tmp_path, "a.txt", some_stories(stories, words=800))
        done = subprocess.run(
            [sys.executable, "-c", MEMORY_PROGRAM, str(path), str(tmp_path / "store")],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        peaks.append(int(done.stdout) << 10)
    grown = path.stat().st_size * 8 / 9
    assert peaks[1] - peaks[0] < grown


def test_tinystories_with_gpt2(shared_data, tmp_path):
    lines = (shared_data / "tinystories" / "validation.txt").read_text(encoding="utf-8")
    stories = [story.strip() for story in lines.split("<|endoftext|>") if story.strip()]
    tokenizer = Tokenizer(kind="gpt2", path=str(shared_data / "gpt2"))
    store = build(corpus(shared_data / "tinystories" / "validation.txt", stories=500), tokenizer, tmp_path / "store")
    assert store.train.stories == 500
    assert set(texts(store.train)) <= set(stories)
    assert store.vocab_size == 50_257
    assert store.train.story(0)[-1] == store.end_of_text_id == 50_256
    assert store.manifest["dtype"] == "uint16"
