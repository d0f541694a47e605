"""Attention in windows of documents, against PyTorch's attention with a mask."""

import pytest
import torch
import torch.nn.functional as F

from fabula.model.attention import attention, document_mask
from tests.model.reference import documents

WIDTH = 24
WINDOWS = [
    [[24], [24]],
    [[1] * 24, [1, 2, 3, 4, 5, 9]],
    [[], [7, 7]],
    [[], []],
    [[23], [1]],
]
PROBLEMS = pytest.mark.parametrize("lengths", WINDOWS, ids=str)


def queries_keys_values(rows: int, heads: int, kv_heads: int, seed: int = 0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(rows, WIDTH, count, 8, generator=generator).to(dtype).requires_grad_()
        for count in (heads, kv_heads, kv_heads)
    ]


def masked(q, k, v, boundaries):
    mask = document_mask(boundaries, *q.shape[:2])[:, None]
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True).transpose(1, 2)


def value_and_gradients(function, inputs, boundaries):
    out = function(*inputs, boundaries)
    probe = torch.randn(out.shape, generator=torch.Generator().manual_seed(9)).to(out.dtype)
    return out, *torch.autograd.grad((out * probe).sum(), inputs)


@PROBLEMS
@pytest.mark.parametrize("kv_heads", [4, 2, 1])
def test_values_and_gradients_equal_masked_attention(lengths, kv_heads):
    _, boundaries = documents(lengths, WIDTH)
    inputs = queries_keys_values(len(lengths), 4, kv_heads)
    for value, expected in zip(
        value_and_gradients(attention, inputs, boundaries),
        value_and_gradients(masked, inputs, boundaries),
        strict=True,
    ):
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5)


@PROBLEMS
def test_bfloat16_stays_within_its_precision(lengths):
    _, boundaries = documents(lengths, WIDTH)
    inputs = queries_keys_values(len(lengths), 4, 2, dtype=torch.bfloat16)
    exact = [x.detach().float().requires_grad_() for x in inputs]
    for value, expected in zip(
        value_and_gradients(attention, inputs, boundaries), value_and_gradients(masked, exact, boundaries), strict=True
    ):
        assert value.dtype == torch.bfloat16
        torch.testing.assert_close(value.float(), expected, rtol=0.05, atol=0.05 * expected.abs().max().item())


def test_gradients_equal_finite_differences():
    _, boundaries = documents([[5, 1, 9], [24]], WIDTH)
    inputs = queries_keys_values(2, 2, 1)
    step = 1e-2
    _, *gradients = value_and_gradients(attention, inputs, boundaries)
    probe = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(9))
    for place, gradient in enumerate(gradients):
        direction = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(10))
        ends = []
        for sign in (1, -1):
            moved = [x.detach() + (sign * step * direction if at == place else 0) for at, x in enumerate(inputs)]
            ends.append((attention(*moved, boundaries) * probe).double().sum())
        slope = (ends[0] - ends[1]) / (2 * step)
        assert slope.item() == pytest.approx((gradient * direction).double().sum().item(), rel=2e-3, abs=2e-3)


def test_one_token_documents_return_their_own_value():
    _, boundaries = documents([[1] * WIDTH], WIDTH)
    q, k, v = queries_keys_values(1, 2, 2)
    torch.testing.assert_close(attention(q, k, v, boundaries), v)


def test_repeated_boundaries_at_the_end_change_nothing():
    _, boundaries = documents([[5, 19]], WIDTH)
    inputs = queries_keys_values(1, 2, 2)
    more = torch.cat((boundaries, boundaries[-1:].repeat(5)))
    assert torch.equal(attention(*inputs, boundaries), attention(*inputs, more))


def test_without_documents_it_is_causal_and_aligned_to_the_last_key():
    q, k, v = queries_keys_values(2, 4, 2)
    whole = attention(q, k, v)
    for start in (0, 5, WIDTH - 1):
        torch.testing.assert_close(attention(q[:, start:], k, v), whole[:, start:])


def test_other_dtypes_use_the_mask():
    _, boundaries = documents([[5, 19]], WIDTH)
    inputs = [x.detach().double() for x in queries_keys_values(1, 2, 1)]
    exact = attention(*inputs, boundaries)
    torch.testing.assert_close(
        attention(*(x.float() for x in inputs), boundaries).double(), exact, rtol=1e-5, atol=1e-5
    )


def test_the_mask_joins_a_document_and_nothing_else():
    _, boundaries = documents([[2, 1], [4]], 4)
    first, second = document_mask(boundaries, 2, 4)
    assert first.int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert second.equal(torch.ones(4, 4, dtype=torch.bool).tril())


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("kv_heads", [4, 2])
def test_a_mask_says_what_each_query_sees(rows, kv_heads):
    q, k, v = queries_keys_values(2, 4, kv_heads)
    mask = torch.rand(rows, WIDTH, WIDTH, generator=torch.Generator().manual_seed(1)) < 0.4
    mask |= torch.eye(WIDTH, dtype=torch.bool)
    scores = torch.einsum("bthd,bshd->bhts", q, k.repeat_interleave(4 // kv_heads, 2)) / 8**0.5
    weights = scores.masked_fill(~mask[:, None], float("-inf")).softmax(-1)
    expected = torch.einsum("bhts,bshd->bthd", weights, v.repeat_interleave(4 // kv_heads, 2))
    torch.testing.assert_close(attention(q, k, v, mask_BTS=mask), expected, rtol=1e-5, atol=1e-5)
