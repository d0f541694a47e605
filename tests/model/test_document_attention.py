"""Attention within documents on a CPU, the compiled kernel and its stand-in, against plain attention in float64."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fabula.model import document_attention as module
from fabula.model.attention import attention
from fabula.model.document_attention import attend, attend_backward, document_attention, rotate
from fabula.native.build import BuildError, Sanitizer, build, find_compiler
from tests.instruction_sets import LIBRARY, PRESENT
from tests.instruction_sets import best_instruction_set as best_instruction_set

needs_kernel = pytest.mark.skipif(LIBRARY is None, reason="the kernel was not built")
TOLERANCE = {torch.float32: 5e-6, torch.bfloat16: 0.04}
"""How far a number may be off, for numbers of about 1 or in units of the largest."""
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
SHAPES = [(2, 2, 8), (4, 2, 32), (3, 1, 48), (2, 1, 64), (2, 2, 128), (4, 4, 2), (1, 1, 16), (2, 1, 66)]


class Problem(NamedTuple):
    inputs: list[Tensor]
    boundaries: Tensor
    angles: tuple[Tensor, Tensor] | tuple[None, None]
    grad: Tensor


def problem(
    lengths: Sequence[int], heads: int, kv_heads: int, width: int, dtype=torch.float32, turned=False, seed=0
) -> Problem:
    generator = torch.Generator().manual_seed(seed)
    rows = sum(lengths)
    q, k, v, grad = (
        torch.randn(rows, count, width, generator=generator).to(dtype) for count in (heads, kv_heads, kv_heads, heads)
    )
    boundaries = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
    angles = torch.arange(rows)[:, None] * torch.rand(1, width // 2, generator=generator)
    given = (None, None) if turned else (angles.cos(), angles.sin())
    return Problem([x.requires_grad_() for x in (q, k, v)], boundaries, given, grad)


def solve(p: Problem) -> list[Tensor]:
    """Return the values and the gradients of q, k and v."""
    out = document_attention(*p.inputs, p.boundaries, *p.angles)
    return [out.detach(), *torch.autograd.grad(out, p.inputs, p.grad)]


def solve_plainly(p: Problem) -> list[Tensor]:
    """Do the same in float64, document by document, with all weights at once."""
    inputs = [x.detach().double().requires_grad_() for x in p.inputs]
    q, k, v = inputs
    cos, sin = p.angles
    if cos is not None and sin is not None:
        q, k = (rotate(x, cos[:, None], sin[:, None]) for x in (q, k))
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    parts = []
    for start, end in zip(p.boundaries[:-1].tolist(), p.boundaries[1:].tolist(), strict=True):
        scores = torch.einsum("qhd,khd->hqk", q[start:end], k[start:end]) * q.shape[-1] ** -0.5
        above = torch.ones(end - start, end - start, dtype=torch.bool).triu(1)
        parts.append(torch.einsum("hqk,khd->qhd", scores.masked_fill(above, float("-inf")).softmax(-1), v[start:end]))
    out = torch.cat(parts)
    return [out.detach(), *torch.autograd.grad(out, inputs, p.grad.double())]


def assert_solved(p: Problem) -> None:
    tolerance = TOLERANCE[p.grad.dtype]
    for value, expected in zip(solve(p), solve_plainly(p), strict=True):
        assert value.dtype == p.grad.dtype
        size = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(value.double(), expected, rtol=0, atol=tolerance * size)


@DTYPES
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("instruction_set", PRESENT)
def test_every_instruction_set_equals_plain_attention(instruction_set: str, shape, dtype) -> None:
    assert LIBRARY is not None
    assert LIBRARY.fabula_train_with(instruction_set.encode()) == 0
    assert_solved(problem([1, 15, 16, 0, 17, 64, 65, 150], *shape, dtype=dtype))
    assert_solved(problem([129], *shape, dtype=dtype, turned=True))


@DTYPES
@needs_kernel
def test_a_long_document_equals_plain_attention(dtype) -> None:
    assert_solved(problem([1000, 7], 2, 1, 64, dtype=dtype))


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_kernel), False])
@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.integers(0, 90), min_size=1, max_size=6).filter(any),
    kv_heads=st.integers(1, 3),
    group=st.integers(1, 3),
    half=st.integers(1, 40),
    dtype=st.sampled_from(list(TOLERANCE)),
    turned=st.booleans(),
    bucket=st.integers(1, 20000),
    seed=st.integers(0, 99),
)
def test_any_documents_equal_plain_attention(
    compiled: bool, lengths, kv_heads, group, half, dtype, turned, bucket, seed
) -> None:
    p = problem(lengths, kv_heads * group, kv_heads, 2 * half, dtype, turned, seed)
    with pytest.MonkeyPatch.context() as patch:
        if not compiled:
            patch.setattr(module, "kernel_takes", lambda *_: False)
            patch.setattr(module, "BUCKET_SCORES", bucket)
        assert_solved(p)


@DTYPES
@needs_kernel
def test_the_log_sums_serve_either_backward(dtype, monkeypatch) -> None:
    p = problem([40, 1, 90], 4, 2, 32, dtype)
    arguments = (*(x.detach() for x in p.inputs), p.boundaries, *p.angles)
    ours = attend(*arguments)
    gradients = attend_backward(p.grad, *arguments, *ours)
    monkeypatch.setattr(module, "kernel_takes", lambda *_: False)
    for value, expected in zip(ours, attend(*arguments), strict=True):
        torch.testing.assert_close(value, expected, rtol=0, atol=TOLERANCE[dtype] * 8)
    for value, expected in zip(gradients, attend_backward(p.grad, *arguments, *ours), strict=True):
        torch.testing.assert_close(value, expected, rtol=0, atol=TOLERANCE[dtype] * float(expected.abs().max()))


@DTYPES
@needs_kernel
def test_the_number_of_threads_changes_no_bit(dtype) -> None:
    p = problem([70, 3, 150, 64, 1, 33], 4, 2, 32, dtype)
    threads, answers = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            answers.append(solve(p))
    finally:
        torch.set_num_threads(threads)
    for other in answers[1:]:
        assert all(torch.equal(a, b) for a, b in zip(answers[0], other, strict=True))


@DTYPES
@needs_kernel
@pytest.mark.parametrize("place", range(3))
def test_neighbours_change_no_bit(place: int, dtype) -> None:
    lengths = [70, 33, 150]
    p = problem(lengths, 4, 2, 48, dtype)
    rows = slice(sum(lengths[:place]), sum(lengths[: place + 1]))
    outside = torch.ones(sum(lengths), dtype=torch.bool)
    outside[rows] = False
    with torch.no_grad():
        for x in (*p.inputs, p.grad):
            x[outside] = float("nan")
    together = solve(p)
    alone = Problem(
        [x.detach()[rows].requires_grad_() for x in p.inputs],
        torch.tensor([0, lengths[place]], dtype=torch.int32),
        (p.angles[0][rows], p.angles[1][rows]),
        p.grad[rows],
    )
    for whole, part in zip(together, solve(alone), strict=True):
        assert torch.equal(whole[rows], part)


@DTYPES
@needs_kernel
@pytest.mark.parametrize("instruction_set", PRESENT)
def test_nan_is_not_lost(instruction_set: str, dtype) -> None:
    assert LIBRARY is not None
    LIBRARY.fabula_train_with(instruction_set.encode())
    p = problem([20, 30], 2, 1, 16, dtype)
    with torch.no_grad():
        p.inputs[1][5] = float("nan")
    out = solve(p)[0]
    assert out[5:20].isnan().all()
    assert out[:5].isfinite().all()
    assert out[20:].isfinite().all()


@pytest.mark.parametrize("instruction_set", PRESENT)
def test_scores_of_any_size_are_attended_to(instruction_set: str) -> None:
    assert LIBRARY is not None
    LIBRARY.fabula_train_with(instruction_set.encode())
    p = problem([50], 2, 2, 16)
    with torch.no_grad():
        p.inputs[0].mul_(1e4)
    out, *gradients = solve(p)
    torch.testing.assert_close(out.double(), solve_plainly(p)[0], rtol=1e-3, atol=1e-3)
    assert all(gradient.isfinite().all() for gradient in gradients)


@DTYPES
@needs_kernel
def test_views_of_one_projection_are_read_as_they_lie(dtype) -> None:
    heads, kv_heads, width = 4, 2, 32
    p = problem([21, 60], heads, kv_heads, width, dtype)
    fused = torch.cat([x.detach().flatten(1) for x in p.inputs], 1)
    views = [x.unflatten(1, (-1, width)) for x in fused.split([heads * width, kv_heads * width, kv_heads * width], 1)]
    assert not any(x.is_contiguous() for x in views)
    scattered = [x.detach().transpose(0, 1).contiguous().transpose(0, 1) for x in p.inputs]
    expected = solve(p)
    for inputs in (views, scattered):
        found = solve(p._replace(inputs=[x.requires_grad_() for x in inputs]))
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@needs_kernel
def test_a_gradient_that_is_no_plain_tensor() -> None:
    p = problem([21, 60], 4, 2, 32)
    p.grad.copy_(p.grad[:1, :1, :1].expand_as(p.grad))
    expected = solve(p)
    found = solve(p._replace(grad=p.grad[:1, :1, :1].expand_as(p.grad)))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_kernel), False])
@DTYPES
def test_operator_check(compiled: bool, dtype, monkeypatch) -> None:
    if not compiled:
        monkeypatch.setattr(module, "kernel_takes", lambda *_: False)
    p = problem([5, 0, 19, 1], 4, 2, 8, dtype)
    turned = problem([5, 0, 19, 1], 2, 2, 8, dtype, turned=True)
    for arguments in (p, turned):
        torch.library.opcheck(attend, (*arguments.inputs, arguments.boundaries, *arguments.angles))


@pytest.mark.parametrize("boundaries", [[], [0], [1, 24], [0, 23], [0, 25], [0, 30, 24], [0, -1, 24]], ids=str)
def test_boundaries_that_would_reach_outside_are_refused(boundaries: list[int]) -> None:
    p = problem([24], 1, 1, 8)
    with pytest.raises(AssertionError):
        document_attention(*p.inputs, torch.tensor(boundaries, dtype=torch.int32), *p.angles)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_kernel), False])
def test_whole_windows_are_documents(compiled: bool, batch: int, monkeypatch) -> None:
    if not compiled:
        monkeypatch.setattr("fabula.model.attention.kernel_takes", lambda *_: False)
    p = problem([40] * batch, 4, 2, 16)
    q, k, v = (x.detach().unflatten(0, (batch, 40)) for x in p.inputs)
    cos, sin = (x[:40] for x in p.angles)
    angles = cos[None, :, None], sin[None, :, None]
    expected = document_attention(*p.inputs, p.boundaries, cos.repeat(batch, 1), sin.repeat(batch, 1))
    torch.testing.assert_close(attention(q, k, v, angles=angles).flatten(0, 1), expected, rtol=1e-5, atol=1e-5)


@DTYPES
def test_other_paths_turn_queries_and_keys_too(dtype) -> None:
    p = problem([24], 4, 2, 16, dtype)
    q, k, v = (x.detach()[None] for x in p.inputs)
    angles = p.angles[0][None, :, None], p.angles[1][None, :, None]
    mask = torch.ones(1, 24, 24, dtype=torch.bool).tril()
    expected = solve_plainly(p)[0][None]
    values = [attention(q, k, v, mask_BTS=mask, angles=angles), attention(q, k, v, p.boundaries, angles=angles)]
    values += [attention(q.double(), k.double(), v.double(), given, angles=angles) for given in (None, p.boundaries)]
    for value in values:
        torch.testing.assert_close(value.double(), expected, rtol=0, atol=TOLERANCE[dtype] * 4)


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["none", "address"])
def test_random_documents_are_computed_exactly_and_in_bounds(tmp_path: Path, sanitizer: Sanitizer) -> None:
    program, cases = tmp_path / "fuzz_attention", 500
    try:
        find_compiler()
    except BuildError as error:
        pytest.skip(str(error))
    try:
        build(program, driver=Path(__file__).with_name("fuzz_attention.c"), sanitizer=sanitizer)
    except BuildError as error:
        if sanitizer != "none" and "link" in str(error):
            pytest.skip(f"the compiler has no library for the {sanitizer} sanitizer: {error}")
        raise
    done = subprocess.run([program, "1", str(cases)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-8000:]
    assert done.stdout == f"{cases} cases from seed 1\n"


@pytest.mark.slow
@needs_kernel
@pytest.mark.parametrize("windows", [False, True])
def test_the_compiler_sees_one_call(windows: bool) -> None:
    p = problem([24] if windows else [5, 19], 4, 2, 16)
    boundaries = None if windows else p.boundaries
    cos, sin = (x[None, :, None] for x in p.angles)

    def values(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attention(q[None], k[None], v[None], boundaries, angles=(cos, sin))[0]

    out = torch.compile(values, fullgraph=True, backend="aot_eager")(*p.inputs)
    found = [out.detach(), *torch.autograd.grad(out, p.inputs, p.grad)]
    assert all(torch.equal(a, b) for a, b in zip(found, solve(p), strict=True))
