"""The C kernels between a model's products, against their formulas in float64."""

import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from fabula.model import kernels
from fabula.model.kernels import cross_entropy_, kernel_takes, rms_norm, swiglu, team_address
from fabula.native.library import why_not
from tests.instruction_sets import LIBRARY, PRESENT
from tests.instruction_sets import best_instruction_set as best_instruction_set
from tests.tiny import one_thread as one_thread

pytestmark = pytest.mark.skipif(LIBRARY is None, reason=why_not())

TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 2**-8}
"""Relative to each number; bfloat16 has 8 significant bits."""
EPSILON = 1e-5


def draw(*shape: int, seed: int = 0, size: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * size).to(dtype)


def value_and_gradients(function: Callable[..., Tensor], *inputs: Tensor) -> list[Tensor]:
    inputs = tuple(x.detach().clone().requires_grad_() for x in inputs)
    value = function(*inputs)
    gradient = draw(*value.shape, seed=99).to(value.dtype)
    return [value.detach(), *torch.autograd.grad(value, inputs, gradient)]


def close(found: list[Tensor], exact: list[Tensor], dtype: torch.dtype) -> None:
    """Compare number by number; sums of numbers of about 1 are off by a little more than their own size says."""
    for value, expected in zip(found, exact, strict=True):
        torch.testing.assert_close(value.double(), expected, rtol=TOLERANCE[dtype], atol=5e-6)


def plain_norm(x: Tensor, weight: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + EPSILON).sqrt() * weight


def plain_entropy(logits: Tensor, targets: Tensor, z_loss: float) -> tuple[Tensor, Tensor]:
    """Return the losses, and the gradients of their sum with the z-loss."""
    logits = logits.double().requires_grad_()
    losses = F.cross_entropy(logits, targets, reduction="none")
    with_z = losses.sum() + z_loss * logits.logsumexp(-1)[targets >= 0].square().sum()
    return losses.detach(), torch.autograd.grad(with_z, logits)[0]


instruction_sets = st.sampled_from(PRESENT)
dtypes = st.sampled_from(list(TOLERANCE))
many = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
rows = st.integers(1, 70)
widths = st.integers(1, 70)
seeds = st.integers(0, 1000)


@many
@given(instruction_sets, dtypes, rows, widths, seeds, st.booleans())
def test_the_norm_is_its_formula(instruction_set, dtype, rows, width, seed, autocast):
    LIBRARY.fabula_train_with(instruction_set.encode())
    x, weight = draw(rows, width, seed=seed, dtype=dtype), 1 + draw(width, seed=seed + 1, size=0.3)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        found = value_and_gradients(lambda x, weight: rms_norm(x, weight, EPSILON), x, weight)
    assert found[0].dtype == (torch.bfloat16 if autocast else dtype)
    assert [gradient.dtype for gradient in found[1:]] == [dtype, torch.float32]
    exact = [value_and_gradients(plain_norm, x.double(), weight.double())[0]]
    gradient = draw(rows, width, seed=99).to(found[0].dtype).double()
    inputs = x.double().requires_grad_(), weight.double().requires_grad_()
    exact += torch.autograd.grad(plain_norm(*inputs), inputs, gradient)
    close(found, exact, torch.bfloat16 if autocast else dtype)


@many
@given(instruction_sets, dtypes, rows, widths, seeds)
def test_swiglu_is_its_formula(instruction_set, dtype, rows, width, seed):
    LIBRARY.fabula_train_with(instruction_set.encode())
    gate, up = draw(2, rows, width, seed=seed, size=3.0, dtype=dtype)
    found = value_and_gradients(swiglu, gate, up)
    inputs = gate.double().requires_grad_(), up.double().requires_grad_()
    value = F.silu(inputs[0]) * inputs[1]
    gradient = draw(rows, width, seed=99).to(dtype).double()
    close(found, [value.detach(), *torch.autograd.grad(value, inputs, gradient)], dtype)


@many
@given(instruction_sets, dtypes, rows, widths, seeds, st.sampled_from([0.0, 1e-3, 0.1]))
def test_cross_entropy_is_its_formula(instruction_set, dtype, rows, width, seed, z_loss):
    LIBRARY.fabula_train_with(instruction_set.encode())
    logits = draw(rows, width, seed=seed, size=5.0, dtype=dtype)
    targets = torch.randint(-1, width, (rows,), generator=torch.Generator().manual_seed(seed))
    targets[targets < 0] = -100
    losses, gradients = plain_entropy(logits, targets, z_loss)
    kept = logits.clone()
    torch.testing.assert_close(cross_entropy_(logits, targets, False, z_loss).double(), losses, rtol=1e-6, atol=2e-6)
    assert torch.equal(logits, kept)
    torch.testing.assert_close(cross_entropy_(logits, targets, True, z_loss).double(), losses, rtol=1e-6, atol=2e-6)
    close([logits], [gradients], dtype)


@pytest.mark.parametrize("instruction_set", PRESENT)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_a_slice_of_wider_rows_is_its_own_vocabulary(instruction_set, dtype):
    LIBRARY.fabula_train_with(instruction_set.encode())
    wide, targets = draw(9, 64, dtype=dtype), torch.arange(9)
    narrow, beyond = wide[:, :50].contiguous(), wide[:, 50:].clone()
    losses = cross_entropy_(wide[:, :50], targets, True, 0.0)
    assert torch.equal(cross_entropy_(narrow, targets, True, 0.0), losses)
    assert torch.equal(wide[:, :50], narrow)
    assert torch.equal(wide[:, 50:], beyond)


def everything(dtype: torch.dtype) -> list[Tensor]:
    x, weight = draw(300, 77, dtype=dtype), 1 + draw(77, size=0.3)
    gate, up = draw(2, 300, 77, size=3.0, dtype=dtype)
    logits = draw(300, 77, size=5.0, dtype=dtype)
    losses = cross_entropy_(logits, torch.arange(300) % 77, True, 0.01)
    normed = value_and_gradients(lambda x, weight: rms_norm(x, weight, EPSILON), x, weight)
    return [*normed, *value_and_gradients(swiglu, gate, up), logits, losses]


@pytest.mark.parametrize("instruction_set", PRESENT)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_the_number_of_threads_changes_no_bit(instruction_set, dtype):
    LIBRARY.fabula_train_with(instruction_set.encode())
    torch.set_num_threads(1)
    alone = everything(dtype)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        for found, expected in zip(everything(dtype), alone, strict=True):
            assert torch.equal(found, expected)


@pytest.mark.parametrize("instruction_set", PRESENT)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_extreme_numbers_stay_right(instruction_set, dtype):
    LIBRARY.fabula_train_with(instruction_set.encode())
    gate = torch.tensor([-1e30, -1e4, -100.0, -87.5, 0.0, 87.5, 100.0, 1e4, 1e30], dtype=dtype)
    value, grad_gate, grad_up = value_and_gradients(swiglu, gate, torch.ones_like(gate))
    torch.testing.assert_close(value.double(), F.silu(gate.double()), rtol=2**-8, atol=1e-7)
    assert grad_gate.isfinite().all()
    assert grad_up.isfinite().all()
    for size in (0.0, 1e-20, 1e15):
        x = draw(3, 40, size=size, dtype=dtype)
        found = value_and_gradients(lambda x: rms_norm(x, torch.ones(40), EPSILON), x)
        assert all(part.isfinite().all() for part in found)
    logits = torch.tensor([[1e30, 0.0, -1e30], [-1e4, -1e4, 0.0], [5.0, float("-inf"), 5.0]], dtype=dtype)
    exact = F.cross_entropy(logits.double(), torch.tensor([0, 2, 0]), reduction="none")
    losses = cross_entropy_(logits, torch.tensor([0, 2, 0]), True, 0.0)
    torch.testing.assert_close(losses.double(), exact, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        logits.double(), torch.tensor([[0, 0, 0], [0, 0, 0], [-0.5, 0, 0.5]]).double(), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("instruction_set", PRESENT)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("width", [7, 16, 37])
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_logit_that_is_not_finite_makes_a_loss_that_is_not(instruction_set, dtype, width, number):
    LIBRARY.fabula_train_with(instruction_set.encode())
    for place in range(width):
        logits = draw(2, width, dtype=dtype)
        logits[1, place] = number
        losses = cross_entropy_(logits, torch.tensor([0, 0]), True, 0.0)
        assert losses.isfinite().tolist() == [True, False]
    hopeless = torch.full((1, width), -math.inf, dtype=dtype)
    assert not cross_entropy_(hopeless, torch.tensor([0]), True, 0.0).isfinite()


def test_a_target_beyond_the_vocabulary_makes_a_loss_that_is_not_finite():
    losses = cross_entropy_(draw(3, 7), torch.tensor([6, 7, 1 << 40]), True, 0.0)
    assert losses.isfinite().tolist() == [True, False, False]


def test_not_a_number_passes_through():
    for dtype in TOLERANCE:
        x = draw(2, 20, dtype=dtype)
        x[1, 3] = math.nan
        assert rms_norm(x, torch.ones(20), EPSILON).isnan().any(1).tolist() == [False, True]
        assert swiglu(x, x.flip(0)).isnan().any(1).tolist() == [True, True]


def test_what_the_kernel_does_not_take_is_computed_by_pytorch():
    x, weight = draw(5, 8).double(), draw(8).double()
    assert not kernel_takes(x)
    torch.testing.assert_close(rms_norm(x, weight, EPSILON), plain_norm(x, weight))
    torch.testing.assert_close(swiglu(x, x), F.silu(x) * x)
    assert not kernel_takes(torch.empty(2, device="meta"))


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_switched_off_the_kernel_changes_nothing_but_rounding(dtype, monkeypatch):
    x, weight = draw(50, 33, dtype=dtype), 1 + draw(33, size=0.3)
    gate, up = draw(2, 50, 33, size=3.0, dtype=dtype)
    with_kernel = [rms_norm(x, weight.to(dtype), EPSILON), swiglu(gate, up)]
    monkeypatch.setattr(kernels, "has_kernel", lambda: False)
    without = [rms_norm(x, weight.to(dtype), EPSILON), swiglu(gate, up)]
    for found, expected in zip(with_kernel, without, strict=True):
        assert found.dtype == expected.dtype == dtype
        torch.testing.assert_close(found, expected, rtol=4 * TOLERANCE[dtype], atol=4 * TOLERANCE[dtype])


def test_gradients_of_what_lies_apart_in_memory():
    gate, up = draw(6, 40).chunk(2, dim=-1)
    for found, expected in zip(
        value_and_gradients(lambda g, u: swiglu(g.T, u.T), gate, up),
        value_and_gradients(lambda g, u: F.silu(g.T) * u.T, gate, up),
        strict=True,
    ):
        torch.testing.assert_close(found, expected)
    x, sparse = draw(4, 5, 6), 1 + draw(12)[::2]
    assert torch.equal(rms_norm(x, sparse, EPSILON), rms_norm(x, sparse.clone(), EPSILON))
    norms = [
        value_and_gradients(lambda x, f=f: f(x.transpose(0, 2)), x)
        for f in (lambda x: rms_norm(x, torch.ones(4), EPSILON), lambda x: plain_norm(x, torch.ones(4)))
    ]
    for found, expected in zip(*norms, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_kernel_works_on_pytorchs_own_threads():
    """A second pool of threads would fight for the cores."""
    assert team_address() is not None
    torch.set_num_threads(3)
    torch.ones(512, 512) @ torch.ones(512, 512)
    threads = set(Path("/proc/self/task").iterdir())
    rms_norm(torch.ones(1000, 100), torch.ones(100), EPSILON)
    assert set(Path("/proc/self/task").iterdir()) == threads


@pytest.mark.filterwarnings("ignore")  # of the checker's own making
def test_the_operators_are_what_pytorch_and_its_compiler_take_them_for():
    x, weight = draw(4, 6).requires_grad_(), draw(6, seed=1).requires_grad_()
    torch.library.opcheck(kernels._rms_norm, (x, weight, EPSILON, torch.bfloat16))
    torch.library.opcheck(kernels._swiglu, (x, draw(4, 6, seed=2).requires_grad_()))
    torch.library.opcheck(cross_entropy_, (draw(4, 6), torch.tensor([0, 5, -100, 2]), True, 0.1))
