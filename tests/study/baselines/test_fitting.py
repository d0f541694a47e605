"""Baselines are fitted once, kept, and written as stories."""

from pathlib import Path

import numpy as np
import pytest

from fabula.study import baselines
from fabula.study.baselines.words import WordTables
from fabula.study.baselines.writing import write
from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Request
from fabula.study.text import words
from tests.study.baselines.texts import made_stories
from tests.tiny import tiny_store


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FABULA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "baselines"


@pytest.fixture
def corpus(tmp_path: Path) -> StudyCorpus:
    return StudyCorpus.open(tiny_store(tmp_path / "store", made_stories(60), made_stories(5, seed=1)))


def no_fitting(texts: object) -> WordTables:
    raise AssertionError("fitted again")


def test_every_baseline_answers(cache: Path, corpus: StudyCorpus) -> None:
    scorers = baselines.fit(corpus)
    assert list(scorers) == ["unigram", "bigram", "fivegram", "cache-0.1", "cache-0.3", "overlap", "target-only"]
    requests = [Request("One day, Nia lost a", " kite."), Request("", " A lamp.")]
    for scorer in scorers.values():
        found = scorer.log_likelihoods(requests)
        assert found.shape == (2,)
        assert np.isfinite(found).all()


def test_tables_are_found_again(cache: Path, corpus: StudyCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    first = baselines.tables(corpus)
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(WordTables, "fit", no_fitting)
    again = baselines.tables(corpus)
    assert (
        again.log_probabilities(corpus.held_out, 5)[0].tolist()
        == first.log_probabilities(corpus.held_out, 5)[0].tolist()
    )


def test_other_stories_are_fitted_anew(cache: Path, corpus: StudyCorpus) -> None:
    baselines.tables(corpus)
    baselines.tables(StudyCorpus(corpus.hash, corpus.held_out, corpus.train[:30], corpus.store))
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_a_damaged_file_is_written_anew(cache: Path, corpus: StudyCorpus, part: float) -> None:
    first = baselines.tables(corpus)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * part)])
    assert baselines.tables(corpus).vocabulary == first.vocabulary
    assert file.stat().st_size == len(whole)


def test_a_place_that_cannot_be_written_is_no_obstacle(
    cache: Path, corpus: StudyCorpus, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.parent.write_text("a file")
    assert baselines.tables(corpus).vocabulary
    assert "not kept" in capsys.readouterr().err


def test_sampled_stories_are_readable_and_depend_on_the_seed(cache: Path, corpus: StudyCorpus) -> None:
    tables = baselines.tables(corpus)
    stories = baselines.sample_stories(tables, 0, 20)
    assert stories == baselines.sample_stories(tables, 0, 20) != baselines.sample_stories(tables, 1, 20)
    assert len(stories) == 20
    known = {*tables.vocabulary, *tables.rare}
    assert all(word in known for story in stories for word in words(story))
    assert all(" ," not in story and " ." not in story for story in stories)


@pytest.mark.parametrize(
    "text",
    [
        'One day, Nia said, "I can\'t go." Otto (the fox) left.',
        '"Why?" asked Pim. "It is 5-year-old bread; eat it!"',
        "\u201cOh no!\u201d said Rosa: \u2018it broke\u2019.",
    ],
)
def test_writing_undoes_reading(text: str) -> None:
    assert write(words(text)) == text


def test_an_open_quotation_does_not_turn_all_later_ones() -> None:
    assert write(words('"Stop! Nia said, "I am here." "Good," said Otto.')) == (
        '"Stop! Nia said, "I am here." "Good," said Otto.'
    )
