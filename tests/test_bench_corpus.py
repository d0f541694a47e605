from dataclasses import replace

import pytest

from bench.corpus import synthetic
from bench.corpus.contest import CONTENDERS, Record, compare
from bench.corpus.tables import markdown
from fabula.corpus.readers import StoryFiles
from fabula.corpus.tokenizer import train_bpe

FOUND = {
    "machine": "a machine",
    "text": "a.txt",
    "bytes": 20_000_000,
    "vocabulary": 300,
    "rounds": 3,
    "command": "python -m bench.corpus",
    "contenders": [
        vars(Record("fabula", version="x 1", seconds=[1.0, 2.0, 4.0], memory=[3_000_000], tokens=9, stories=2)),
        vars(Record("datasets.map", version="y 2", seconds=[8.0, 8.0, 8.0], memory=[5_000_000], tokens=9, stories=2)),
        vars(Record("other", missing="not installed")),
    ],
}


def test_the_table_compares_rounds_with_each_other():
    lines = markdown(FOUND).splitlines()
    assert "| fabula | 10.0 (5.0-20.0) | 4.0x | 3 | x 1 |" in lines
    assert "| datasets.map | 2.5 (2.5-2.5) |  | 5 | y 2 |" in lines
    assert "- other: not installed" in lines


def test_a_synthetic_text_is_new_stories_and_some_repeated_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "SOURCES", 50)
    synthetic.write(tmp_path / "a.txt", 1_000_000)
    synthetic.write(tmp_path / "b.txt", 1_000_000)
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "b.txt").read_bytes()
    assert 1_000_000 <= (tmp_path / "a.txt").stat().st_size < 2_500_000
    stories = [story.text for story in StoryFiles([tmp_path / "a.txt"])]
    assert 0 < len(stories) - len({*stories}) < 0.03 * len(stories)


@pytest.mark.slow
def test_contenders_make_the_same_tokens(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "SOURCES", 50)
    synthetic.write(tmp_path / "a.txt", 1_500_000)
    train_bpe(["a story " * 9], 300).save(str(tmp_path / "tokenizer.json"))
    chosen = [entry for entry in CONTENDERS if entry.name in ("fabula, no extra", "fabula, `tokenizers` alone")]
    broken = replace(CONTENDERS[0], name="broken", encoders=("nothing",))
    paths = tmp_path / "a.txt", tmp_path / "tokenizer.json", tmp_path
    records = compare([*chosen, broken], *paths, 1, 2)
    assert [record.version.split()[0] for record in records[:2]] == ["fabula", "tokenizers"]
    assert records[0].digest == records[1].digest != ""
    assert records[0].tokens == records[1].tokens > 100_000
    assert all(record.seconds[0] > 0 and record.memory[0] > 0 for record in records[:2])
    assert records[2].missing == "nothing isn't installed, or the text is too small for it"
