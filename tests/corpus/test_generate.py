import json
from pathlib import Path

import pytest
import tokenizers

from fabula.corpus import generate, sources
from fabula.corpus.build import build, cached_store
from fabula.corpus.readers import StoryFiles
from fabula.corpus.storyworld import is_long, tell_long
from fabula.recipe import Corpus, Tokenizer

BPE = Tokenizer(vocab_size=400)


@pytest.fixture
def small_world(monkeypatch):
    monkeypatch.setattr(sources, "STORYWORLD_VALIDATION", 12)
    monkeypatch.setattr(sources, "STORYWORLD_STORIES", 30)


def read(files):
    return [story.text for story in StoryFiles(files)]


def test_files_hold_the_worlds_stories_however_they_are_divided(tmp_path, monkeypatch):
    from fabula.corpus.storyworld import stories

    whole = generate.generate(3, 5, 25, tmp_path / "whole")
    mixed = generate.generate(3, 5, 25, tmp_path / "mixed", 0.3)
    assert read(mixed) == [story.text for story in stories(3, 5, 25, 0.3)] != read(whole)
    monkeypatch.setattr(generate, "STORIES_PER_FILE", 9)
    parts = generate.generate(3, 5, 25, tmp_path / "parts")
    assert (len(whole), len(parts)) == (1, 3)
    assert read(whole) == read(parts) == [story.text.strip() for story in stories(3, 5, 25)]


def test_a_store_of_the_story_world(tmp_path, small_world):
    store = build(Corpus(seed=1), BPE, tmp_path / "store")
    assert store.validation.stories == 12
    assert store.train.stories == 30 - store.manifest["splits"]["train"]["removed_in_both"]
    assert store.manifest["source"] == ["storyworld"]
    assert not (tmp_path / "store" / "scratch").exists()
    more = build(Corpus(seed=1, stories=40), BPE, tmp_path / "more")
    assert more.validation.story_hashes.tolist() == store.validation.story_hashes.tolist()
    other = build(Corpus(seed=2), BPE, tmp_path / "other")
    assert other.hash != store.hash


def test_long_stories_are_in_both_splits_and_in_the_manifest(tmp_path, small_world):
    store = build(Corpus(seed=1, long_share=0.3), BPE, tmp_path / "store")
    assert store.manifest["long_share"] == 0.3
    plain = build(Corpus(seed=1), BPE, tmp_path / "plain")
    assert "long_share" not in plain.manifest
    tokenizer = tokenizers.Tokenizer.from_file(str(tmp_path / "store" / "tokenizer.json"))
    for split, first, last in ((store.validation, 0, 12), (store.train, 12, 42)):
        long = [tell_long(1, index).text for index in range(first, last) if is_long(1, index, 0.3)]
        places = zip(split.offsets[:-1], split.offsets[1:], strict=True)
        held = {tokenizer.decode(split.read(start, stop).tolist()) for start, stop in places}
        assert 0 < len(held & set(long)) == len(long) < len(held)


def test_a_cached_story_world_depends_on_its_seed_and_its_program(small_world, monkeypatch):
    first = cached_store(Corpus(), BPE)
    assert cached_store(Corpus(validation_fraction=0.5), BPE).path == first.path  # It has its own validation stories.
    assert cached_store(Corpus(seed=1), BPE).path != first.path
    assert cached_store(Corpus(long_share=0.5), BPE).path != first.path
    monkeypatch.setattr(sources, "_storyworld_revision", lambda: "another")
    assert cached_store(Corpus(), BPE).path != first.path


def test_a_failing_generator_is_not_taken_for_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(generate.sys, "executable", "/bin/false" if Path("/bin/false").exists() else "false")
    with pytest.raises(RuntimeError, match="failed"):
        generate.generate(0, 0, 5, tmp_path)


def test_lines_are_json():
    lines = list(generate._lines(0, 0, 2))
    assert all(json.loads(line)["text"] for line in lines)
