"""The chunked linear cross-entropy is F.cross_entropy, in value and gradient."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.model.loss import PADDING, chunk_size, linear_cross_entropy, token_losses


def problem(tokens: int, width: int, vocabulary: int, padding: float, seed: int):
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(tokens, width, generator=generator, requires_grad=True)
    weight = torch.randn(vocabulary, width, generator=generator, requires_grad=True)
    targets = torch.randint(vocabulary, (tokens,), generator=generator)
    targets[torch.rand(tokens, generator=generator) < padding] = PADDING
    return hidden, weight, targets


def value_and_gradients(function, hidden, weight, scale: float = 0.37):
    loss = function(hidden, weight)
    return loss, *torch.autograd.grad(loss * scale, (hidden, weight))


sizes = {
    "tokens": st.integers(1, 40),
    "width": st.integers(1, 16),
    "vocabulary": st.integers(2, 50),
    "chunk": st.integers(0, 45),
    "padding": st.sampled_from([0.0, 0.3, 1.0]),
    "seed": st.integers(0, 1000),
}


@settings(deadline=None, max_examples=60)
@given(**sizes)
def test_loss_and_gradients_equal_plain_cross_entropy(tokens, width, vocabulary, chunk, padding, seed):
    hidden, weight, targets = problem(tokens, width, vocabulary, padding, seed)

    def plain(hidden, weight):
        return F.cross_entropy(hidden @ weight.T, targets, ignore_index=PADDING, reduction="sum")

    def ours(hidden, weight):
        return linear_cross_entropy(hidden, weight, targets, chunk)

    for value, expected in zip(
        value_and_gradients(ours, hidden, weight), value_and_gradients(plain, hidden, weight), strict=True
    ):
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(**sizes)
def test_under_bfloat16_autocast_it_stays_as_close_to_float32_as_plain_cross_entropy_does(
    tokens, width, vocabulary, chunk, padding, seed
):
    """bfloat16 has 8 significant bits: products of `width` terms are off by about 2^-8 of their size."""
    hidden, weight, targets = problem(tokens, width, vocabulary, padding, seed)
    exact = value_and_gradients(lambda h, w: linear_cross_entropy(h, w, targets), hidden, weight)
    with torch.autocast("cpu", torch.bfloat16):
        rough = value_and_gradients(lambda h, w: linear_cross_entropy(h, w, targets, chunk), hidden, weight)
    for value, expected in zip(rough, exact, strict=True):
        assert value.dtype == torch.float32
        scale = max(expected.abs().max().item(), 1.0)
        torch.testing.assert_close(value, expected, rtol=0, atol=0.04 * scale)


@settings(deadline=None, max_examples=40)
@given(**sizes)
def test_token_losses_are_plain_cross_entropy_position_by_position(tokens, width, vocabulary, chunk, padding, seed):
    hidden, weight, targets = problem(tokens, width, vocabulary, padding, seed)
    losses = token_losses(hidden, weight, targets, chunk)
    expected = F.cross_entropy(hidden @ weight.T, targets, ignore_index=PADDING, reduction="none")
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-5, atol=1e-5)
    assert not losses.requires_grad


@pytest.mark.parametrize("which", [0, 1])
def test_only_the_gradient_that_is_asked_for_is_computed(which):
    hidden, weight, targets = problem(9, 4, 11, 0.2, 0)
    both = torch.autograd.grad(linear_cross_entropy(hidden, weight, targets), (hidden, weight))
    inputs = [hidden.detach(), weight.detach()]
    inputs[which].requires_grad_()
    (alone,) = torch.autograd.grad(linear_cross_entropy(*inputs, targets, 4), inputs[which])
    torch.testing.assert_close(alone, both[which])


def test_huge_logits_stay_finite():
    hidden, weight, targets = problem(8, 4, 11, 0.0, 0)
    loss, *gradients = value_and_gradients(lambda h, w: linear_cross_entropy(h * 1e4, w, targets), hidden, weight)
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_the_default_chunk_bounds_the_logits():
    assert chunk_size(50_257, "cpu") * 50_257 * 4 <= 1 << 25
    assert chunk_size(10**9, "cpu") == 64
    assert chunk_size(4_096, "cuda") == 1 << 15
