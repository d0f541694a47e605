"""The storyteller's record in one command: what the baseline changes, and what is measured when the run is gone."""

import argparse
from pathlib import Path

import pytest

from bench import storyteller as bench
from fabula import recipe as recipes
from fabula.model.record import folder_name


@pytest.fixture
def said(tmp_path, monkeypatch):
    """The fabula commands that are asked for, and a record that may be written to."""
    commands: list[list[str]] = []

    def fabula(*words):
        commands.append([str(word) for word in words])
        if words[0] == "study":
            folder = Path(words[words.index("--out") + 1])
            folder.mkdir(parents=True)
            for name in ("report.html", "verdicts.json"):
                (folder / name).write_text(name)
        return ""

    monkeypatch.setattr(bench, "_fabula", fabula)
    monkeypatch.setattr(bench, "_store", lambda arguments: argparse.Namespace(path=tmp_path / "store"))
    monkeypatch.setattr(bench, "RECORD", tmp_path / "record")
    (tmp_path / "record").mkdir()
    return commands


@pytest.fixture
def arguments(tmp_path):
    files = {"train": tmp_path / "train.txt", "validation": tmp_path / "validation.txt"}
    return argparse.Namespace(**files, runs=tmp_path / "runs", suite="glance", checkpoints="3", baseline_steps=None)


def test_the_baseline_differs_in_optimizer_and_schedule_alone():
    ours = recipes.load("storyteller")
    changed = recipes.differences(ours, recipes.override(ours, bench.PLAIN))
    assert {line.split(".")[0] for line in changed} == {"optimizer", "schedule"}
    assert any("'muon' -> 'adamw'" in line for line in changed)


@pytest.mark.parametrize(("steps", "asked"), [(None, False), (7, True)])
def test_the_baseline_is_as_long_as_the_storyteller_unless_it_is_told_otherwise(said, arguments, steps, asked):
    arguments.baseline_steps = steps
    bench.baseline(arguments)
    assert ("--train.steps" in said[0]) == asked


def test_without_the_run_the_model_in_the_box_is_studied(said, arguments, tmp_path):
    bench.study(arguments)
    bench.card(arguments)
    study, card = said
    box, folder = str(bench.IN_THE_BOX), str(tmp_path / "runs" / "storyteller-study")
    assert study == ["study", box, "--corpus", str(tmp_path / "store"), "--out", folder, "--suite", "glance"]
    record = tmp_path / "record"
    assert card[:6] == ["export", box, "--to", "card", "--study", folder]
    assert card[6:] == ["--records", str(record), "--out", str(record / "card.md")]
    assert (record / "verdicts.json").read_text() == "verdicts.json"


def test_a_run_that_is_there_is_studied_with_its_training(said, arguments, tmp_path):
    run = tmp_path / "runs" / "storyteller"
    (run / "checkpoints" / folder_name(4)).mkdir(parents=True)
    (run / "recipe.toml").write_text(recipes.to_toml(recipes.from_table({"train": {"steps": 4}})))
    bench.study(arguments)
    bench.card(arguments)
    study, card = said
    assert study[:4] == ["study", str(run), "--out", str(run / "study")]
    assert study[-2:] == ["--checkpoints", "3"]
    assert card == ["export", str(run), "--to", "card", "--study", str(run / "study"), "--out", card[-1]]
