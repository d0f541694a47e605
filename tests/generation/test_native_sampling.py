"""The kernel's draws: those of PyTorch and of `transformers`, whatever the instruction set; and hostile rows.

Compiled here from the one file, plain and with the vectors of this machine.
"""

import ctypes
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fabula.generation import noise
from fabula.generation.backend import Draw, Drawn
from fabula.generation.native import DrawStructure, fill
from fabula.generation.processors import draw_rows, processed_logits
from fabula.generation.sampling import Sampling
from fabula.native import build
from tests.generation.test_sampling import (
    MANY,
    OFF,
    PLAIN,
    PROBABILITIES,
    assert_as_in_transformers,
    assert_follows,
    drawn_by_the_noise,
    samplings,
)

NONE = np.empty(0, np.int32)
DRIVER = Path(__file__).with_name("sampling_driver.c")


class Kernel:
    """The functions of `sampling.c`, and what they need."""

    def __init__(self, path: Path) -> None:
        self._functions = ctypes.CDLL(str(path))
        self._functions.fabula_noise.restype = ctypes.c_double
        self._functions.fabula_noise.argtypes = (ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int32)
        self._functions.fabula_draw_scratch.restype = ctypes.c_int64
        self._scratch: dict[int, ctypes.Array] = {}

    def noise(self, seed: int, index: int, token: int) -> float:
        return float(self._functions.fabula_noise(seed, index, token))

    def draw(self, logits: np.ndarray, draw: Draw) -> Drawn:
        structure = self._structure(logits, draw)
        self._functions.fabula_draw_one(ctypes.byref(structure), len(logits), self._scratch[len(logits)])
        alternatives = zip(*(array.tolist() for array in self._kept[-2:]), strict=True) if draw.alternatives else ()
        return Drawn(structure.token, structure.log_probability, tuple(alternatives))

    def process(self, logits: np.ndarray, draw: Draw) -> torch.Tensor:
        structure = self._structure(logits, draw)
        processed = np.empty(len(logits), np.float32)
        target, scratch = processed.ctypes.data_as(ctypes.c_void_p), self._scratch[len(logits)]
        self._functions.fabula_process(ctypes.byref(structure), len(logits), scratch, target)
        return torch.from_numpy(processed)

    def _structure(self, logits: np.ndarray, draw: Draw) -> DrawStructure:
        assert logits.dtype == np.float32
        structure = DrawStructure()
        self._kept = (logits, *fill(structure, draw))
        structure.logits = logits.ctypes.data
        if len(logits) not in self._scratch:
            size = self._functions.fabula_draw_scratch(len(logits))
            self._scratch[len(logits)] = ctypes.create_string_buffer(size)
        return structure


FORMS = {"portable": (), "this machine's": ("-march=native",)}
"""The compiler's flags: for any machine, and for all that this one has."""


def compiled(target: Path, form: str, *options: str, sanitizer: build.Sanitizer = "none") -> Path:
    try:
        compiler = build.find_compiler()
    except build.BuildError as error:
        pytest.skip(str(error))
    flags = [*build.FLAGS, *build.WARNINGS, "-Werror", *build.SANITIZERS[sanitizer], *FORMS[form], f"-I{build.HERE}"]
    subprocess.run([*compiler, *flags, build.HERE / "sampling.c", *options, "-o", target, *build.LIBRARIES], check=True)
    return target


@pytest.fixture(scope="module", params=FORMS)
def kernel(request, tmp_path_factory) -> Kernel:
    return Kernel(compiled(tmp_path_factory.mktemp("kernel") / "sampling.so", request.param, "-shared"))


# The kernel is one for all examples: its scratch memory must come back clean from every one.
SHARED = {"suppress_health_check": [HealthCheck.function_scoped_fixture], "deadline": None}


@settings(max_examples=200, **SHARED)
@given(
    sampling=samplings,
    length=st.integers(0, 30),
    prompt=st.integers(0, 30),
    vocabulary=st.one_of(st.integers(2, 400), st.sampled_from([1023, 1024, 1025, 2048, 5000])),
    spread=st.sampled_from([0.3, 4.0]),
    ties=st.booleans(),
    bias=st.dictionaries(st.integers(0, 1), st.sampled_from([-math.inf, 2.0])),
    seed=st.integers(0, 10_000),
)
def test_processed_logits_equal_those_of_transformers_and_torch(
    kernel, sampling, length, prompt, vocabulary, spread, ties, bias, seed
):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, vocabulary, generator=generator) * spread
    logits = logits.round() if ties else logits
    tokens = torch.randint(min(vocabulary, 5), (1, length), generator=generator)
    context, prompt = tokens[0].to(torch.int32).numpy(), min(prompt, length)
    draw = Draw(0, sampling, context, prompt, seed, 0, bias)
    found = kernel.process(logits[0].numpy(), draw)[None]
    biased = logits.clone()
    for token, value in bias.items():
        biased[0, token] += value
    if (biased > -math.inf).any():
        assert_as_in_transformers(found, tokens, prompt, biased, sampling, ties)
    theirs = processed_logits(biased, [context], [prompt], sampling)
    if torch.equal(found > -math.inf, theirs > -math.inf):  # Else a token lies at a threshold.
        torch.testing.assert_close(found, theirs, rtol=1e-6, atol=1e-6)
        assert kernel.draw(logits[0].numpy(), draw).token == draw_rows(logits, [draw])[0].token


def test_ties_at_the_threshold_of_top_p_are_torchs(kernel):
    """Of equal tokens at the threshold the later ones stay."""
    for kept in range(1, 9):
        sampling = Sampling(**{**OFF, "top_p": (kept - 0.5) / 9})
        logits = torch.zeros(1, 9)
        found = kernel.process(logits[0].numpy(), Draw(0, sampling, NONE, 0, 0, 0))
        assert found.tolist() == processed_logits(logits, [NONE], [0], sampling)[0].tolist()
        assert (found > -math.inf).nonzero()[:, 0].tolist() == list(range(9 - kept, 9))


@settings(max_examples=150, **SHARED)
@given(
    sampling=samplings,
    vocabulary=st.integers(2, 3000),
    spread=st.sampled_from([0.0, 0.3, 4.0, 30.0]),
    place=st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 5000)),
)
def test_the_token_drawn_is_the_noises(kernel, sampling, vocabulary, spread, place):
    logits = np.random.default_rng(vocabulary).normal(0, spread, vocabulary).astype(np.float32)
    draw = Draw(0, sampling, NONE, 0, *place)
    found = kernel.draw(logits, draw).token
    scores = kernel.process(logits, draw)
    assert found == (int(scores.argmax()) if sampling.greedy else drawn_by_the_noise(scores, *place))


@pytest.mark.parametrize("vocabulary", [50_257, 200_000])
def test_a_large_vocabulary_draws_the_noises_tokens(kernel, vocabulary):
    for index in range(20):
        logits = np.random.default_rng(index).normal(0, index % 3, vocabulary).astype(np.float32)
        expected = drawn_by_the_noise(torch.from_numpy(logits), 3, index)
        assert kernel.draw(logits, Draw(0, PLAIN, NONE, 0, 3, index)).token == expected


def test_the_noise_is_that_of_python(kernel):
    tokens = np.array([0, 1, 2, 50_256, 2**31 - 1])
    for place in ((0, 1), (1, 0), (2**62, 511), (2**64 - 1, 2**40)):
        expected = noise.exponential(*place, tokens)
        np.testing.assert_allclose([kernel.noise(*place, int(token)) for token in tokens], expected, rtol=1e-14)


SUMMED = 5e-6
"""What adding up to 3,000 float32 may cost ln p; 1,018 have cost 2.2e-6."""


@settings(max_examples=100, **SHARED)
@given(st.integers(1, 3000), st.integers(1, 12), st.sampled_from([0.0, 1.0, 20.0]), st.booleans())
def test_reported_probabilities_are_torchs(kernel, vocabulary, alternatives, spread, ties):
    logits = np.random.default_rng(vocabulary).normal(0, spread, vocabulary).astype(np.float32)
    logits = logits.round() if ties else logits
    alternatives = min(alternatives, vocabulary)
    draw = Draw(0, Sampling(), NONE, 0, 1, 1, {0: 5.0}, alternatives, probability=True)
    found = kernel.draw(logits, draw)
    exact = torch.from_numpy(logits).double().log_softmax(-1)
    assert found.log_probability == pytest.approx(exact[found.token].item(), abs=SUMMED)
    values, tokens = exact.sort(descending=True, stable=True)
    assert [token for token, _ in found.alternatives] == tokens[:alternatives].tolist()
    np.testing.assert_allclose([value for _, value in found.alternatives], values[:alternatives], atol=SUMMED)
    if vocabulary > 1:
        (theirs,) = draw_rows(torch.from_numpy(logits)[None], [draw])
        assert [token for token, _ in theirs.alternatives] == tokens[:alternatives].tolist()


def test_what_was_not_asked_for_is_not_a_number(kernel):
    assert math.isnan(kernel.draw(np.zeros(3, np.float32), Draw(0, PLAIN, NONE, 0, 0, 1)).log_probability)


def test_an_alternative_that_there_is_not_is_marked(kernel):
    draw = Draw(0, PLAIN, NONE, 0, 0, 1, alternatives=3)
    found = kernel.draw(np.array([0.0, -math.inf, 0.0], np.float32), draw).alternatives
    assert found == ((0, pytest.approx(-math.log(2))), (2, pytest.approx(-math.log(2))), (-1, -math.inf))


HOSTILE = [
    [math.nan, -math.inf, 1.0, math.nan],
    [0.0, math.inf, 3.0, math.nan],
    [math.inf, math.inf, 3.0],
    [-math.inf, -math.inf, -math.inf],
    [math.nan, math.nan],
    [3e38, -3e38, 3e38],
    [1e-45, -1e-45, 0.0],
    [1.0, 1.0],
]


@pytest.mark.parametrize("row", HOSTILE, ids=str)
@pytest.mark.parametrize("bias", [{}, {0: -math.inf}, {0: -math.inf, 1: -math.inf}, {0: 3e38}, {1: math.inf}], ids=str)
def test_hostile_logits_draw_what_torch_draws(kernel, row, bias):
    for sampling in (PLAIN, Sampling(), Sampling(temperature=0), Sampling(1e-5), Sampling(1e300), Sampling(top_k=1)):
        for extreme in (sampling, Sampling(sampling.temperature, 0.0, repetition_penalty=1e30, no_repeat_ngram=1)):
            draw = Draw(0, extreme, np.array([0, 0], np.int32), 1, 7, 0, bias)
            found = kernel.draw(np.array(row, np.float32), draw).token
            assert found == draw_rows(torch.tensor([row]), [draw])[0].token


def test_tokens_that_there_are_not_change_nothing(kernel):
    """The caller checks what a person wrote; the kernel must not write beside its memory all the same."""
    sampling = Sampling(frequency_penalty=1, no_repeat_ngram=1)
    outside = np.array([-1, 9, 2**31 - 1, -(2**31)], np.int32)
    bias = dict.fromkeys(outside.tolist(), 1.0)
    logits = np.linspace(-1, 1, 9, dtype=np.float32)
    with_them, without = (
        kernel.process(logits, Draw(0, sampling, context, 0, 0, 0, biases)).tolist()
        for context, biases in ((outside, bias), (NONE, {}))
    )
    assert with_them == without


@pytest.mark.parametrize(
    ("across", "sampling"),
    [("seeds", PLAIN), ("indexes", PLAIN), ("seeds", Sampling(1.0, 0.8)), ("indexes", Sampling(2.0, 1.0, 3))],
    ids=["seeds", "indexes", "top-p", "top-k"],
)
def test_draws_follow_the_probabilities(kernel, across, sampling):
    logits = PROBABILITIES.log()
    scores = processed_logits(logits[None], [NONE], [0], sampling)[0]
    array = logits.numpy()
    places = ((place, 11) if across == "seeds" else (11, place) for place in range(MANY))
    tokens = [kernel.draw(array, Draw(0, sampling, NONE, 0, *place)).token for place in places]
    assert_follows(tokens, scores.softmax(-1))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_no_memory_is_touched_that_is_not_its_own(form, tmp_path):
    program = compiled(tmp_path / "driver", form, str(DRIVER), sanitizer="address")
    done = subprocess.run([program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "20000 draws\n"
