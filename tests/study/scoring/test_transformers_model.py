"""Models that run in `transformers`: the same numbers as our own engine, and every refusal in one line."""

import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.utils import logging

from fabula.corpus.tokenizer import id_count
from fabula.errors import UserError
from fabula.generation.sampling import Sampling
from fabula.study.scoring.language_model import Tree
from fabula.study.scoring.llama import LlamaModel, open_model
from fabula.study.scoring.transformers_model import TransformersModel
from tests.tiny import tiny_checkpoint, tiny_tokenizer

TREES = [
    Tree((0, 5, 6, 7), ((8, 9, 10), (11,), (12, 13))),
    Tree((0,), ((20, 21, 22, 23), ())),
    Tree((0, *range(30, 70)), ((1, 2, 3, 4, 5, 6, 7),)),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "c")


@pytest.fixture(scope="module")
def gpt2_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    logging.disable_progress_bar()
    torch.manual_seed(0)
    sizes = {"vocab_size": id_count(tiny_tokenizer()), "n_positions": 40, "n_embd": 16, "n_layer": 2, "n_head": 2}
    config = GPT2Config(**sizes, initializer_range=0.3, bos_token_id=0, eos_token_id=0)
    GPT2LMHeadModel(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tiny_tokenizer().to_str())
    return folder


def test_it_agrees_with_our_engine(folder):
    ours, theirs = LlamaModel.load(folder), TransformersModel.load(folder)
    for name in ("name", "end_of_text", "context", "vocab_size", "parameters"):
        assert getattr(ours, name) == getattr(theirs, name)
    for first, second in zip(ours.log_probabilities(TREES), theirs.log_probabilities(TREES), strict=True):
        for mine, other in zip(first, second, strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-4)
    sequences = [[0, 5, 6], [0], [0, *range(20)]]
    for mine, other in zip(ours.distributions(sequences), theirs.distributions(sequences), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-4)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_it_tells_the_same_stories(folder, temperature):
    ours, theirs = LlamaModel.load(folder), TransformersModel.load(folder)
    ours.stops = theirs.stops = tuple(range(0, 300, 9))  # Some rows end early and are dropped.
    prompts = [[0, *range(1, 1 + number)] for number in range(8)]
    sampling = Sampling(temperature, 0.9, max_new_tokens=20, seed=5)
    assert ours.tell(prompts, sampling) == theirs.tell(prompts, sampling)


def test_another_architecture_opens_through_transformers(gpt2_folder):
    model = open_model(gpt2_folder)
    assert isinstance(model, TransformersModel)
    assert (model.context, model.end_of_text) == (40, 0)
    with torch.inference_mode():
        expected = model.model(torch.tensor([[0, *range(1, 40)]])).logits[0].log_softmax(-1)
    # The row is padded beyond the learned positions.
    found = model.log_probabilities([Tree((0, 1), (tuple(range(2, 41)),))])[0][0]
    np.testing.assert_allclose(found, expected[torch.arange(1, 40), torch.arange(2, 41)], atol=1e-4)
    np.testing.assert_allclose(model.distributions([[0, *range(1, 40)]])[0], expected, atol=1e-4)
    told = model.tell([[0], [0, 4]], Sampling(1.0, 1.0, max_new_tokens=99), ban_end_of_text=True)
    assert [len(story) for story in told] == [40, 39]


def test_without_transformers_the_message_says_what_to_install(gpt2_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"Fabula runs 'llama' models; for other models: pip install 'fabula\[hf\]'"):
        open_model(gpt2_folder)


def test_a_missing_weight_is_refused_and_not_drawn_at_random(gpt2_folder, tmp_path):
    for path in gpt2_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop("transformer.h.1.mlp.c_fc.weight")
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="1 weights are missing"):
        open_model(tmp_path)


def test_pickled_weights_are_refused(gpt2_folder, tmp_path):
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((gpt2_folder / name).read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="can't load it from safetensors"):
        open_model(tmp_path)
