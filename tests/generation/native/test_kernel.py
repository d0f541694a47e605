"""The native kernel computes a Llama, and each story's numbers are its own: to the last bit, whatever else happens."""

import os
import signal
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.generation.backend import Draw, Feed
from fabula.generation.native import NativeBackend
from fabula.generation.sampling import Sampling
from fabula.native.library import library, why_not
from tests.generation.native.models import (
    DTYPES,
    FUSED,
    PRECISIONS,
    SETS,
    error,
    native,
    random_model,
    random_tokens,
    read_all,
    same_bits,
    shapes,
)

pytestmark = pytest.mark.skipif(library() is None, reason=why_not())

SHAPE = {"hidden": 72, "heads": 6, "kv_heads": 2, "intermediate": 90, "context": 60, "vocab_size": 301}
"""None of it fills a vector; heads of 12."""


def forward(model, tokens) -> np.ndarray:
    return model.forward(torch.tensor([tokens]))[0].detach().numpy()


# ---- The numbers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETS)
@settings(deadline=None, max_examples=40)
@given(shape=shapes(), dtype=st.sampled_from(DTYPES), threads=st.integers(1, 3), seed=st.integers(0, 999))
def test_float32_logits_are_those_of_the_model(name, shape, dtype, threads, seed):
    model = random_model(seed, dtype, **shape)
    backend = native(model, "float32", threads, name, dtype)
    tokens = random_tokens(backend, np.random.default_rng(seed))
    # A norm of few numbers may divide by almost nothing.
    tolerance = 2e-5 if shape["hidden"] >= 8 else 1e-3
    assert error(read_all(backend, tokens), forward(model, tokens)) < tolerance


@pytest.mark.parametrize("name", SETS)
def test_bfloat16_weights_give_nearby_logits(name):
    model = random_model(1, torch.bfloat16, **SHAPE)
    backend = native(model, "bfloat16", 2, name, torch.bfloat16)
    tokens = random_tokens(backend, np.random.default_rng(1), 60)
    assert 1e-4 < error(read_all(backend, tokens), forward(model, tokens)) < 0.02


@pytest.mark.parametrize("precision", PRECISIONS)
def test_instruction_sets_agree(precision):
    """Those that multiply and add in one step to the last bit, but for bfloat16's own products; the others nearly."""
    model = random_model(2, **SHAPE)
    tokens = random_tokens(native(model), np.random.default_rng(2), 60)
    found = {name: read_all(native(model, precision, 1, name), tokens) for name in SETS}
    fused = [name for name in FUSED if (precision, name) != ("bfloat16", "avx512bf16")]
    assert all(same_bits(found[fused[0]], found[name]) for name in fused)
    near = {"float32": 1e-6, "bfloat16": 0.02, "int8": 0.01, "int4": 0.01}[precision]
    assert all(error(logits, found["portable"]) < near for logits in found.values())


@pytest.mark.parametrize("dtype", DTYPES)
def test_auto_loses_nothing(dtype):
    model = random_model(3, dtype, **SHAPE)
    backend = native(model, "auto", dtype=dtype)
    assert backend.precision == ("bfloat16" if dtype == torch.bfloat16 else "float32")
    tokens = random_tokens(backend, np.random.default_rng(3), 40)
    assert error(read_all(backend, tokens), forward(model, tokens)) < (0.02 if dtype == torch.bfloat16 else 3e-6)


# ---- To the last bit -----------------------------------------------------------------------------------------------


class Teller:
    """A story that is read in parts, cut and mixed by chance, with guesses that go wrong and slots that are reused."""

    def __init__(self, backend: NativeBackend, tokens: list[int], logits: np.ndarray) -> None:
        self.backend, self.tokens, self.logits = backend, tokens, logits
        self.slot, self.read = backend.open(len(tokens)), 0

    def next_feed(self, random: np.random.Generator) -> Feed:
        left = len(self.tokens) - self.read
        if left == 0 or random.random() < 0.15:
            self.read = int(random.integers(0, max(self.read, 1)))
            if self.read < 3:
                self.backend.close(self.slot)
                self.slot, self.read = self.backend.open(len(self.tokens)), 0
            left = len(self.tokens) - self.read
        count = int(random.integers(1, left + 1))
        self.right = count if random.random() < 0.6 else int(random.integers(0, count + 1))
        guesses = random.integers(0, self.backend.vocab_size, count - self.right).tolist()
        tokens = [*self.tokens[self.read : self.read + self.right], *guesses]
        return Feed(self.slot, self.read, tokens, int(random.integers(0, count + 1)))

    def check(self, feed: Feed, rows: range) -> None:
        places = range(len(feed.tokens) - feed.wanted, len(feed.tokens))
        for row, place in zip(rows, places, strict=True):
            if place < self.right:
                assert same_bits(self.backend.logits(row), self.logits[feed.start + place])
        self.read += self.right


def read_by_chance(backend: NativeBackend, stories: list[list[int]], alone: list[np.ndarray], seed: int) -> None:
    random = np.random.default_rng(seed)
    tellers = [Teller(backend, tokens, logits) for tokens, logits in zip(stories, alone, strict=True)]
    for _ in range(8):
        chosen = [teller for teller in tellers if random.random() < 0.7] or tellers[:1]
        feeds = [teller.next_feed(random) for teller in chosen]
        assert backend.read(feeds) == sum(feed.wanted for feed in feeds)
        row = 0
        for teller, feed in zip(chosen, feeds, strict=True):
            teller.check(feed, range(row, row + feed.wanted))
            row += feed.wanted
    for teller in tellers:
        backend.close(teller.slot)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("precision", PRECISIONS)
@settings(deadline=None, max_examples=15)
@given(shape=shapes(), dtype=st.sampled_from(DTYPES), count=st.integers(1, 5), seed=st.integers(0, 9999))
def test_a_storys_bits_are_its_own(name, precision, shape, dtype, count, seed):
    """However it is cut, whatever is read beside it, by how many threads, after guesses that were wrong."""
    model, random = random_model(seed, dtype, **shape), np.random.default_rng(seed)
    backends = [native(model, precision, threads, name, dtype) for threads in (1, 2, 3)]
    stories = [random_tokens(backends[0], random) for _ in range(count)]
    alone = [read_all(backends[0], tokens) for tokens in stories]
    for place, backend in enumerate(backends):
        read_by_chance(backend, stories, alone, seed + place)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_cut_of_a_prompt_gives_the_same_bits(precision):
    backend = native(random_model(4, **SHAPE), precision, 2)
    tokens = random_tokens(backend, np.random.default_rng(4), 40)
    whole = read_all(backend, tokens)
    for cut in range(1, len(tokens)):
        slot = backend.open(len(tokens))
        assert backend.read([Feed(slot, 0, tokens[:cut], 0)]) == 0
        backend.read([Feed(slot, cut, tokens[cut:])])
        assert same_bits(backend.logits(0), whole[-1])
        backend.close(slot)


# ---- Rows and draws ------------------------------------------------------------------------------------------------


def test_as_many_rows_as_wanted(backend):
    tokens = random_tokens(backend, np.random.default_rng(5), 12)
    whole, slot = read_all(backend, tokens), backend.open(12)
    for wanted in range(13):
        assert backend.read([Feed(slot, 0, tokens, wanted)]) == wanted
        for row in range(wanted):
            assert same_bits(backend.logits(row), whole[12 - wanted + row])
        with pytest.raises(AssertionError, match="no row"):
            backend.logits(wanted)
    backend.close(slot)


@pytest.mark.parametrize("name", SETS)
def test_log_probabilities_are_the_softmaxs(name):
    model = random_model(6, **SHAPE)
    backend, random = native(model, "float32", 2, name), np.random.default_rng(6)
    tokens, targets = random_tokens(backend, random, 50), random_tokens(backend, random, 50)
    expected = torch.from_numpy(read_all(backend, tokens)).double().log_softmax(-1)[range(50), targets]
    np.testing.assert_allclose(backend.log_probabilities(np.array(targets)), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_many_draws_at_once_are_those_one_by_one(threads):
    backend, random = native(random_model(7, **SHAPE), "int8", threads), np.random.default_rng(7)
    tokens = random_tokens(backend, random, 60)
    slot = backend.open(60)
    backend.read([Feed(slot, 0, tokens, 60)])
    settings = [Sampling(), Sampling(temperature=0), Sampling(top_k=5, min_p=0.1), Sampling(1.5, 1, no_repeat_ngram=2)]
    draws = [
        Draw(row, settings[row % 4], np.array(tokens[:row], np.int32), row // 2, row, row, {row: 3.0}, row % 3, row > 9)
        for row in random.integers(0, 60, 200).tolist()
    ]
    together = backend.draw(draws)
    assert [str(one) for one in together] == [str(backend.draw([draw])[0]) for draw in draws]
    assert len({one.token for one in together}) > 20
    assert backend.draw([]) == []


# ---- What can't be -------------------------------------------------------------------------------------------------


@pytest.fixture
def backend():
    return native(random_model(8, **SHAPE), "int8", 2)


def test_what_cant_be_read_changes_nothing(backend):
    tokens = random_tokens(backend, np.random.default_rng(8), 30)
    whole = read_all(backend, tokens)
    slot, other = backend.open(30), backend.open(30)
    backend.read([Feed(slot, 0, tokens[:10], 0)])
    bad = [
        Feed(slot, 0, []),
        Feed(slot, -1, [0]),
        Feed(slot, 0, [backend.vocab_size]),
        Feed(slot, 0, [0, -1]),
        Feed(slot, 0, [0], 2),
        Feed(slot, 0, [0], -1),
        Feed(slot, backend.context, [0]),
        Feed(slot, 32, [0]),
        Feed(slot, 0, [0] * 33),
        Feed(slot, 2**31 - 1, [0]),
        Feed(slot, 2**32, [0]),
    ]
    for feed in bad:
        with pytest.raises(AssertionError, match="out of range"):
            backend.read([Feed(other, 0, [1], 1), feed])
        with pytest.raises(AssertionError, match="out of range"):
            backend.read([feed])
    with pytest.raises(AssertionError, match="twice"):
        backend.read([Feed(slot, 3, [1]), Feed(slot, 4, [1])])
    with pytest.raises(AssertionError):
        backend.read([])
    backend.read([Feed(slot, 10, tokens[10:])])
    assert same_bits(backend.logits(0), whole[-1])


def test_a_slot_that_is_closed_is_gone(backend):
    slot = backend.open(4)
    backend.close(slot)
    with pytest.raises(KeyError):
        backend.read([Feed(slot, 0, [1])])
    with pytest.raises(KeyError):
        backend.close(slot)
    with pytest.raises(MemoryError):
        backend.open(0)


def test_draws_from_rows_that_there_are_not_are_refused(backend):
    nothing = np.empty(0, np.int32)
    backend.read([Feed(backend.open(4), 0, [1, 2, 3], 2)])
    for row in (-1, 2, 2**31 - 1):
        with pytest.raises(AssertionError, match="no such row"):
            backend.draw([Draw(0, Sampling(), nothing, 0, 0, 0), Draw(row, Sampling(), nothing, 0, 0, 0)])
    for targets in ([], [0], [0] * 3, [0, backend.vocab_size], [-1, 0]):
        with pytest.raises(AssertionError):
            backend.log_probabilities(np.array(targets))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_is_refused(backend):
    """The child has none of the kernel's threads, and would wait for them for ever."""
    backend.read([Feed(backend.open(4), 0, [1, 2, 3], 2)])
    calls = [
        lambda: backend.read([Feed(0, 0, [1])]),
        lambda: backend.draw([Draw(0, Sampling(), np.empty(0, np.int32), 0, 0, 0)] * 2),
        lambda: backend.log_probabilities(np.zeros(2)),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of every fork with threads
        child = os.fork()
    if child == 0:
        signal.alarm(60)
        refused = 0
        for call in calls:
            try:
                call()
            except AssertionError as error:
                refused += "fork" in str(error)
        backend.__del__()
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == len(calls)
    assert backend.read([Feed(0, 0, [1])]) == 1


# ---- Threads and memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_two_threads_may_read_at_once(threads):
    """Each read is whole: what the slots hold afterwards is what they hold when one reads after the other."""
    backend = native(random_model(9, **SHAPE), "float32", threads)
    stories = [random_tokens(backend, np.random.default_rng(seed), 59) for seed in range(6)]
    alone = [read_all(backend, tokens) for tokens in stories]
    slots = [backend.open(60) for _ in stories]
    failures = []

    def read(mine: list[int]) -> None:
        try:
            for _ in range(10):
                for start in range(0, 58, 7):
                    backend.read([Feed(slots[i], start, stories[i][start : min(start + 7, 58)], 0) for i in mine])
                backend.close(backend.open(60))
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=read, args=([i, i + 3],)) for i in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures
    for slot, tokens, logits in zip(slots, stories, alone, strict=True):
        backend.read([Feed(slot, 58, tokens[58:])])
        assert same_bits(backend.logits(0), logits[-1])


def of_this_process(name: str) -> int:
    """A number from Linux's /proc/self/status: VmSize in KiB, Threads."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
def test_slots_give_their_memory_back(backend):
    def use() -> None:
        for capacity in range(1, 61):
            slot = backend.open(capacity)
            backend.read([Feed(slot, 0, [1] * capacity, capacity)])
            backend.close(slot)

    use()
    before = of_this_process("VmSize")
    for _ in range(5):
        use()
    assert of_this_process("VmSize") - before <= 1024


@linux
def test_a_backend_gives_its_threads_and_memory_back():
    model = random_model(10, **SHAPE)

    def use() -> None:
        for precision in PRECISIONS:
            backend = native(model, precision, 3)
            backend.read([Feed(backend.open(10), 0, [1] * 10)])

    use()
    threads, size = of_this_process("Threads"), of_this_process("VmSize")
    for _ in range(5):
        use()
    assert of_this_process("Threads") == threads
    assert of_this_process("VmSize") - size <= 20_000
