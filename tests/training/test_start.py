import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch

from fabula import recipe as recipes
from fabula.errors import UserError
from fabula.files import sha256
from fabula.model.layout import load_model
from fabula.model.resolve import last_valid_checkpoint
from fabula.recipe import Recipe
from fabula.training.estimate import estimate
from fabula.training.loop import train
from fabula.training.run import RunFolder


@pytest.fixture
def first(tiny: Recipe, tmp_path: Path) -> Path:
    """Return a run to start from; other stories than its own would give another tokenizer."""
    return train(tiny, tmp_path / "first")


@pytest.fixture
def further(tiny: Recipe, first: Path, stories: Path, tmp_path: Path) -> Recipe:
    other = tmp_path / "other.txt"
    other.write_text(stories.read_text(encoding="utf-8").replace("dog", "wombat"), encoding="utf-8")
    return recipes.override(tiny, {"train.start_from": str(first), "corpus.source": str(other), "train.seed": "1"})


def test_it_begins_with_the_models_weights_and_tokenizer(further: Recipe, first: Path, tmp_path: Path) -> None:
    train(further, tmp_path / "second")
    before, begun = last_valid_checkpoint(first), tmp_path / "second" / "checkpoints" / "step-00000"
    theirs, mine = load_model(before).state_dict(), load_model(begun).state_dict()
    assert all(torch.equal(theirs[name], mine[name]) for name in theirs)
    assert (begun / "tokenizer.json").read_text() == (before / "tokenizer.json").read_text()
    losses = [entry["loss"] for entry in RunFolder(tmp_path / "second").metrics()]
    assert losses[0] < RunFolder(first).metrics()[0]["loss"] - 0.5
    record = json.loads((tmp_path / "second" / "run.json").read_text())
    weights = {"model.safetensors": sha256(before / "model.safetensors")}
    assert record["start_from"] == {"model": str(first), "weights": weights}


def test_resumed_it_needs_the_weights_no_more(further: Recipe, first: Path, tmp_path: Path) -> None:
    whole = train(further, tmp_path / "whole")
    interrupted = tmp_path / "interrupted"
    shutil.copytree(whole, interrupted)
    for kept in (interrupted / "resume").glob("step-00012*"):
        shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
    for run in first.glob("checkpoints/*/model.safetensors"):
        run.unlink()
    train(further, interrupted)
    assert RunFolder(interrupted).metrics()[-1]["loss"] == RunFolder(whole).metrics()[-1]["loss"]


def test_another_shape_is_refused(further: Recipe, first: Path, tmp_path: Path) -> None:
    wider = dataclasses.replace(further, model=dataclasses.replace(further.model, intermediate=64))
    with pytest.raises(UserError, match=r"model.intermediate is 64 here and 48 in .*first"):
        train(wider, tmp_path / "second")
    longer = dataclasses.replace(further, model=dataclasses.replace(further.model, context=128))
    train(longer, tmp_path / "longer")


def test_another_vocabulary_is_refused(further: Recipe, tiny: Recipe, tmp_path: Path) -> None:
    other = train(recipes.override(tiny, {"tokenizer.vocab_size": "300"}), tmp_path / "smaller")
    path = last_valid_checkpoint(other) / "tokenizer.json"
    with pytest.raises(UserError, match="vocabulary is 300 here and 320 in"):
        train(recipes.override(further, {"tokenizer.path": str(path)}), tmp_path / "second")


def test_an_unknown_model_is_one_clear_line(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model 'nobody'"):
        train(recipes.override(tiny, {"train.start_from": "nobody"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_estimate_knows_its_vocabulary(tiny: Recipe) -> None:
    mine = recipes.override(tiny, {"train.start_from": "storyteller"})
    assert estimate(mine, here=False).parameters > estimate(tiny, here=False).parameters
