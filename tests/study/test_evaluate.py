"""The held-out loss under its pinned protocol."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.cli import main
from fabula.corpus import storyworld
from fabula.corpus.tokenizer import id_count, train_bpe
from fabula.errors import UserError
from fabula.native.library import library, why_not
from fabula.study.evaluate import NATIVE_ROWS, evaluate, story_losses, torch_losses
from fabula.study.stories import HeldOutStory, same_encoding
from tests.model.reference import reference_model
from tests.tiny import STORIES, tiny_checkpoint, tiny_model, tiny_store, tiny_tokenizer

KEYS = [
    "nats_per_token",
    "nats_per_token_interval",
    "bits_per_byte",
    "bits_per_byte_interval",
    "stories",
    "tokens",
    "bytes",
    "stories_in_training",
    "cut_stories",
    "model",
    "corpus",
]
native = pytest.mark.skipif(library() is None, reason=why_not())
TRAIN = ["A dog ran.", STORIES[2], "The end of the day."]


@pytest.fixture(scope="module")
def model():
    return tiny_model(vocab_size=id_count(tiny_tokenizer()), context=20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, model):
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "c", model)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tiny_store(tmp_path_factory.mktemp("corpus") / "store", TRAIN, STORIES)


def jsonl(path, stories):
    path.write_text("".join(json.dumps({"text": story}) + "\n" for story in stories))
    return path


def alone_in_transformers(model, story: str) -> float:
    """A story's nats, window by window, through `transformers`."""
    tokens = [0, *tiny_tokenizer().encode(story, add_special_tokens=False).ids, 0]
    context, total = model.config.context, 0.0
    for start in range(0, len(tokens) - 1, context):
        window = torch.tensor(tokens[start : start + context + 1])
        logits = reference_model(model)(window[None, :-1]).logits[0].detach().double()
        total += torch.nn.functional.cross_entropy(logits, window[1:], reduction="sum").item()
    return total


def held_out(lengths, seed=0, vocabulary=300):
    random = np.random.default_rng(seed)
    return [HeldOutStory(random.integers(0, vocabulary, length, np.int32), 1, 0) for length in lengths]


def test_it_is_the_sum_of_the_stories_alone(folder, store, model):
    found = evaluate(folder, store)
    nats = sum(alone_in_transformers(model, story) for story in STORIES)
    tokens = sum(len(tiny_tokenizer().encode(story, add_special_tokens=False).ids) + 1 for story in STORIES)
    size = sum(len(story.encode()) for story in STORIES)
    assert (found.stories, found.tokens, found.bytes) == (len(STORIES), tokens, size)
    assert found.nats_per_token == pytest.approx(nats / tokens, rel=1e-6)
    assert found.bits_per_byte == pytest.approx(nats / math.log(2) / size, rel=1e-6)
    assert found.cut_stories == len(STORIES) - 1
    for value, (low, high) in (
        (found.nats_per_token, found.nats_per_token_interval),
        (found.bits_per_byte, found.bits_per_byte_interval),
    ):
        assert low < value < high


def test_its_json_has_exactly_the_promised_keys(folder, store):
    record = evaluate(folder, store).to_json()
    assert list(record) == KEYS
    assert json.loads(json.dumps(record)) == record
    assert isinstance(record["nats_per_token_interval"], list)
    assert record["stories_in_training"] == 1


def test_files_and_a_store_give_the_same(folder, store, tmp_path):
    first, second = jsonl(tmp_path / "a.jsonl", STORIES[:2]), jsonl(tmp_path / "b.jsonl", STORIES[2:])
    from_files, from_store = evaluate(folder, [first, second]).to_json(), evaluate(folder, store).to_json()
    assert from_files.pop("stories_in_training") is None
    assert from_store.pop("stories_in_training") == 1
    assert from_files.pop("corpus") != from_store.pop("corpus")
    assert from_files == from_store


def test_stories_of_the_training_store_are_counted(folder, store, tmp_path):
    files = jsonl(tmp_path / "a.jsonl", [*TRAIN, "Another one."])
    assert evaluate(folder, files, training_store=store).stories_in_training == 3


def test_a_store_in_another_tokenizers_tokens_is_encoded_again(folder, store, tmp_path):
    other = tiny_tokenizer(265)
    assert not same_encoding(other, tiny_tokenizer())
    elsewhere = tiny_store(tmp_path / "store", TRAIN, STORIES, other)
    found, expected = evaluate(folder, elsewhere).to_json(), evaluate(folder, store).to_json()
    assert found | {"corpus": ""} == expected | {"corpus": ""}


def test_what_a_tokenizer_puts_around_a_text_does_not_make_it_another(folder):
    from fabula.model.folder import load_tokenizer

    assert same_encoding(load_tokenizer(folder), tiny_tokenizer())


def test_one_story_has_no_interval(folder, tmp_path):
    found = evaluate(folder, jsonl(tmp_path / "a.jsonl", STORIES[:1])).to_json()
    assert found["stories"] == 1
    assert found["nats_per_token_interval"] is None
    assert found["bits_per_byte_interval"] is None


@settings(deadline=None, max_examples=15)
@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=8),
    micro_batch=st.integers(1, 300),
    seed=st.integers(0, 99),
)
def test_a_storys_loss_does_not_depend_on_the_batch(lengths, micro_batch, seed):
    model = tiny_model(context=24)
    stories = held_out(lengths, seed)

    def nats(stories: list[HeldOutStory], micro_batch: int = 4096) -> np.ndarray:
        return story_losses(torch_losses(model), model.config, stories, 0, micro_batch)

    together = nats(stories, micro_batch)
    alone = np.concatenate([nats([story]) for story in stories])
    np.testing.assert_allclose(together, alone, rtol=1e-6)
    np.testing.assert_allclose(nats(stories[::-1])[::-1], alone, rtol=1e-6)


def test_a_story_of_exactly_the_context_is_not_cut(model, folder, tmp_path):
    words = ""
    while len(tiny_tokenizer().encode(words + "x", add_special_tokens=False).ids) < model.config.context:
        words += "x"
    files = jsonl(tmp_path / "a.jsonl", [words, words + "x"])
    found = evaluate(folder, files)
    assert found.tokens == 2 * model.config.context + 1
    assert found.cut_stories == 1


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_corpus_is_refused(folder, tmp_path, content):
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(UserError, match="no stories"):
        evaluate(folder, tmp_path / "a.txt")


def test_an_empty_validation_split_is_refused(folder, tmp_path):
    with pytest.raises(UserError, match="no stories"):
        evaluate(folder, tiny_store(tmp_path / "store", TRAIN, []))


def test_a_folder_that_is_no_store_is_refused(folder, tmp_path):
    with pytest.raises(UserError, match="not a token store"):
        evaluate(folder, tmp_path)


def test_a_model_that_diverged_is_refused(tmp_path, store):
    model = tiny_model(vocab_size=id_count(tiny_tokenizer()))
    with torch.no_grad():
        model.lm_head.weight[5] = torch.inf
    with pytest.raises(UserError, match="not a finite number"):
        evaluate(tiny_checkpoint(tmp_path / "c", model), store)


def test_a_token_beyond_the_model_is_refused():
    model = tiny_model(vocab_size=200)
    model, story = tiny_model(vocab_size=200), HeldOutStory(np.array([3, 250, 0], np.int32), 1, 0)
    with pytest.raises(UserError, match="the corpus has token 250"):
        story_losses(torch_losses(model), model.config, [story], 0)


def test_bfloat16_is_near_float32(folder, store):
    exact, rough = evaluate(folder, store), evaluate(folder, store, dtype=torch.bfloat16)
    assert rough.nats_per_token == pytest.approx(exact.nats_per_token, rel=0.02)


@native
def test_the_kernel_measures_what_pytorch_measures(folder, store):
    """In the same protocol; stories longer than the context among them."""
    exact, found = evaluate(folder, store).to_json(), evaluate(folder, store, precision="float32").to_json()
    for name in ("nats_per_token", "nats_per_token_interval", "bits_per_byte", "bits_per_byte_interval"):
        assert found.pop(name) == pytest.approx(exact.pop(name), rel=1e-6)
    assert found == exact
    assert evaluate(folder, store, precision="auto") == evaluate(folder, store, precision="float32")


@native
def test_a_story_longer_than_the_kernels_rows_is_measured_whole(tmp_path):
    """Its logits are computed in parts."""
    model = tiny_model(vocab_size=id_count(tiny_tokenizer()), context=1500)
    folder = tiny_checkpoint(tmp_path / "c", model)
    files = jsonl(tmp_path / "a.jsonl", [" ".join(STORIES * 6), "Ben."])
    found, exact = evaluate(folder, files, precision="float32"), evaluate(folder, files)
    assert (found.tokens, found.cut_stories) == (exact.tokens, 0)
    assert found.tokens > 2 * NATIVE_ROWS
    assert found.nats_per_token == pytest.approx(exact.nats_per_token, rel=1e-6)


@native
@pytest.mark.parametrize("precision", ["bfloat16", "int8", "int4"])
def test_the_kernels_rounding_shows(folder, store, precision):
    exact, found = evaluate(folder, store), evaluate(folder, store, precision=precision)
    assert found.tokens == exact.tokens
    assert found.nats_per_token != exact.nats_per_token
    assert found.nats_per_token == pytest.approx(exact.nats_per_token, rel=0.1)


@native
def test_the_kernel_measures_on_the_cpu_only(folder, store):
    with pytest.raises(UserError, match="precision 'int8' is the native kernel's, and that runs on the cpu"):
        evaluate(folder, store, device="cuda", precision="int8")


def test_without_a_kernel_a_precision_is_refused(folder, store, monkeypatch):
    monkeypatch.setattr("fabula.generation.native.library", lambda: None)
    with pytest.raises(UserError, match="the native kernel can't be used"):
        evaluate(folder, store, precision="int8")


@native
def test_the_command_line_takes_a_precision(folder, store, capsys):
    command = ["evaluate", str(folder), "--corpus", str(store), "--json"]
    main([*command, "--precision", "int8"])
    found = json.loads(capsys.readouterr().out)
    assert found == evaluate(folder, store, precision="int8").to_json()
    main([*command, "--precision", "int8", "--device", "cpu"])
    assert json.loads(capsys.readouterr().out) == found
    with pytest.raises(SystemExit):
        main([*command, "--precision", "int3"])
    assert "int3" in capsys.readouterr().err


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model that has learned a little of the story world, and stories that it hasn't seen."""
    folder = tmp_path_factory.mktemp("trained")
    told = [story.text for story in storyworld.stories(1, 0, 3000)]
    held_out = [story.text for story in storyworld.stories(1, 3000, 3200)]
    tokenizer = train_bpe(told[:500], 512)
    model = tiny_model(vocab_size=512, hidden=128, heads=4, intermediate=256, context=256, initializer_range=0.05)
    train_briefly(model, [[0, *tokenizer.encode(story).ids, 0] for story in told], steps=200)
    return tiny_checkpoint(folder / "c", model.eval(), tokenizer), jsonl(folder / "a.jsonl", held_out)


def train_briefly(model, stories: list[list[int]], steps: int, batch: int = 16, width: int = 129) -> None:
    tokens = torch.tensor([token for story in stories for token in story])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    random = torch.Generator().manual_seed(0)
    for step in range(steps):
        starts = torch.randint(len(tokens) - width, (batch, 1), generator=random)
        windows = tokens[starts + torch.arange(width)]
        loss = model(windows[:, :-1], windows[:, 1:]) / windows[:, 1:].numel()
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, (step + 1) / 20, (steps - step) / 50)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


MOST_LOST = {"float32": 1e-6, "bfloat16": 0.002, "int8": 0.005, "int4": 0.03}
"""Of the bits per byte, relative to PyTorch in float32."""


@native
@pytest.mark.slow
@pytest.mark.parametrize("precision", MOST_LOST)
def test_smaller_weights_cost_little(trained, precision):
    """Of a model's bits per byte; it has learned something, or there would be nothing to lose."""
    folder, files = trained
    exact = evaluate(folder, files).bits_per_byte
    assert exact < 1.8
    found = evaluate(folder, files, precision=precision).bits_per_byte
    assert abs(found / exact - 1) < MOST_LOST[precision]
