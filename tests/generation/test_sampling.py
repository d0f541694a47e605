"""Processed logits are those of `transformers`; draws follow them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from fabula.errors import UserError
from fabula.generation.processors import IGNORED, choose, processed_logits
from fabula.generation.sampling import Sampling


def reference_processors(sampling: Sampling) -> LogitsProcessorList:
    """The processors that `generate` builds for these settings, in its order."""
    processors = LogitsProcessorList()
    if sampling.repetition_penalty != 1:
        processors.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.greedy:
        return processors
    processors.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        processors.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        processors.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        processors.append(MinPLogitsWarper(sampling.min_p))
    return processors


@settings(deadline=None, max_examples=150)
@given(
    sampling=st.builds(
        Sampling,
        temperature=st.one_of(st.just(0.0), st.floats(0.05, 3)),
        top_p=st.floats(0, 1),
        top_k=st.integers(0, 80),
        min_p=st.floats(0, 1),
        repetition_penalty=st.floats(0.5, 2),
    ),
    stories=st.integers(1, 4),
    context=st.integers(0, 30),
    vocabulary=st.integers(2, 60),
    seed=st.integers(0, 10_000),
)
def test_processed_logits_equal_those_of_transformers(sampling, stories, context, vocabulary, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(stories, vocabulary, generator=generator) * 4
    tokens = torch.randint(vocabulary, (stories, context), generator=generator)
    ours = processed_logits(logits, tokens, sampling)
    theirs = reference_processors(sampling)(tokens, logits.clone())
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    if sampling.greedy:
        assert choose(ours, sampling, []) == theirs.argmax(-1).tolist()


def test_the_defaults_are_the_reference_cards():
    assert Sampling() == Sampling(temperature=0.7, top_p=0.9, top_k=0, min_p=0.0, repetition_penalty=1.1, seed=0)


def test_ignored_tokens_are_not_penalized():
    logits = torch.tensor([[1.0, -1.0, 2.0]])
    sampling = Sampling(temperature=0, repetition_penalty=2)
    context = torch.tensor([[IGNORED, 1, IGNORED, 0]])
    assert processed_logits(logits, context, sampling).tolist() == [[0.5, -2.0, 2.0]]


def test_the_input_is_left_alone():
    logits = torch.randn(2, 9)
    before = logits.clone()
    processed_logits(logits, torch.zeros(2, 3, dtype=torch.long), Sampling(top_k=2, min_p=0.1))
    assert torch.equal(logits, before)


def test_draws_follow_the_probabilities():
    probabilities = torch.tensor([0.0, 0.5, 0.2, 0.0, 0.3, 0.0])
    generator = torch.Generator().manual_seed(1)
    n = 4_000
    rows = probabilities.log().expand(n, -1)
    counts = torch.tensor(choose(rows, Sampling(), [generator] * n)).bincount(minlength=6)
    assert counts[[0, 3, 5]].sum() == 0
    spread = 4 * (probabilities * (1 - probabilities) / n).sqrt()
    assert ((counts / n - probabilities).abs() <= spread).all()


@pytest.mark.parametrize("draw", [0.0, 1 - 2**-53])
def test_the_ends_of_the_unit_interval_draw_a_possible_token(monkeypatch, draw):
    monkeypatch.setattr(torch, "rand", lambda *size, dtype, generator: torch.full(size, draw, dtype=dtype))
    logits = torch.tensor([[-math.inf, 1.0, -math.inf, 0.5, -math.inf]])
    assert choose(logits, Sampling(), [torch.Generator()]) == [1 if draw == 0 else 3]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("temperature", -0.1, "at least 0"),
        ("temperature", math.nan, "finite"),
        ("temperature", math.inf, "finite"),
        ("top_p", 1.01, "at most 1"),
        ("top_p", math.nan, "finite"),
        ("min_p", -1.0, "at least 0"),
        ("top_k", -1, "at least 0"),
        ("top_k", 1.5, "whole"),
        ("top_k", True, "whole"),
        ("repetition_penalty", 0.0, "above 0"),
        ("repetition_penalty", "1", "finite"),
        ("max_new_tokens", 0, "at least 1"),
        ("seed", -1, "at least 0"),
        ("seed", 2**63, "at most"),
    ],
)
def test_a_wrong_parameter_is_named_in_one_line(name, value, allowed):
    with pytest.raises(UserError) as error:
        Sampling(**{name: value})
    message = str(error.value)
    assert message.startswith(f"{name} = {value!r} ")
    assert allowed in message
    assert "\n" not in message
