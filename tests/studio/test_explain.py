"""What surprised a model, sentence by sentence, and where it looks: the model's own numbers, whoever computes them."""

import asyncio
import math
import subprocess
import sys

import httpx2
import pytest
import torch

from fabula.generation.storyteller import Storyteller
from fabula.model.layout import load_model
from fabula.studio.attention import attention_weights
from fabula.studio.explain import MOST_WAITING, Looking, sentences
from fabula.studio.orders import BusyError
from tests.studio.live import live
from tests.tiny import tiny_checkpoint

MODEL = "brook"
STORY = "The cat sat. “Oh no!” said Tom — he was sad 🎂.\n\nThe bird flew away"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp("models") / MODEL)


@pytest.fixture(scope="module")
def ask(folder):
    with live(folder) as studio, httpx2.Client(base_url=studio.url) as client:
        yield lambda path, **content: client.post(path, json={"model": MODEL, **content})


def test_every_token_of_a_text_has_its_probability(ask, folder):
    found = ask("/studio/read", text=STORY).json()
    storyteller = Storyteller.load(folder)
    tokens = storyteller.encode(STORY)
    assert [one["token"] for one in found["tokens"]] == tokens[1:]
    assert "".join(one["text"] for one in found["tokens"]) == STORY
    model = load_model(folder)
    targets = torch.tensor([[*tokens[1:], 0]])
    losses = model.token_losses(torch.tensor([tokens]), targets)[0, :-1]
    assert [-one["log_probability"] for one in found["tokens"]] == pytest.approx(losses.tolist(), abs=1e-4)
    for one in found["tokens"]:
        values = [beside["log_probability"] for beside in one["alternatives"]]
        assert len(values) == 5
        assert values == sorted(values, reverse=True)
        assert values[0] >= one["log_probability"] - 1e-12


def test_sentences_share_out_all_tokens_and_all_surprise(ask):
    found = ask("/studio/read", text=STORY).json()
    assert [one["text"] for one in found["sentences"]] == [
        "The cat sat.", "“Oh no!” said Tom — he was sad 🎂.", "The bird flew away",
    ]  # fmt: skip
    assert found["sentences"][0]["first"] == 0
    assert found["sentences"][-1]["last"] == len(found["tokens"]) - 1
    for earlier, later in zip(found["sentences"], found["sentences"][1:], strict=False):
        assert later["first"] == earlier["last"] + 1
    for one in found["sentences"]:
        inside = found["tokens"][one["first"] : one["last"] + 1]
        assert "".join(token["text"] for token in inside).strip() == one["text"]
        assert one["nats"] == pytest.approx(-sum(token["log_probability"] for token in inside))
        assert one["nats_per_token"] == pytest.approx(one["nats"] / len(inside))


def test_blanks_belong_to_the_sentence_before_them():
    texts = ["  ", "One", ".", "\n", "\n", " Two", "!", " "]
    found = sentences("".join(texts), texts, [-1.0] * len(texts))
    assert [(one["text"], one["first"], one["last"]) for one in found] == [("One.", 0, 4), ("Two!", 5, 7)]


def test_a_text_without_a_sentence_has_none():
    assert sentences("\n \n", ["\n", " \n"], [-1.0, -1.0]) == []


def test_attention_is_that_of_transformers(ask, folder):
    from transformers import AutoModelForCausalLM

    tokens = Storyteller.load(folder).encode(STORY)
    reference = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    with torch.no_grad():
        expected = reference(torch.tensor([tokens]), output_attentions=True).attentions
    model = load_model(folder)
    for place in (0, 1, 7, len(tokens) - 1):
        found = torch.tensor(attention_weights(model, tokens[: place + 1]))
        rows = torch.stack([layer[0, :, place, : place + 1] for layer in expected])
        assert found.shape == (model.config.layers, model.config.heads, place + 1)
        assert torch.allclose(found, rows, atol=1e-5, rtol=0)


def test_a_tokens_attention_counts_the_text_s_own_tokens(ask, folder):
    tokens = Storyteller.load(folder).encode(STORY)
    for token in (0, 5, len(tokens) - 2):
        found = ask("/studio/attention", text=STORY, token=token).json()
        assert found["tokens"][0] == "start"
        assert STORY.startswith("".join(found["tokens"][1:]))
        weights = attention_weights(load_model(folder), tokens[: token + 2])
        for layer, ours in zip(found["layers"], weights, strict=True):
            for row, expected in zip(layer, ours, strict=True):
                assert row == pytest.approx(expected, abs=1e-6)
                assert len(row) == len(found["tokens"]) == token + 2
                assert math.fsum(row) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("path", "content", "status", "message"),
    [
        ("/studio/attention", {"text": "Tom", "token": 99}, 400, "counted from 0"),
        ("/studio/attention", {"text": "Tom", "token": -1}, 422, "token"),
        ("/studio/attention", {"text": "word " * 60, "token": 0}, 400, "context holds 48"),
        ("/studio/read", {"text": "word " * 60}, 400, "context holds 48"),
        ("/studio/read", {"text": ""}, 422, "text"),
        ("/studio/read", {"text": "Tom", "model": "../brook"}, 404, "no model"),
    ],
)
def test_what_cannot_be_explained(ask, path, content, status, message):
    answer = ask(path, **content)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_a_studio_starts_without_the_libraries_that_few_ask_for():
    code = "import sys, fabula.studio.serving; print({'torch', 'pyarrow', 'scipy', 'transformers'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_few_wait_for_attention(folder):
    async def crowd():
        looking = Looking()
        asked = [looking.weights(folder, [0, 5, 6]) for _ in range(MOST_WAITING + 3)]
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(crowd())
    assert sum(isinstance(one, BusyError) for one in found) == 3
    assert all(len(one) == 2 for one in found if not isinstance(one, BusyError))
