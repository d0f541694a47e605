"""Batched scoring and telling with Fabula's own engine, against one sequence at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.corpus.tokenizer import id_count
from fabula.errors import UserError
from fabula.generation.processors import choose, processed_logits
from fabula.generation.sampling import Sampling
from fabula.study.scoring.language_model import Tree
from fabula.study.scoring.llama import LlamaModel, open_model
from fabula.study.scoring.lockstep import CROWDED
from tests.tiny import tiny_checkpoint, tiny_model, tiny_tokenizer

TOKENS = st.integers(0, 299)
TREES = st.lists(
    st.builds(
        Tree,
        st.lists(TOKENS, min_size=1, max_size=24).map(tuple),
        st.lists(st.lists(TOKENS, max_size=24).map(tuple), min_size=1, max_size=5).map(tuple),
    ),
    max_size=6,
)
SAMPLED = {"temperature": 1.0, "top_p": 0.9}
GREEDY = {"temperature": 0.0, "top_p": 1.0}
PENALIZED = {**SAMPLED, "repetition_penalty": 1.3, "frequency_penalty": 0.3, "no_repeat_ngram": 2}


def sampling(how, max_new_tokens, seed):
    return Sampling(**{"repetition_penalty": 1.0, **how}, max_new_tokens=max_new_tokens, seed=seed)


def language_model(**changes) -> LlamaModel:
    return LlamaModel("tiny", tiny_model(**changes), tiny_tokenizer(), (0,))


def naive(model: LlamaModel, prefix, branch) -> np.ndarray:
    """ln p of a branch's tokens, from a forward pass over that sequence alone."""
    tokens = torch.tensor([[*prefix, *branch]])
    with torch.inference_mode():
        found = model.model(tokens[:, :-1] if branch else tokens)[0].double().log_softmax(-1)
    after = found[len(prefix) - 1 :]
    return np.array([after[index, token].item() for index, token in enumerate(branch)])


@settings(deadline=None, max_examples=40)
@given(TREES, st.sampled_from([16, 64, 4096]))
def test_branches_equal_sequences_scored_alone(trees, batch_tokens):
    model = language_model()
    model.batch_tokens = batch_tokens
    found = model.log_probabilities(trees)
    assert len(found) == len(trees)
    for tree, branches in zip(trees, found, strict=True):
        assert len(branches) == len(tree.branches)
        for branch, values in zip(tree.branches, branches, strict=True):
            assert values.dtype == np.float64
            np.testing.assert_allclose(values, naive(model, tree.prefix, branch), atol=1e-4)


def test_many_branches_after_a_short_prefix():
    model = language_model()
    random = np.random.default_rng(0)
    branches = tuple(tuple(random.integers(1, 300, 20).tolist()) for _ in range(40))
    (found,) = model.log_probabilities([Tree((0,), branches)])
    for branch, values in zip(branches, found, strict=True):
        np.testing.assert_allclose(values, naive(model, (0,), branch), atol=1e-4)


def test_bfloat16_is_near():
    model = language_model()
    trees = [Tree((0, 5, 6), ((7, 8, 9), (10, 11)))]
    exact = model.log_probabilities(trees)[0][0]
    model.model.to(torch.bfloat16)
    np.testing.assert_allclose(model.log_probabilities(trees)[0][0], exact, atol=0.3)


def test_a_tree_may_fill_the_context_and_no_more():
    model = language_model(context=10)
    assert Tree((0,) * 6, ((1,) * 5, (1,))).positions == 10
    model.log_probabilities([Tree((0,) * 6, ((1,) * 5, (1,)))])
    with pytest.raises(AssertionError, match="11 positions"):
        model.log_probabilities([Tree((0,) * 6, ((1,) * 6, (1,)))])


@settings(deadline=None, max_examples=15)
@given(st.lists(st.lists(TOKENS, min_size=1, max_size=48), max_size=5))
def test_distributions_equal_the_models(sequences):
    model = language_model()
    model.batch_tokens = 100
    for sequence, found in zip(sequences, model.distributions(sequences), strict=True):
        with torch.inference_mode():
            expected = model.model(torch.tensor([sequence]))[0].log_softmax(-1).numpy()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-4)


def tell_alone(model: LlamaModel, prompt, number, *, max_new_tokens=20, seed=3, stops=(0,), **how) -> list[int]:
    """One story without cache or batch, with the documented seed."""
    settings_ = sampling(how, max_new_tokens, seed)
    own_seed = int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0])
    tokens = list(prompt)
    while len(tokens) - len(prompt) < max_new_tokens and len(tokens) <= model.context:
        with torch.inference_mode():
            logits = model.model(torch.tensor([tokens]))[:, -1]
        counted = np.array(tokens[1:], np.int32)
        scores = processed_logits(logits, [counted], [len(prompt) - 1], settings_)
        tokens += choose(scores, settings_, [own_seed], [len(tokens) - len(prompt)])
        if tokens[-1] in stops:
            break
    return tokens[len(prompt) :]


@pytest.mark.parametrize("how", [GREEDY, SAMPLED, PENALIZED], ids=["greedy", "sampled", "penalized"])
def test_stories_told_together_equal_stories_told_alone(how):
    model = language_model()
    random = np.random.default_rng(1)
    prompts = [[0, *random.integers(1, 300, random.integers(0, 20)).tolist()] for _ in range(12)]
    together = model.tell(prompts, sampling(how, 20, 3))
    assert together == [tell_alone(model, prompt, number, **how) for number, prompt in enumerate(prompts)]


def test_rows_that_have_ended_are_dropped_and_the_others_go_on():
    model = language_model()
    model.stops = tuple(range(0, 300, 6))
    prompts = [[0, number] for number in range(1, 25)]
    found = model.tell(prompts, sampling(SAMPLED, 25, 3))
    lengths = sorted(map(len, found))
    assert lengths[int((1 - CROWDED) * len(lengths))] < lengths[-1]
    expected = [
        tell_alone(model, prompt, number, max_new_tokens=25, stops=model.stops, **SAMPLED)
        for number, prompt in enumerate(prompts)
    ]
    assert found == expected


def test_the_draws_of_a_prompt_depend_on_its_number_and_the_seed_alone():
    model = language_model()
    first = model.tell([[0], [0, 5]], sampling(SAMPLED, 15, 3))
    assert model.tell([[0, 9, 9], [0, 5], [0]], sampling(SAMPLED, 15, 3))[1] == first[1]
    assert model.tell([[0], [0, 5]], sampling(SAMPLED, 15, 4)) != first
    again = model.tell([[0, 5], [0, 5]], sampling(SAMPLED, 15, 3))
    assert again[0] != again[1]


def test_a_group_of_rows_at_a_time_gives_the_same(monkeypatch):
    model = language_model()
    prompts = [[0, number] for number in range(1, 8)]
    expected = model.tell(prompts, sampling(SAMPLED, 12, 0))
    monkeypatch.setattr(model, "_rows_of", lambda positions: 3)
    assert model.tell(prompts, sampling(SAMPLED, 12, 0)) == expected


def test_stories_end_at_end_of_text_or_where_the_context_does():
    model = language_model(context=16)
    with torch.no_grad():
        model.model.lm_head.weight[0] = 0
    told = model.tell([[0], [0, 1, 2]], sampling(SAMPLED, 100, 0), ban_end_of_text=True)
    # The last token is only read, it needs no position.
    assert [len(story) for story in told] == [16, 14]
    assert all(0 not in story for story in told)
    model.stops = tuple(range(300))
    assert [len(story) for story in model.tell([[0], [0, 1]], sampling(SAMPLED, 9, 0))] == [1, 1]


def test_no_prompts_no_stories():
    assert language_model().tell([], sampling(GREEDY, 5, 0)) == []
    assert language_model().log_probabilities([]) == []


def test_a_checkpoint_opens_with_our_engine(tmp_path):
    folder = tiny_checkpoint(tmp_path / "step-00007")
    model = open_model(folder)
    assert isinstance(model, LlamaModel)
    assert (model.name, model.context, model.end_of_text) == ("step-00007", 48, 0)
    assert model.parameters == model.model.parameter_count()
    assert model.tokenizer.encode("<|endoftext|>", add_special_tokens=False).ids != [0]


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no config\.json"):
        open_model(tmp_path)


def test_a_tokenizer_larger_than_the_model_is_refused(tmp_path):
    model = tiny_model(vocab_size=id_count(tiny_tokenizer()) - 1)
    with pytest.raises(UserError, match="the model only"):
        open_model(tiny_checkpoint(tmp_path / "c", model))
