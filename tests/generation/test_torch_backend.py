"""The PyTorch backend gives the logits of the whole text, however it is fed; fixed shapes give the same."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.errors import UserError
from fabula.generation.backend import Draw, Feed
from fabula.generation.sampling import Sampling
from fabula.generation.torch_backend import TorchBackend
from fabula.generation.torch_slots import rounded
from fabula.model.folder import stored_dtype
from fabula.model.layout import load_model, write_model
from tests.tiny import tiny_checkpoint, tiny_model, tiny_tokenizer

VOCABULARY = 300
CONTEXT = 48
MODELS = {kv_heads: tiny_model(kv_heads=kv_heads, context=CONTEXT) for kv_heads in (4, 2, 1)}
STATIC = pytest.mark.parametrize("static", [False, True], ids=["as needed", "fixed shapes"])


def backend(static=False, kv_heads=2) -> TorchBackend:
    return TorchBackend(MODELS[kv_heads], static=static)


def tokens_of(length, seed=0):
    return torch.randint(VOCABULARY, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


@torch.no_grad()
def expected_logits(text, wanted, model=MODELS[2]):
    return model(torch.tensor([text]))[0, len(text) - wanted :].float().numpy()


class Teller:
    """Feeds a backend, and remembers what each slot must hold."""

    def __init__(self, backend):
        self.backend = backend
        self.texts = {}
        self.capacities = {}

    def open(self, capacity=CONTEXT):
        slot = self.backend.open(capacity)
        self.texts[slot], self.capacities[slot] = [], capacity
        return slot

    def close(self, slot):
        self.backend.close(slot)
        del self.texts[slot]

    def read(self, *feeds):
        """Read, and compare the logits with the model's on each whole text."""
        rows = self.backend.read(feeds)
        expected = []
        for feed in feeds:
            self.texts[feed.slot] = text = [*self.texts[feed.slot][: feed.start], *feed.tokens]
            expected += list(expected_logits(text, feed.wanted, self.backend.model))
        assert rows == len(expected)
        for row, logits in enumerate(expected):
            found = self.backend.logits(row)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, logits, rtol=1e-5, atol=1e-5 * abs(logits).max())


@st.composite
def feed_of(draw, teller, slot):
    """Tokens for one story: from its end or from an earlier position, one, a draft or a part of a prompt."""
    text, capacity = teller.texts[slot], teller.capacities[slot]
    start = max(0, min(len(text), capacity - 1) - draw(st.sampled_from([0, 0, 0, 1, 3, 30])))
    length = min(capacity - start, draw(st.sampled_from([1, 1, 1, 2, 5, 8, 9, 20])))
    tokens = draw(st.lists(st.integers(0, VOCABULARY - 1), min_size=length, max_size=length))
    return Feed(slot, start, tokens, wanted=min(length, draw(st.integers(0, 3)) or draw(st.integers(0, 20))))


@settings(deadline=None, max_examples=60)
@given(st.data(), st.booleans(), st.sampled_from([4, 2, 1]))
def test_any_feeds_give_the_logits_of_the_whole_texts(data, static, kv_heads):
    teller = Teller(backend(static, kv_heads))
    for _ in range(data.draw(st.integers(1, 8))):
        for _ in range(data.draw(st.integers(0 if teller.texts else 1, 3))):
            teller.open(data.draw(st.integers(1, CONTEXT)))
        fed = data.draw(st.lists(st.sampled_from(sorted(teller.texts)), unique=True, min_size=1))
        teller.read(*[data.draw(feed_of(teller, slot)) for slot in fed])
        closed = data.draw(st.lists(st.sampled_from(sorted(teller.texts)), unique=True, max_size=2))
        for slot in closed:
            teller.close(slot)


@STATIC
def test_stories_at_different_positions_go_on_together(static):
    teller = Teller(backend(static))
    slots = [teller.open() for _ in range(5)]
    teller.read(*[Feed(slot, 0, tokens_of(4 * slot, slot), wanted=0) for slot in slots])
    for step in range(6):
        teller.read(*[Feed(slot, 4 * slot + step, [7 + step + slot]) for slot in slots])


@STATIC
@pytest.mark.parametrize("parts", [[20], [1] * 20, [7, 1, 12], [16, 4]])
def test_however_a_prompt_is_cut_its_logits_are_the_same(static, parts):
    teller = Teller(backend(static))
    slot, beside = teller.open(20), teller.open()
    text, start = tokens_of(20), 0
    for number, part in enumerate(parts):
        teller.read(Feed(slot, start, text[start : start + part], wanted=part), Feed(beside, number, [number]))
        start += part


@STATIC
def test_a_rejected_draft_leaves_nothing(static):
    teller = Teller(backend(static))
    slot, beside = teller.open(12), teller.open()
    teller.read(Feed(slot, 0, tokens_of(6)), Feed(beside, 0, tokens_of(9, 1)))
    teller.read(Feed(slot, 6, tokens_of(6, 2), wanted=6), Feed(beside, 9, [3]))  # to the slot's very end
    teller.read(Feed(beside, 10, [4]))  # the draft stays unread for a while
    teller.read(Feed(slot, 8, [5, 6], wanted=2), Feed(beside, 11, [5]))


@STATIC
def test_a_story_at_the_end_of_the_context_stands_beside_longer_feeds(static):
    teller = Teller(backend(static))
    slot, beside = teller.open(), teller.open()
    teller.read(Feed(slot, 0, tokens_of(CONTEXT - 1)), Feed(beside, 0, tokens_of(3)))
    teller.read(Feed(slot, CONTEXT - 1, [5]), Feed(beside, 3, [1, 2, 3, 4, 5], 5))
    teller.read(Feed(beside, 8, [6, 7]))  # the other is full
    teller.read(Feed(slot, CONTEXT - 2, [8, 9], 2), Feed(beside, 10, [1, 2, 3, 4, 5], 5))


@STATIC
def test_a_slot_used_before_shows_nothing_of_it(static):
    teller = Teller(backend(static))
    slots = [teller.open() for _ in range(4)]
    teller.read(*[Feed(slot, 0, tokens_of(CONTEXT, slot)) for slot in slots])
    for slot in slots[1:3]:
        teller.close(slot)
    new = [teller.open() for _ in range(3)]
    for position in range(5):
        teller.read(*[Feed(slot, position, [position + 9]) for slot in new])


@STATIC
def test_stories_that_are_not_fed_stay_as_they_are(static):
    teller = Teller(backend(static))
    slots = [teller.open(30) for _ in range(5)]
    teller.read(*[Feed(slot, 0, tokens_of(10 + slot, slot)) for slot in slots])
    for fed in (slots[::2], slots[1:2], [slots[4], slots[0]]):
        teller.read(*[Feed(slot, len(teller.texts[slot]), [1, 2, 3]) for slot in fed])
    teller.close(slots[1])
    teller.read(*[Feed(slot, len(teller.texts[slot]), [4]) for slot in reversed(slots) if slot != slots[1]])


@STATIC
def test_memory_grows_with_rows_and_positions_and_keeps_what_it_holds(static):
    teller = Teller(backend(static))
    for count, capacity in enumerate((3, 10, CONTEXT, 1, 20)):
        slot = teller.open(capacity)
        teller.read(Feed(slot, 0, tokens_of(min(capacity, 5), count)))
    for slot, text in teller.texts.items():
        if len(text) < teller.capacities[slot]:
            teller.read(Feed(slot, len(text), [8]))


def test_fixed_shapes_are_few(monkeypatch):
    model, shapes = tiny_model(layers=1, context=1024), set()
    hidden = model.hidden
    monkeypatch.setattr(
        model, "hidden", lambda x, *a, **k: shapes.add((*x.shape, k["cache"].seen)) or hidden(x, *a, **k)
    )
    one = TorchBackend(model, static=True)
    slots = [one.open(1024) for _ in range(7)]
    one.read([Feed(slot, 0, tokens_of(400), 0) for slot in slots])
    shapes.clear()
    for step in range(70):
        one.read([Feed(slot, 376 - 4 * step, [1] * (1 + step % 8)) for slot in slots[: 1 + step % 7]])
    assert {B for B, _, _ in shapes} == {8}
    assert {T for _, T, _ in shapes} == {1, 2, 4, 8}
    assert {seen for _, _, seen in shapes} == {128, 192, 256, 320, 384}


def test_tokens_may_be_an_array():
    teller = Teller(backend())
    teller.read(Feed(teller.open(), 0, np.array(tokens_of(9), np.int32), 9))


def test_only_wanted_positions_are_multiplied_with_the_vocabulary(monkeypatch):
    rows = []
    forward = MODELS[2].lm_head.forward
    monkeypatch.setattr(MODELS[2].lm_head, "forward", lambda x: rows.append(len(x)) or forward(x))
    one = backend()
    slots = [one.open(CONTEXT) for _ in range(3)]
    assert one.read([Feed(slots[0], 0, tokens_of(20), 3), Feed(slots[1], 0, [1], 1), Feed(slots[2], 0, [1, 2], 0)]) == 4
    assert one.read([Feed(slots[0], 20, [1], 0)]) == 0
    assert rows == [4, 0]


def test_bfloat16_is_close_to_float32():
    narrow = TorchBackend(tiny_model(context=CONTEXT).bfloat16())
    wide = tiny_model(context=CONTEXT).bfloat16().float()
    slots = [narrow.open(CONTEXT) for _ in range(2)]
    texts = [tokens_of(30, seed) for seed in range(2)]
    narrow.read([Feed(slot, 0, text[:20]) for slot, text in zip(slots, texts, strict=True)])
    assert narrow.read([Feed(slot, 20, text[20:], 10) for slot, text in zip(slots, texts, strict=True)]) == 20
    found = np.array([narrow.logits(row) for row in range(20)])
    expected = np.concatenate([expected_logits(text, 10, wide) for text in texts])
    assert found.dtype == np.float32
    assert np.linalg.norm(found - expected) < 0.02 * np.linalg.norm(expected)


def draw(row, **changes):
    """A draw without any penalty."""
    sampling = Sampling(**{"repetition_penalty": 1.0, **changes})
    return Draw(row, sampling, np.array([5, 6], np.int32), 2, seed=3, index=0, probability=True, alternatives=2)


@STATIC
def test_draws_come_from_the_rows_they_name(static):
    one = backend(static)
    slots = [one.open(CONTEXT) for _ in range(2)]
    one.read([Feed(slots[1], 0, tokens_of(9), 3), Feed(slots[0], 0, tokens_of(2, 1), 1)])
    for rows in ([0, 1, 2, 3], [3, 1], [2, 2, 0], [1]):
        drawn = one.draw([draw(row, temperature=0.0) for row in rows])
        for row, token in zip(rows, drawn, strict=True):
            log_probabilities = torch.tensor(one.logits(row)).log_softmax(-1)
            assert token.token == int(log_probabilities.argmax())
            assert token.log_probability == pytest.approx(float(log_probabilities.max()), abs=1e-4)
            assert [other for other, _ in token.alternatives] == log_probabilities.topk(2).indices.tolist()
    assert one.draw([]) == []


def test_a_draw_does_not_depend_on_the_others():
    one = backend()
    slots = [one.open(CONTEXT) for _ in range(6)]
    one.read([Feed(slot, 0, tokens_of(9, slot)) for slot in slots])
    together = one.draw([draw(row, temperature=1.5) for row in range(6)])
    alone = [one.draw([draw(row, temperature=1.5)])[0] for row in range(6)]
    assert [drawn.token for drawn in together] == [drawn.token for drawn in alone]


@pytest.mark.parametrize("feeds", [[Feed(1, 1, [1])], [Feed(1, 0, [])], [Feed(1, 0, [1] * 5)], [Feed(1, 0, [1], 2)]])
def test_feeds_that_break_the_contract_fail(feeds):
    one = backend()
    assert one.open(4) == 1
    with pytest.raises(AssertionError):
        one.read(feeds)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "step-00007")


def bfloat16_folder(path):
    path.mkdir()
    write_model(path, tiny_model(vocab_size=tiny_tokenizer().get_vocab_size()), tiny_tokenizer(), "bfloat16")
    return path


def test_auto_takes_the_precision_that_is_stored(folder, tmp_path):
    narrow = bfloat16_folder(tmp_path / "narrow")
    assert (stored_dtype(folder), stored_dtype(narrow)) == ("float32", "bfloat16")
    for path, precision, dtype in [
        (folder, "auto", "float32"),
        (folder, "bfloat16", "bfloat16"),
        (narrow, "auto", "bfloat16"),
        (narrow, "float32", "float32"),
    ]:
        loaded = TorchBackend.load(path, "cpu", precision)
        assert loaded.name == f"PyTorch {dtype}, CPU, 1 thread"
        assert loaded.model.lm_head.weight.dtype == getattr(torch, dtype)
    assert (loaded.vocab_size, loaded.context) == (loaded.model.config.vocab_size, CONTEXT)


def test_damaged_weights_are_named(folder, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:100])
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        stored_dtype(tmp_path)


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_integer_weights_are_left_to_the_native_kernel(folder, precision):
    with pytest.raises(UserError, match=f"{precision}.* native CPU kernel"):
        TorchBackend.load(folder, "cpu", precision)


def test_a_loaded_model_gives_its_logits(folder):
    teller = Teller(TorchBackend.load(folder, "cpu", "float32"))
    teller.read(Feed(teller.open(), 0, tokens_of(10), 10))
    reference = load_model(folder)
    expected = expected_logits(tokens_of(10), 1, reference)[0]
    np.testing.assert_allclose(teller.backend.logits(9), expected, rtol=1e-4, atol=1e-6)  # a logit may lie near 0


@given(st.integers(1, 100_000), st.sampled_from([1, 8, 64]))
def test_rounded_sizes_are_few_and_not_much_too_large(count, least):
    size = rounded(count, least)
    assert count <= size <= max(1.25 * count, count + least - 1)
    assert size % least == 0
    assert rounded(size, least) == size
