"""Processed logits are those of `transformers`; draws are those of the noise, and follow the probabilities."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from fabula.errors import UserError
from fabula.generation import noise, processors
from fabula.generation.backend import Draw
from fabula.generation.processors import choose, draw_rows, processed_logits
from fabula.generation.sampling import Sampling

OFF = {"temperature": 1.0, "top_p": 1.0, "repetition_penalty": 1.0}
PLAIN = Sampling(**OFF)
UNSURE = 1e-6
"""A token this near to the threshold of top-p or min-p is in or out as the rounding of sums decides."""

samplings = st.builds(
    Sampling,
    temperature=st.one_of(st.just(0.0), st.floats(0.05, 3)),
    top_p=st.one_of(st.just(1.0), st.floats(0, 1)),
    top_k=st.one_of(st.just(0), st.integers(0, 300)),
    min_p=st.one_of(st.just(0.0), st.floats(1e-6, 1)),
    repetition_penalty=st.one_of(st.just(1.0), st.floats(0.5, 2)),
    no_repeat_ngram=st.integers(0, 4),
    presence_penalty=st.one_of(st.just(0.0), st.floats(-2, 2)),
    frequency_penalty=st.one_of(st.just(0.0), st.floats(-2, 2)),
)


def reference(tokens: Tensor, prompt_length: int, logits: Tensor, sampling: Sampling) -> Tensor:
    """What `generate` draws from: the processors that it builds for these settings, in its order.

    `transformers` has no frequency and presence penalty; they are OpenAI's, spelled out.
    """
    scores = logits.clone()
    if sampling.repetition_penalty != 1:
        scores = RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)(tokens, scores)
    for row, story in enumerate(tokens[:, prompt_length:].tolist()):
        for token in set(story):
            scores[row, token] -= sampling.frequency_penalty * story.count(token) + sampling.presence_penalty
    others = LogitsProcessorList()
    if sampling.no_repeat_ngram:
        others.append(NoRepeatNGramLogitsProcessor(sampling.no_repeat_ngram))
    if not sampling.greedy:
        others.append(TemperatureLogitsWarper(sampling.temperature))
        if sampling.top_k:
            others.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            others.append(TopPLogitsWarper(sampling.top_p))
        if sampling.min_p:
            others.append(MinPLogitsWarper(sampling.min_p))
    found: Tensor = others(tokens, scores)
    return found


def assert_as_in_transformers(
    ours: Tensor, tokens: Tensor, prompt_length: int, logits: Tensor, sampling: Sampling, ties: bool = False
) -> None:
    """Equal to 1e-6, and the same tokens out, but for those at a threshold up to rounding.

    With ties at a threshold `transformers` lets an unstable sort decide; then only the values that are in must agree.
    """
    fewer, more = (
        replace(
            sampling,
            top_p=min(max(sampling.top_p + side * UNSURE, 0), 1) if sampling.top_p < 1 else 1,
            min_p=min(sampling.min_p * (1 - side * UNSURE), 1),
        )
        for side in (-1, 1)
    )
    least, most = (reference(tokens, prompt_length, logits, kind) for kind in (fewer, more))
    if ties:
        ours, least, most = (scores.sort(-1).values for scores in (ours, least, most))
    inside = ours > -math.inf
    assert (inside | (least == -math.inf)).all()
    assert (~inside | (most > -math.inf)).all()
    torch.testing.assert_close(ours[inside], most[inside], rtol=1e-6, atol=1e-6)


def drawn_by_the_noise(scores: Tensor, seed: int, index: int) -> int:
    """The race in plain numpy: the token whose noise over its probability is least."""
    values = scores.double().numpy()
    with np.errstate(divide="ignore", over="ignore"):
        times = noise.exponential(seed, index, np.arange(len(values))) / np.exp(values - values.max())
    return int(times.argmin())


def contexts(tokens: Tensor) -> list[np.ndarray]:
    return list(tokens.to(torch.int32).numpy())


@settings(deadline=None, max_examples=200)
@given(
    sampling=samplings,
    stories=st.integers(1, 4),
    length=st.integers(0, 30),
    prompt=st.integers(0, 30),
    vocabulary=st.integers(2, 400),
    spread=st.sampled_from([0.3, 4.0]),
    ties=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_processed_logits_equal_those_of_transformers(
    sampling, stories, length, prompt, vocabulary, spread, ties, seed
):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(stories, vocabulary, generator=generator) * spread
    logits = logits.round() if ties else logits
    # Few kinds of tokens, so that there are runs to repeat.
    tokens = torch.randint(min(vocabulary, 5), (stories, length), generator=generator)
    prompt = min(prompt, length)
    ours = processed_logits(logits, contexts(tokens), [prompt] * stories, sampling)
    assert_as_in_transformers(ours, tokens, prompt, logits, sampling, ties)
    if sampling.greedy:
        nothing_left = ours.amax(-1) == -math.inf
        expected = torch.where(nothing_left, 0, reference(tokens, prompt, logits, sampling).argmax(-1))
        if not ties:
            assert choose(ours, sampling, range(stories), [0] * stories) == expected.tolist()


@settings(deadline=None, max_examples=150)
@given(
    sampling=samplings,
    vocabulary=st.integers(2, 400),
    spread=st.sampled_from([0.3, 4.0, 30.0]),
    places=st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 5000)), min_size=1, max_size=5),
    seed=st.integers(0, 10_000),
)
def test_the_token_drawn_is_the_noises(sampling, vocabulary, spread, places, seed):
    logits = torch.randn(len(places), vocabulary, generator=torch.Generator().manual_seed(seed)) * spread
    logits[:, 0] = -math.inf
    scores = processed_logits(logits, [np.empty(0, np.int32)] * len(places), [0] * len(places), sampling)
    drawn = choose(scores, sampling, *zip(*places, strict=True))
    if sampling.greedy:
        assert drawn == scores.argmax(-1).tolist()
    else:
        assert drawn == [drawn_by_the_noise(row, *place) for row, place in zip(scores, places, strict=True)]


def test_a_large_vocabulary_draws_the_noises_tokens():
    """Among so many tokens are the ends of the hash's range, whose noise is nearest to 0 and largest."""
    flat = torch.zeros(1, 200_000)
    for index in range(20):
        assert choose(flat, PLAIN, [3], [index]) == [drawn_by_the_noise(flat[0], 3, index)]


def test_of_equal_values_the_first_is_taken():
    assert choose(torch.tensor([[1.0, 3.0, 3.0], [0.0, 0.0, 0.0]]), Sampling(temperature=0), [1, 2], [0, 0]) == [1, 0]


def test_the_defaults_are_the_reference_cards():
    assert Sampling() == Sampling(temperature=0.7, top_p=0.9, top_k=0, min_p=0.0, repetition_penalty=1.1, seed=0)


def test_frequency_and_presence_count_the_story_and_not_its_prompt():
    logits = torch.zeros(1, 4)
    sampling = Sampling(**OFF, frequency_penalty=0.5, presence_penalty=0.25)
    context = [np.array([0, 1, 1, 2, 1], np.int32)]
    assert processed_logits(logits, context, [2], sampling).tolist() == [[0, -1.25, -0.75, 0]]
    assert processed_logits(logits, context, [5], sampling).tolist() == [[0, 0, 0, 0]]


def test_the_input_is_left_alone():
    logits = torch.randn(2, 9)
    before = logits.clone()
    sampling = Sampling(top_k=2, min_p=0.1, no_repeat_ngram=1, frequency_penalty=1)
    draw_rows(logits, [Draw(0, sampling, np.array([1, 2], np.int32), 1, 0, 0, {3: 1.0})] * 2)
    assert torch.equal(logits, before)


def test_each_row_is_drawn_by_its_own_settings():
    kinds = [
        Sampling(),
        Sampling(temperature=0, repetition_penalty=1.3),
        Sampling(**OFF, max_new_tokens=3, seed=9),
        Sampling(top_k=5, top_p=1, frequency_penalty=0.3),
    ]
    generator = np.random.default_rng(0)
    logits = torch.from_numpy(generator.normal(0, 3, (40, 90)).astype(np.float32))
    draws = [
        Draw(
            row,
            kinds[row % 4],
            generator.integers(0, 90, row).astype(np.int32),
            row // 2,
            seed=row,
            index=row % 7,
            bias={row: 3.0, row + 1: -math.inf} if row % 3 else {},
            alternatives=row % 5,
            probability=row % 2 == 0,
        )
        for row in range(40)
    ]
    together = draw_rows(logits, draws)
    for row, draw in enumerate(draws):
        biased = logits[row : row + 1].clone()
        for token, bias in draw.bias.items():
            biased[0, token] += bias
        scores = processed_logits(biased, [draw.context], [draw.prompt_length], draw.sampling)
        assert [together[row].token] == choose(scores, draw.sampling, [draw.seed], [draw.index])
        (alone,) = draw_rows(logits[row : row + 1], [draw])
        assert repr(alone) == repr(together[row])


def test_reported_probabilities_are_the_models_own():
    logits = torch.tensor([[1.0, 2.0, -math.inf, 2.0, 0.0]] * 2)
    none = np.empty(0, np.int32)
    draw = Draw(0, Sampling(temperature=0), none, 0, 0, 0, {4: 100.0}, alternatives=9, probability=True)
    asked, unasked = draw_rows(logits, [draw, replace(draw, alternatives=0, probability=False)])
    expected = logits[0].log_softmax(-1).tolist()
    assert asked.token == unasked.token == 4
    assert asked.log_probability == pytest.approx(expected[4], abs=1e-6)
    assert asked.alternatives == tuple((token, pytest.approx(expected[token], abs=1e-6)) for token in (1, 3, 0, 4))
    assert math.isnan(unasked.log_probability)
    assert unasked.alternatives == ()
    (two,) = draw_rows(logits[:1], [replace(draw, alternatives=1)])
    assert [token for token, _ in two.alternatives] == [1]


@pytest.mark.parametrize("sampling", [PLAIN, Sampling(), Sampling(temperature=0)], ids=["plain", "card", "greedy"])
def test_hostile_logits_draw_what_they_allow(sampling):
    none = np.empty(0, np.int32)

    def token(row, **bias):
        banned = {int(name[1:]): -math.inf for name in bias}
        return draw_rows(torch.tensor([row]), [Draw(0, sampling, none, 0, 5, 0, banned)])[0].token

    assert token([math.nan, -math.inf, 1.0, math.nan]) == 2
    assert token([0.0, math.inf, 3.0, math.nan]) == 1
    assert token([math.inf, math.inf, 3.0], _0=0) == 1
    assert token([-math.inf, -math.inf, -math.inf]) == 0
    assert token([math.nan, -math.inf, -math.inf], _0=0, _1=1) == 2
    assert token([1.0, 1.0], _0=0, _1=1) == 0


def test_a_context_that_bans_every_token_by_its_runs_draws_the_first_not_banned_otherwise():
    sampling = Sampling(no_repeat_ngram=1)
    draw = Draw(0, sampling, np.array([0, 1, 2], np.int32), 0, 5, 0, {0: -math.inf})
    assert draw_rows(torch.zeros(1, 3), [draw])[0].token == 1


PROBABILITIES = torch.tensor([0.0, 0.4, 0.2, 0.001, 0.0, 0.299, 0.1])
MANY = 100_000


def assert_follows(tokens: list[int], probabilities: Tensor) -> None:
    """Chi-square of the counts; seeds are fixed, so this passes or fails for good."""
    counts = np.bincount(tokens, minlength=len(probabilities))
    possible = (probabilities > 0).numpy()
    assert counts[~possible].sum() == 0
    expected = probabilities.double().numpy()[possible]
    assert stats.chisquare(counts[possible], expected / expected.sum() * len(tokens)).pvalue > 1e-3


@pytest.mark.parametrize("across", ["seeds", "indexes"])
def test_draws_follow_the_probabilities(across):
    rows = PROBABILITIES.log().expand(MANY, -1)
    places = (range(MANY), [11] * MANY) if across == "seeds" else ([11] * MANY, range(MANY))
    assert_follows(choose(rows, PLAIN, *places), PROBABILITIES)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(top_k=12, min_p=0.02), PLAIN], ids=["card", "top-k", "all"])
def test_draws_follow_what_transformers_draws_from(sampling):
    logits = torch.randn(1, 40, generator=torch.Generator().manual_seed(2)) * 2
    tokens = torch.tensor([[3, 5, 7, 5]])
    expected = reference(tokens, 2, logits, sampling)[0].softmax(-1)
    scores = processed_logits(logits, contexts(tokens), [2], sampling).expand(MANY, -1)
    assert_follows(choose(scores, sampling, range(MANY), range(MANY)), expected)


def test_few_and_many_left_draw_alike(monkeypatch):
    """Whether the noise of all tokens is computed or that of those left in is a matter of speed alone."""
    scores = processed_logits(
        torch.randn(50, 300, generator=torch.Generator().manual_seed(1)),
        [np.empty(0, np.int32)] * 50,
        [0] * 50,
        Sampling(),
    )
    tokens = []
    for few in (0, 10_000):
        monkeypatch.setattr(processors, "FEW", few)
        tokens.append(choose(scores, Sampling(), range(50), range(50)))
    assert tokens[0] == tokens[1]


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
        ("no_repeat_ngram", -1, "at least 0"),
        ("presence_penalty", 2.5, "at most 2"),
        ("frequency_penalty", -2.5, "at least -2"),
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
