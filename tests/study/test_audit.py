"""The audit's lines: each is the division that it says it is."""

import io
import json
import math

import pytest
from rich.console import Console

from fabula import recipe as recipes
from fabula.corpus.store import TokenStore
from fabula.corpus.tokenizer import id_count
from fabula.model.checkpoint import write_checkpoint
from fabula.study import audit as module
from fabula.study.audit import audit
from fabula.study.evaluate import evaluate
from tests.tiny import STORIES, tiny_checkpoint, tiny_model, tiny_store, tiny_tokenizer

TRAIN = [f"{first} {second}" for first in STORIES for second in ("The end.", "A dog ran.", "It was fun.")]
STEP = 3


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return TokenStore.open(tiny_store(tmp_path_factory.mktemp("corpus") / "store", TRAIN, [*STORIES, *TRAIN[:6]]))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, store):
    """A checkpoint inside a run of three steps that take two micro-batches each."""
    run = tmp_path_factory.mktemp("run")
    model, tokenizer = tiny_model(vocab_size=id_count(tiny_tokenizer()), context=300), tiny_tokenizer()
    (run / "checkpoints").mkdir()
    folder = run / "checkpoints" / "step-00003"
    write_checkpoint(
        folder, model, tokenizer, step=STEP, tokens=300, corpus_hash=store.hash, corpus_position=6, loss=2.5
    )
    table = {
        "model": {"context": 300, "hidden": 32, "heads": 4},
        "train": {"tokens_per_step": 900, "steps": 10, "micro_batch": 1},
    }
    (run / "recipe.toml").write_text(recipes.to_toml(recipes.from_table(table)))
    metrics = [{"step": step, "loss": 5.0 - step} for step in range(1, 6)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in metrics))
    return folder


@pytest.fixture(scope="module")
def found(checkpoint, store):
    return audit(checkpoint, store)


def values(found):
    return {line.name: line.value for line in found.lines}


def test_every_unit_is_the_same_sum(found, checkpoint, store):
    expected = evaluate(checkpoint, store.path)
    texts = [store.validation.text(index) for index in range(store.validation.stories)]
    nats = expected.nats_per_token * expected.tokens
    lines = values(found)
    assert found.stories == len(texts)
    assert lines["held-out, per token"] == pytest.approx(expected.nats_per_token, rel=1e-6)
    assert lines["held-out, bits per byte"] == pytest.approx(expected.bits_per_byte, rel=1e-6)
    assert lines["held-out, per byte"] == pytest.approx(nats / sum(len(text.encode()) for text in texts), rel=1e-6)
    assert lines["held-out, per character"] == pytest.approx(nats / sum(map(len, texts)), rel=1e-6)
    assert lines["held-out, per word"] == pytest.approx(nats / sum(len(text.split()) for text in texts), rel=1e-6)


def test_padding_dilutes(found):
    lines = values(found)
    # No story is longer than 256 tokens, so only the number of positions changes.
    assert lines["per padded token, 512"] == pytest.approx(lines["per padded token, 256"] / 2)
    assert lines["per padded token, 2,048"] == pytest.approx(lines["per padded token, 256"] / 8)
    # The context of 300 holds a single padded length.
    assert [name for name in lines if name.startswith("padding predicted")] == ["padding predicted, 256"]
    assert lines["padding predicted, 256"] > lines["per padded token, 256"]


def test_stories_beyond_the_padded_length_are_cut(checkpoint, store, monkeypatch):
    monkeypatch.setattr(module, "PADDED_LENGTHS", (4, 8))
    lines = values(audit(checkpoint, store, limit=1))
    assert lines["padding predicted, 8"] == pytest.approx(lines["per padded token, 8"], rel=1e-6)
    assert lines["padding predicted, 4"] == pytest.approx(lines["per padded token, 4"], rel=1e-6)


def test_accumulation_divides_once_more(found):
    lines = values(found)
    for count in (2, 3, 4, 8, 16):
        assert lines[f"divided by accumulation, {count}"] == pytest.approx(lines["held-out, per token"] / count)
    (own,) = [line for line in found.lines if line.name == "divided by accumulation, 3"]
    assert "this run accumulates" in own.done


def test_training_stories_by_how_often_they_were_seen(found, store):
    # Nine windows of 300 tokens hold the training stories several times over.
    seen = [line for line in found.lines if line.name.startswith("training stories seen")]
    counts = [int(line.done.split(" of the ")[1].split()[0]) for line in seen]
    assert sum(counts) == store.train.stories
    lines = values(found)
    assert lines["training, last batch"] == 2.0
    assert lines["training, last batches"] == 3.0
    assert found.notes == ()


def test_what_is_honest_and_what_is_nearest_are_marked(found):
    for line in found.lines:
        assert line.honest == (not line.name.startswith(("per padded", "padding predicted", "divided")))
    nearest = min(abs(line.value - found.claimed) for line in found.lines)
    assert {line.name for line in found.lines if line.closest} == {
        line.name for line in found.lines if math.isclose(abs(line.value - 0.573), nearest, abs_tol=1e-9)
    }


def test_json_and_table_hold_every_line(found):
    record = found.to_json()
    assert [line["name"] for line in json.loads(json.dumps(record))["lines"]] == [line.name for line in found.lines]
    console = Console(width=160, file=io.StringIO())
    console.print(found.table())
    shown = console.file.getvalue()
    for line in found.lines:
        assert f"{line.value:.4f}" in shown


def test_another_corpus_says_nothing_of_training(checkpoint, tmp_path):
    other = TokenStore.open(tiny_store(tmp_path / "store", ["A dog ran."], STORIES))
    found = audit(checkpoint, other)
    assert not [line for line in found.lines if line.name.startswith("training")]
    assert "another token store" in found.notes[0]


def test_a_model_without_a_run_says_so(tmp_path, store):
    found = audit(tiny_checkpoint(tmp_path / "c"), store, limit=2)
    assert found.stories == 2
    assert "has no recipe" in found.notes[0]
