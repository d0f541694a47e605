import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.corpus import blocks
from fabula.corpus.readers import Counts, StoryFiles
from fabula.errors import UserError

ROOT = Path(__file__).parents[2]
PACK = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


def read(path: Path) -> list[str]:
    return [story.text for story in StoryFiles([path])]


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("packed", PACK)
def test_text_between_markers_alone_in_a_line_or_inside_one(tmp_path, packed):
    content = (
        b"\xef\xbb\xbfOne.\n\nStill one.\n<|endoftext|>\r\n Two. <|endoftext|>Three.\n<|endoftext|>\n<|endoftext|>\n"
    )
    path = written(tmp_path, f"a.txt{packed}", PACK[packed](content))
    files = StoryFiles([path])
    assert [story.text for story in files] == ["One.\n\nStill one.", "Two.", "Three."]
    assert files.counts == Counts(stories=3, empty=1)
    assert files.position == files.size == path.stat().st_size


def test_text_without_a_marker_is_one_story_a_line(tmp_path):
    files = StoryFiles([written(tmp_path, "a.txt", b"One.\r\n\nTwo.\nThree.")])
    assert [story.text for story in files] == ["One.", "Two.", "Three."]
    assert files.counts == Counts(stories=3, empty=1)


@pytest.mark.parametrize("block", [1, 2, 7, 13, 1 << 20])
def test_block_borders_change_nothing(tmp_path, monkeypatch, block):
    monkeypatch.setattr(blocks, "BLOCK", block)
    path = written(tmp_path, "a.txt", "Ein Märchen. 😀<|endoftext|>Two.<|endo<|endoftext|>".encode())
    monkeypatch.setattr("fabula.corpus.readers.UNDECODABLE", 1.0)  # One byte of a letter is all undecodable.
    assert read(path) == ["Ein Märchen. 😀", "Two.<|endo"]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: text.strip()), min_size=1))
def test_jsonl_and_parquet_keep_any_text(tmp_path_factory, stories):
    folder = tmp_path_factory.mktemp("any")
    lines = "\n".join(json.dumps({"text": story}) for story in stories)
    jsonl = written(folder, "a.jsonl", lines.encode())
    pq.write_table(pa.table({"text": stories}), folder / "a.parquet")
    assert read(jsonl) == read(folder / "a.parquet") == [story.strip() for story in stories]


@pytest.mark.parametrize("packed", PACK)
def test_jsonl_fields_blank_lines_and_half_surrogates(tmp_path, packed):
    content = b'{"text": "One."}\n\n{"id": 1, "story": "Two \\ud83d."}\r\n{"text": " "}'
    files = StoryFiles([written(tmp_path, f"a.jsonl{packed}", PACK[packed](content))])
    assert [tuple(story) for story in files] == [("One.", False), ("Two \ufffd.", True)]
    assert files.counts == Counts(stories=2, empty=1, broken_encoding=1)


def test_broken_encoding_is_replaced_and_counted(tmp_path):
    files = StoryFiles([written(tmp_path, "a.txt", b"Good.\nCaf\xe9 at noon.\n")])
    assert [tuple(story) for story in files] == [("Good.", False), ("Caf\ufffd at noon.", True)]
    assert files.counts == Counts(stories=2, broken_encoding=1)


def test_parquet_with_nulls_and_bytes_that_are_not_utf8(tmp_path):
    column = pa.array([b"One.", None, b"Tw\xff."], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    files = StoryFiles([tmp_path / "a.parquet"])
    assert [story.text for story in files] == ["One.", "Tw\ufffd."]
    assert files.counts == Counts(stories=2, empty=1, broken_encoding=1)


def test_a_second_iteration_counts_anew(tmp_path):
    files = StoryFiles([written(tmp_path, "a.txt", b"One.\nTwo.\n")])
    assert list(files) == list(files)
    assert files.counts.stories == 2


LINE = b'{"text": "A story of some length, so that it can be cut."}\n' * 50
BAD = {
    "a.csv": (b"One.", "unknown suffix; allowed: .txt, .txt.gz"),
    "a": (b"One.", "unknown suffix"),
    "a.parquet.gz": (b"One.", "unknown suffix"),
    "nul.txt": (b"One.\0\0Two.", "not a UTF-8 text file"),
    "utf16.txt": ("Once upon a time".encode("utf-16"), "not a UTF-8 text file"),
    "random.txt": (bytes(range(128, 256)) * 9, "not a UTF-8 text file"),
    "binary.jsonl": (bytes(range(256)), "not a UTF-8 text file"),
    "plain.txt.gz": (b"One.", "damaged or not a .gz file"),
    "short.jsonl.gz": (gzip.compress(LINE)[:-12], "damaged or not a .gz file"),
    "plain.txt.zst": (b"One.", "damaged or not a .zst file"),
    "short.jsonl.zst": (zstandard.compress(LINE)[:-4], "damaged or not a .zst file"),
    "a.parquet": (b"One.", "damaged or not a .parquet file"),
    "notjson.jsonl": (b'{"text": "One."}\n{"text": ', "line 2: not JSON"),
    "deep.jsonl": (b"[" * 100_000, "line 1: not JSON"),
    "list.jsonl": (b'\n["One."]\n', "line 2: must be an object"),
    "field.jsonl": (b'{"content": "One."}\n', "field `text` or `story`"),
    "number.jsonl": (b'{"text": 1}\n', "field `text` or `story`"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_give_one_clear_line(tmp_path, name):
    content, message = BAD[name]
    path = written(tmp_path, name, content)
    with pytest.raises(UserError) as error:
        read(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_parquet_without_a_column_of_strings(tmp_path):
    pq.write_table(pa.table({"content": ["One."]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="no column `text` or `story`; its columns are: content"):
        read(tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": [1]}), tmp_path / "b.parquet")
    with pytest.raises(UserError, match="must hold strings"):
        read(tmp_path / "b.parquet")


def test_truncated_parquet(tmp_path):
    pq.write_table(pa.table({"text": ["One."] * 1000}), tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    with pytest.raises(UserError, match="damaged"):
        read(written(tmp_path, "b.parquet", content[:-20]))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        StoryFiles([tmp_path / "a.txt"])
    with pytest.raises(UserError, match="is a folder"):
        StoryFiles([tmp_path])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions don't bind this user")
def test_unreadable_file(tmp_path):
    path = written(tmp_path, "a.txt", b"One.")
    path.chmod(0)
    with pytest.raises(UserError, match=r"can't read .*a\.txt: Permission denied"):
        read(path)


def test_a_file_without_any_separator_is_refused_before_memory_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "LONGEST_PIECE", 1 << 12)
    monkeypatch.setattr(blocks, "BLOCK", 1 << 10)
    with pytest.raises(UserError, match="a story of more than"):
        read(written(tmp_path, "a.txt", b"word " * 2000))


def test_several_zstandard_frames_and_gzip_members(tmp_path):
    frames = zstandard.compress(b"One.\n") + zstandard.compress(b"Two.\n")
    members = gzip.compress(b"One.\n") + gzip.compress(b"Two.\n")
    assert read(written(tmp_path, "a.txt.zst", frames)) == ["One.", "Two."]
    assert read(written(tmp_path, "a.txt.gz", members)) == ["One.", "Two."]


MEMORY_PROGRAM = """
import sys, tracemalloc
from pathlib import Path
import pyarrow
from fabula.corpus.readers import StoryFiles
tracemalloc.start()
count = sum(1 for _ in StoryFiles([Path(sys.argv[1])]))
print(count, tracemalloc.get_traced_memory()[1] + pyarrow.default_memory_pool().max_memory())
"""


@pytest.mark.parametrize("suffix", [".txt", ".jsonl.gz", ".parquet"])
def test_reading_takes_constant_memory(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    story = "Once upon a time there was a fox. " * 30
    stories = [f"{number} {story}" for number in range(30_000)]
    size = sum(map(len, stories))
    if suffix == ".parquet":
        pq.write_table(pa.table({"text": stories}), path, compression="none", row_group_size=len(stories))
    elif suffix == ".txt":
        path.write_text("\n<|endoftext|>\n".join(stories))
    else:
        path.write_bytes(gzip.compress("\n".join(json.dumps({"text": text}) for text in stories).encode(), 1))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_PROGRAM, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    count, peak = map(int, done.stdout.split())
    assert count == len(stories)
    assert peak < size / 3
