import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from fabula import recipe
from fabula.corpus import hub
from fabula.corpus.build import build, cached_store
from fabula.corpus.readers import StoryFiles
from fabula.errors import UserError
from tests.corpus.hub_server import FakeHub, etag

ROOT = Path(__file__).parents[2]
DATASET = "datasets/roneneldan/TinyStories"
REVISION = hub.TINYSTORIES.revision
PARQUET, TEXT = hub.CORPORA["tinystories"].layouts
TRAIN = [f"Story {i}: the fox met the dog number {i * 7} by the river." for i in range(300)]
VALIDATION = [f"Held-out story {i} about a bird." for i in range(60)]
BPE = recipe.Tokenizer(kind="bpe", vocab_size=300)
TINYSTORIES = recipe.Corpus(source=("tinystories",))


def parquet(stories):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": stories}), buffer)
    return buffer.getvalue()


def text(stories):
    return "\n<|endoftext|>\n".join(stories).encode()


def in_repository(files, repository=DATASET, revision=REVISION):
    return {(repository, revision, name): content for name, content in files.items()}


def parquet_layout():
    quarters = {name: parquet(TRAIN[i::4]) for i, name in enumerate(PARQUET.train)}
    return in_repository({**quarters, PARQUET.validation[0]: parquet(VALIDATION)})


def text_layout():
    return in_repository({TEXT.train[0]: text(TRAIN), TEXT.validation[0]: text(VALIDATION)})


@pytest.fixture
def fake(tmp_path, monkeypatch):
    with FakeHub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        template = server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1_000)
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        yield server


def stories(paths):
    return [story.text for story in StoryFiles(paths)]


def test_parquet_files_are_downloaded_once(fake):
    fake.files = parquet_layout()
    train, validation = hub.download("tinystories")
    assert sorted(stories(train)) == sorted(TRAIN)
    assert stories(validation) == VALIDATION
    assert len(fake.transfers) == 5
    fake.requests = 0
    assert hub.download("tinystories") == (train, validation)
    assert fake.requests == 0  # Not even asked: the revision is pinned.


def test_text_files_where_the_revision_has_no_parquet(fake):
    fake.files = text_layout()
    train, validation = hub.download("tinystories")
    assert stories(train) == TRAIN
    assert stories(validation) == VALIDATION


def test_tinystories_v2_has_files_of_its_own(fake):
    (layout,) = hub.CORPORA["tinystories-v2"].layouts
    fake.files = in_repository({layout.train[0]: text(TRAIN), layout.validation[0]: text(VALIDATION)})
    train, _ = hub.download("tinystories-v2")
    assert stories(train) == TRAIN


def test_a_broken_connection_is_continued(fake):
    fake.files = text_layout()
    hash_ = etag(text(TRAIN))
    hub.fetch(hub.TINYSTORIES, TEXT.validation[0])
    fake.transfers.clear()
    fake.cut_after = [5_000, 4_000]
    path = hub.fetch(hub.TINYSTORIES, TEXT.train[0])
    assert path.read_bytes() == text(TRAIN)
    assert fake.transfers == [(hash_, None), (hash_, "bytes=5000-"), (hash_, "bytes=9000-")]


def test_a_download_that_died_is_continued_by_the_next_one(fake, tmp_path):
    fake.files = text_layout()
    fake.refuse_transfers = True
    blobs = tmp_path / "hub" / "datasets--roneneldan--TinyStories" / "blobs"
    with pytest.raises(UserError, match="run the command again to continue where it stopped"):
        hub.fetch(hub.TINYSTORIES, TEXT.train[0])
    (partial,) = blobs.glob("*.fabula-partial")
    partial.write_bytes(text(TRAIN)[:7_000])
    fake.refuse_transfers = False
    fake.transfers.clear()
    assert hub.fetch(hub.TINYSTORIES, TEXT.train[0]).read_bytes() == text(TRAIN)
    assert [wanted for _, wanted in fake.transfers] == ["bytes=7000-"]
    assert not list(blobs.glob("*.fabula-partial"))


def test_a_wrong_hash_is_downloaded_again_once(fake):
    fake.files = text_layout()
    fake.corrupt = 1
    assert hub.fetch(hub.TINYSTORIES, TEXT.train[0]).read_bytes() == text(TRAIN)
    assert len(fake.transfers) == 2


def test_a_hash_that_stays_wrong_is_an_error_and_leaves_nothing(fake):
    fake.files = text_layout()
    fake.corrupt = 2
    with pytest.raises(UserError, match="downloaded twice with another hash than the hub's own"):
        hub.fetch(hub.TINYSTORIES, TEXT.train[0])
    assert hub.fetch(hub.TINYSTORIES, TEXT.train[0]).read_bytes() == text(TRAIN)


def test_a_damaged_cache_is_downloaded_again(fake):
    fake.files = text_layout()
    path = hub.fetch(hub.TINYSTORIES, TEXT.train[0])
    path.resolve().write_bytes(b"damaged")
    assert hub.fetch(hub.TINYSTORIES, TEXT.train[0]).read_bytes() == text(TRAIN)


def test_a_missing_revision_repository_or_file(fake):
    fake.files = in_repository({"README.md": b"Stories."})
    with pytest.raises(UserError, match=r"has none of the files known as 'tinystories'"):
        hub.download("tinystories")
    fake.files = in_repository({"README.md": b"Stories."}, revision="0" * 40)
    with pytest.raises(UserError, match="the hub has no such revision"):
        hub.download("tinystories")
    fake.files = {}
    with pytest.raises(UserError, match="the hub has no dataset roneneldan/TinyStories"):
        hub.download("tinystories")


def test_gpt2_tokenizer_is_a_small_file_checked_by_its_git_hash(fake):
    content = b'{"model": "small"}'
    fake.files = in_repository({"tokenizer.json": content}, "openai-community/gpt2", hub.GPT2.revision)
    fake.corrupt = 1
    assert hub.gpt2_tokenizer().read_bytes() == content
    assert len(fake.transfers) == 2


def test_a_full_disk_is_said_to_be_full(fake, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    fake.files = text_layout()
    monkeypatch.setattr(hub, "http_get", full)
    with pytest.raises(UserError, match="the disk is full"):
        hub.fetch(hub.TINYSTORIES, TEXT.train[0])


def test_a_store_from_the_hub_and_then_without_a_network(fake, tmp_path):
    fake.files = parquet_layout()
    store = build(TINYSTORIES, BPE, tmp_path / "store")
    assert (store.train.stories, store.validation.stories) == (300, 60)
    assert store.manifest["revision"] == REVISION
    first = cached_store(TINYSTORIES, BPE)
    assert first.hash == store.hash
    fake.requests = 0
    assert cached_store(TINYSTORIES, BPE).path == first.path
    assert fake.requests == 0


PROGRAM = """
from fabula.corpus import hub
from fabula.errors import UserError
try:
    print(*hub.download("tinystories")[1])
except UserError as error:
    print(error)
"""


def in_a_process(endpoint, home):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_ENDPOINT": endpoint, "HF_HOME": str(home)},
    )
    return done.stdout.strip()


def test_endpoint_and_home_come_from_the_environment_and_a_dead_server_has_one_clear_line(tmp_path):
    with FakeHub(files=text_layout()) as server:
        path = Path(in_a_process(server.endpoint, tmp_path / "home"))
        assert path.is_relative_to(tmp_path / "home")
        assert path.read_bytes() == text(VALIDATION)
    message = in_a_process(server.endpoint, tmp_path / "empty")
    assert message.startswith(f"can't download roneneldan/TinyStories from {server.endpoint}")
    assert "corpus.source = storyworld" in message
    assert "\n" not in message
