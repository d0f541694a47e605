"""The storyteller's record in one command: what is trained, on what, and what is kept of it."""

import argparse
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

import bench.storyteller.__main__ as bench
from bench.storyteller.texts import ANIMALS, PLAINEST, Texts
from fabula import recipe as recipes


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


def test_the_model_in_the_box_is_studied(said, arguments, tmp_path):
    bench.study(arguments)
    bench.card(arguments)
    study, card = said
    box, folder = str(bench.IN_THE_BOX), str(tmp_path / "runs" / "storyteller-study")
    assert study == ["study", box, "--corpus", str(tmp_path / "store"), "--out", folder, "--suite", "glance"]
    record = tmp_path / "record"
    assert card[:6] == ["export", box, "--to", "card", "--study", folder]
    assert card[6:] == ["--records", str(record), "--out", str(record / "card.md")]
    assert (record / "verdicts.json").read_text() == "verdicts.json"


def test_each_stage_begins_where_the_one_before_it_ended(said, arguments, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "last_valid_checkpoint", lambda run: run / "last")
    monkeypatch.setattr(bench, "_put", lambda checkpoint, folder: put.append((checkpoint, folder)))
    put: list[tuple[Path, Path]] = []
    arguments.train.write_text("\n<|endoftext|>\n".join(STORIES), encoding="utf-8")
    runs = tmp_path / "runs"
    runs.mkdir()
    bench.train(arguments)
    assert [command[command.index("--out") + 1] for command in said] == [
        str(runs / name) for name in ("storyteller", "storyteller-further", "storyteller-last")
    ]
    assert [command[command.index("--corpus") + 1] for command in said[1:]] == [
        str(runs / name) for name in ("storyteller-further.txt", "storyteller-last.txt")
    ]
    begun = [runs / "begun" / name for name in ("storyteller", "storyteller-further")]
    assert put == [(runs / folder.name / "last", folder) for folder in begun]
    assert [command[command.index("--train.start_from") + 1] for command in said[1:]] == list(map(str, begun))
    for command in said[1:]:
        options = dict(pairwise(command))
        settings = {word.removeprefix("--"): options[word] for word in command if "." in word and word.startswith("--")}
        recipes.override(recipes.load("storyteller"), settings)


STORIES = [
    *['Then Lily saw a rabbit. She said, "I am Lily." The rabbit saw her and Lily was glad.'] * 12,
    *["Then Anna saw a goat. She was glad, and Anna gave her hat to it."] * 12,
    *["So Tom had a ball. He threw his ball and Tom ran. His Mom saw him and Tom saw Mom."] * 12,
    *["And Ben was sad. He said that he lost his hat, and Ben cried."] * 12,
]


def test_names_are_read_off_the_stories():
    boys, girls = Texts(STORIES).pools
    assert (boys, girls) == (["Tom", "Ben"], ["Lily", "Anna"])


def test_a_copy_has_other_names_throughout_and_nothing_else_is_changed():
    texts = Texts(STORIES)
    chance = random.Random(0)
    copies = {texts.changed(STORIES[0], chance) for _ in range(200)}
    assert len(copies) == 2 * len(ANIMALS)  # either girl, any animal
    for copy in copies:
        animal = next(animal for animal in ANIMALS if animal in copy)
        name = "Anna" if "Anna" in copy else "Lily"
        assert copy == STORIES[0].replace("Lily", name).replace("rabbit", animal)


def test_two_of_a_story_stay_two():
    texts = Texts(STORIES)
    chance = random.Random(0)
    both = "Lily met Anna. The rabbits saw a goat. Rabbits run."
    for _ in range(200):
        changed = texts.changed(both, chance)
        assert "Lily met Anna." in changed, "there is no third girl"
        first, second = re.search(r"The (\w+)s saw a (\w+)\. (\w+)s run", changed).group(1, 2)
        assert first != second
        assert f"{first.capitalize()}s run" in changed


def test_the_same_seed_makes_the_same_text_with_so_many_copies():
    texts = Texts(STORIES)
    text = texts.text((3, 2, 1), 0)
    assert text == Texts(STORIES).text((3, 2, 1), 0)
    assert text != texts.text((3, 2, 1), 1)
    assert not any(texts.is_(PLAINEST, story) for story in STORIES), "they are too short"
    assert text.count("<|endoftext|>") == len(STORIES)
