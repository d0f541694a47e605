"""The chunked linear cross-entropy is F.cross_entropy, in value and gradient, however it is computed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.model import kernels
from fabula.model import loss as loss_module
from fabula.model.loss import PADDING, VOCABULARY_MULTIPLE, chunk_size, linear_cross_entropy, token_losses

WAYS = pytest.mark.parametrize("way", ["as here", "without the kernel", "with a vocabulary filled up"])


@contextmanager
def computed(way: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if way == "without the kernel":
            patch.setattr(kernels, "has_kernel", lambda: False)
        if way == "with a vocabulary filled up":  # as on CUDA
            patch.setitem(VOCABULARY_MULTIPLE, "cpu", 64)
        yield


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


@WAYS
@settings(deadline=None, max_examples=60)
@given(**sizes)
def test_loss_and_gradients_equal_plain_cross_entropy(way, tokens, width, vocabulary, chunk, padding, seed):
    hidden, weight, targets = problem(tokens, width, vocabulary, padding, seed)

    def plain(hidden, weight):
        return F.cross_entropy(hidden @ weight.T, targets, ignore_index=PADDING, reduction="sum")

    def ours(hidden, weight):
        return linear_cross_entropy(hidden, weight, targets, chunk)

    expected = value_and_gradients(plain, hidden, weight)
    with computed(way):
        found = value_and_gradients(ours, hidden, weight)
    for value, exact in zip(found, expected, strict=True):
        torch.testing.assert_close(value, exact, rtol=1e-5, atol=1e-5)


@WAYS
@settings(deadline=None, max_examples=30)
@given(**sizes, z_loss=st.sampled_from([1e-4, 0.1]))
def test_z_loss_is_in_the_gradients_and_not_in_the_loss(way, tokens, width, vocabulary, chunk, padding, seed, z_loss):
    hidden, weight, targets = problem(tokens, width, vocabulary, padding, seed)

    def with_z_loss(hidden, weight):
        logits = hidden @ weight.T
        squares = logits.logsumexp(-1)[targets != PADDING].square().sum()
        return F.cross_entropy(logits, targets, ignore_index=PADDING, reduction="sum") + z_loss * squares

    _, *expected = value_and_gradients(with_z_loss, hidden, weight)
    with computed(way):
        loss, *found = value_and_gradients(
            lambda h, w: linear_cross_entropy(h, w, targets, chunk, z_loss), hidden, weight
        )
        assert torch.equal(loss, linear_cross_entropy(hidden, weight, targets, chunk))
    for value, exact in zip(found, expected, strict=True):
        torch.testing.assert_close(value, exact, rtol=1e-4, atol=1e-4)


@WAYS
@settings(deadline=None, max_examples=30)
@given(**sizes)
def test_under_bfloat16_autocast_it_stays_as_close_to_float32_as_plain_cross_entropy_does(
    way, tokens, width, vocabulary, chunk, padding, seed
):
    """bfloat16 has 8 significant bits: products of `width` terms are off by about 2^-8 of their size."""
    hidden, weight, targets = problem(tokens, width, vocabulary, padding, seed)
    exact = value_and_gradients(lambda h, w: linear_cross_entropy(h, w, targets), hidden, weight)
    with computed(way), torch.autocast("cpu", torch.bfloat16):
        rough = value_and_gradients(lambda h, w: linear_cross_entropy(h, w, targets, chunk), hidden, weight)
    for value, expected in zip(rough, exact, strict=True):
        assert value.dtype == torch.float32
        scale = max(expected.abs().max().item(), 1.0)
        torch.testing.assert_close(value, expected, rtol=0, atol=0.04 * scale)


@WAYS
@settings(deadline=None, max_examples=40)
@given(**sizes)
def test_token_losses_are_plain_cross_entropy_position_by_position(
    way, tokens, width, vocabulary, chunk, padding, seed
):
    hidden, weight, targets = problem(tokens, width, vocabulary, padding, seed)
    with computed(way):
        losses = token_losses(hidden, weight, targets, chunk)
    expected = F.cross_entropy(hidden @ weight.T, targets, ignore_index=PADDING, reduction="none")
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-5, atol=1e-5)
    assert not losses.requires_grad


@WAYS
@pytest.mark.parametrize("which", [0, 1])
def test_only_the_gradient_that_is_asked_for_is_computed(way, which):
    hidden, weight, targets = problem(9, 4, 11, 0.2, 0)
    with computed(way):
        loss = linear_cross_entropy(hidden, weight, targets)
        both = torch.autograd.grad(loss, (hidden, weight))
        inputs = [hidden.detach(), weight.detach()]
        torch.testing.assert_close(linear_cross_entropy(*inputs, targets, 4), loss.detach())
        inputs[which].requires_grad_()
        (alone,) = torch.autograd.grad(linear_cross_entropy(*inputs, targets, 4), inputs[which])
    torch.testing.assert_close(alone, both[which])


@WAYS
def test_huge_logits_stay_finite(way):
    hidden, weight, targets = problem(8, 4, 11, 0.0, 0)
    with computed(way):
        loss, *gradients = value_and_gradients(lambda h, w: linear_cross_entropy(h * 1e4, w, targets), hidden, weight)
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in gradients)


@WAYS
def test_a_hidden_state_that_is_not_finite_makes_a_loss_that_is_not(way):
    hidden, weight, targets = problem(8, 4, 11, 0.0, 0)
    with torch.no_grad(), computed(way):
        hidden[3, 1] = float("nan")
        assert linear_cross_entropy(hidden, weight, targets).isnan()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_gradients_have_the_dtypes_of_what_they_are_of(dtype):
    hidden, weight, targets = problem(8, 4, 11, 0.0, 0)
    hidden = hidden.detach().to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_cross_entropy(hidden, weight, targets)
    assert [x.dtype for x in torch.autograd.grad(loss, (hidden, weight))] == [dtype, torch.float32]


def test_the_heads_gradient_is_added_up_in_float32():
    """Of many chunks, each too small to move a bfloat16 sum."""
    hidden = torch.ones(4096, 1, requires_grad=True)
    weight = torch.zeros(2, 1, requires_grad=True)
    targets = torch.zeros(4096, dtype=torch.long)
    with torch.autocast("cpu", torch.bfloat16):
        (gradient,) = torch.autograd.grad(linear_cross_entropy(hidden, weight, targets, 1), weight)
    assert gradient.flatten().tolist() == [-2048.0, 2048.0]


@pytest.mark.parametrize(("kernel", "bound"), [(True, 1 << 28), (False, 1 << 25)])
def test_the_default_chunk_bounds_the_logits(kernel, bound, monkeypatch):
    monkeypatch.setattr(loss_module, "has_kernel", lambda: kernel)
    assert bound // 2 < chunk_size(50_257, "cpu") * 50_257 * 4 <= bound
    assert chunk_size(10**9, "cpu") == 64
    assert chunk_size(4_096, "cuda") == 1 << 15
