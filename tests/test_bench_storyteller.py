"""The storyteller's record in one command: what is trained, on what, and what is kept of it."""

import argparse
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest
import torch

import bench.storyteller.__main__ as bench
from bench.storyteller.texts import ANIMALS, PLAINEST, Mix, Texts
from fabula import recipe as recipes
from fabula.model.layout import load_model
from tests.tiny import tiny_checkpoint, tiny_model


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


def test_each_stage_begins_with_the_mean_of_those_before_it(said, arguments, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "last_valid_checkpoint", lambda run: run.name)
    monkeypatch.setattr(bench, "_put", lambda checkpoints, folder: put.append((folder.name, checkpoints)))
    monkeypatch.setattr(bench, "load_tokenizer", lambda folder: argparse.Namespace(get_vocab=lambda: VOCABULARY))
    put: list[tuple[str, list[str]]] = []
    arguments.train.write_text("\n<|endoftext|>\n".join(STORIES), encoding="utf-8")
    (tmp_path / "runs").mkdir()
    bench.train(arguments)
    names = [stage.name for stage in bench.STAGES]
    options = [dict(pairwise(command)) for command in said]
    assert [Path(each["--out"]).name for each in options] == ["storyteller", *(f"storyteller-{name}" for name in names)]
    assert [Path(each["--corpus"]).name for each in options[1:]] == [f"storyteller-{name}.txt" for name in names]
    assert put[0] == ("storyteller", ["storyteller"])
    assert ("storyteller+further", ["storyteller", "storyteller-further"]) in put
    assert [Path(each["--train.start_from"]).name for each in options[1:]] == [name for name, _ in put]
    known = {bench.FIRST}
    assert known.union(names).issuperset(bench.IN_THE_MEAN)
    for stage, command in zip(bench.STAGES, said[1:], strict=True):
        assert known.issuperset(stage.after)
        known.add(stage.name)
        each = dict(pairwise(command))
        settings = {word.removeprefix("--"): each[word] for word in command if "." in word and word.startswith("--")}
        recipes.override(recipes.load("storyteller"), settings)


def test_weights_are_averaged(tmp_path):
    folders = [tiny_checkpoint(tmp_path / str(seed), tiny_model(seed, vocab_size=300)) for seed in (0, 1)]
    bench._put(folders, tmp_path / "mean")
    first, second, mean = (load_model(folder).state_dict() for folder in (*folders, tmp_path / "mean"))
    for name, found in mean.items():
        torch.testing.assert_close(found, (first[name] + second[name]) / 2, rtol=2**-8, atol=0)


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


def test_some_names_are_made_up_and_colours_exchanged_throughout():
    texts = Texts(STORIES)
    chance = random.Random(0)
    story = "Lily had a red hat. The sky was blue, the ball orange. Lily liked red."
    copies = [texts.changed(story, chance, 0.5) for _ in range(300)]
    found = [re.fullmatch(r"(\w+) had a (\w+) hat. The sky was (\w+), the ball (\w+). \1 liked \2.", c) for c in copies]
    assert all(found)
    names, hats, skies, balls = zip(*(one.groups() for one in found if one), strict=True)
    assert len(set(names)) > 50
    assert 0.4 < sum(name in ("Lily", "Anna") for name in names) / len(names) < 0.6
    assert len(set(hats)) > 3
    assert set(balls) == {"orange"}
    assert "blue" not in hats
    assert len(set(skies)) > 1


def test_what_has_its_colour_by_nature_keeps_it():
    chance = random.Random(0)
    story = "Lily sat on green grass under the blue sky."
    assert {Texts(STORIES).changed(story, chance, 1e-9)[-36:] for _ in range(50)} == {
        "sat on green grass under the blue sky."[-36:]
    }


def test_lists_stand_between_the_stories():
    lists = Texts(STORIES).text(Mix((1, 1, 1), 0, 0.1, 5), VOCABULARY).split("\n<|endoftext|>\n")
    found = [text for text in lists if text.endswith(",")]
    assert len(lists) - 1 == len(STORIES) + 5
    assert len(found) == 5
    for text in found:
        *_, before, last = text.removesuffix(",").split(", ")
        said = last.split()
        shared = next(n for n in range(len(said), 0, -1) if before.split()[-n:] == said[-n:])
        assert 4 <= shared <= 20
        assert set(said) <= set(LONG_WORDS)


LONG_WORDS = ["word" + "".join(chr(ord("a") + int(digit)) for digit in f"{number:04}") for number in range(300)]
VOCABULARY = {"Ġ" + word: number for number, word in enumerate(LONG_WORDS)}


def test_the_same_seed_makes_the_same_text_with_so_many_copies():
    texts = Texts(STORIES)
    text = texts.text(Mix((3, 2, 1), 0), {})
    assert text == Texts(STORIES).text(Mix((3, 2, 1), 0), {})
    assert text != texts.text(Mix((3, 2, 1), 1), {})
    assert not any(texts.is_(PLAINEST, story) for story in STORIES), "they are too short"
    assert text.count("<|endoftext|>") == len(STORIES)
