"""What stands between a model's matrix products: in C on a CPU, where the compiled kernel is, else in PyTorch.

The C kernels (`fabula/native/training.h`) are called as PyTorch operators, so that torch.compile sees one call with
known shapes. They take float32 and bfloat16 and compute in float32.

Shapes: N rows (tokens), C their width, V vocabulary.
"""

import ctypes
import functools
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from fabula.native.library import library

FUNCTIONS = (
    "fabula_attention_forward",
    "fabula_attention_backward",
    "fabula_norm_forward",
    "fabula_norm_backward",
    "fabula_swiglu_forward",
    "fabula_swiglu_backward",
    "fabula_cross_entropy",
)
"""The kernel's functions that share a signature: a pointer to their arguments, the number of threads."""
DTYPES = {torch.float32: 0, torch.bfloat16: 1}
"""What the kernel computes with, and its numbers for them."""


@functools.cache
def training_library() -> ctypes.CDLL | None:
    """Return the compiled kernel, ready for training on PyTorch's threads; None where there is none."""
    found = library()
    if found is None:
        return None
    for name in FUNCTIONS:
        function = getattr(found, name)
        function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_int32], ctypes.c_int32
    found.fabula_train_with.argtypes, found.fabula_train_with.restype = [ctypes.c_char_p], ctypes.c_int32
    found.fabula_use_team.argtypes, found.fabula_use_team.restype = [ctypes.c_void_p], None
    found.fabula_instruction_set.argtypes, found.fabula_instruction_set.restype = [], ctypes.c_char_p
    found.fabula_use_team(team_address())
    return found


def team_address() -> int | None:
    """Return the address of the `GOMP_parallel` that PyTorch calls, or None where its threads are not libgomp's.

    It must be that one: threads of a second OpenMP library would take the cores from PyTorch's, which wait awake.
    So the name is looked up as the dynamic linker did for PyTorch: in the whole process, then in what PyTorch's own
    library was linked with (which the process at large need not see).
    """
    for path in (None, Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"):
        try:
            function = ctypes.CDLL(None if path is None else str(path)).GOMP_parallel
        except (OSError, AttributeError, TypeError):
            continue
        return ctypes.cast(function, ctypes.c_void_p).value
    return None


_HAS_KERNEL = training_library() is not None
"""A constant, for torch.compile can't look into a library."""


def has_kernel() -> bool:
    """Say whether the compiled kernel is there."""
    return _HAS_KERNEL


def instruction_set() -> str | None:
    """Name the instruction set that the compiled kernel trains with here; None where there is no kernel."""
    kernel = training_library()
    return None if kernel is None else str(kernel.fabula_instruction_set().decode())


def kernel_takes(*tensors: Tensor) -> bool:
    """Say whether the compiled kernel is there and computes with these tensors."""
    return all(x.device.type == "cpu" and x.dtype in DTYPES for x in tensors) and has_kernel()


def run_kernel(name: str, arguments: ctypes.Structure) -> None:
    """Call one of `FUNCTIONS` on PyTorch's threads.

    Raises:
        MemoryError: the kernel found no memory to work in.
    """
    kernel = training_library()
    assert kernel is not None
    if getattr(kernel, name)(ctypes.byref(arguments), torch.get_num_threads()):
        raise MemoryError(f"no memory left for {name}")


def _rows(x: Tensor) -> Tensor:
    """Return the tensor as the kernel reads it: (N, C), without gaps."""
    return x.reshape(-1, x.shape[-1]).contiguous()


# ---- RMSNorm ---------------------------------------------------------------------------------------------------


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Return x / sqrt(mean(x^2) + epsilon) * weight over the last axis, computed in float32.

    Under autocast on a CPU the answer has its dtype at once, for matrix products are what reads it.
    """
    if kernel_takes(x, weight):
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        if dtype in DTYPES:
            y: Tensor = _rms_norm(x, weight.float(), epsilon, dtype)[0]
            return y
    wide = x.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)
    return weight * wide.to(x.dtype)


class _NormArguments(ctypes.Structure):
    _fields_ = (
        ("rows", ctypes.c_int64),
        *((name, ctypes.c_int32) for name in ("width", "x_dtype", "y_dtype")),
        ("epsilon", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in ("x", "weight", "y", "scales", "grad_y", "grad_x", "grad_weight")),
    )


@torch.library.custom_op("fabula::rms_norm", mutates_args=())
def _rms_norm(x: Tensor, weight: Tensor, epsilon: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return the normalised rows, and what each was multiplied by before the weight (N)."""
    assert weight.shape == x.shape[-1:]
    x_NC, weight = _rows(x), weight.contiguous()
    y_NC, scales_N = torch.empty_like(x_NC, dtype=dtype), x_NC.new_empty(len(x_NC), dtype=torch.float32)
    arguments = _NormArguments(
        rows=len(x_NC),
        width=x_NC.shape[1],
        x_dtype=DTYPES[x.dtype],
        y_dtype=DTYPES[dtype],
        epsilon=epsilon,
        x=x_NC.data_ptr(),
        weight=weight.data_ptr(),
        y=y_NC.data_ptr(),
        scales=scales_N.data_ptr(),
    )
    run_kernel("fabula_norm_forward", arguments)
    return y_NC.view(x.shape), scales_N


@torch.library.custom_op("fabula::rms_norm_backward", mutates_args=())
def _rms_norm_backward(grad: Tensor, x: Tensor, weight: Tensor, scales_N: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of x and of the weight."""
    grad_NC, x_NC, weight = _rows(grad), _rows(x), weight.contiguous()
    grad_x_NC, grad_weight_C = torch.empty_like(x_NC), torch.empty_like(weight)
    arguments = _NormArguments(
        rows=len(x_NC),
        width=x_NC.shape[1],
        x_dtype=DTYPES[x.dtype],
        y_dtype=DTYPES[grad.dtype],
        x=x_NC.data_ptr(),
        weight=weight.data_ptr(),
        scales=scales_N.data_ptr(),
        grad_y=grad_NC.data_ptr(),
        grad_x=grad_x_NC.data_ptr(),
        grad_weight=grad_weight_C.data_ptr(),
    )
    run_kernel("fabula_norm_backward", arguments)
    return grad_x_NC.view(x.shape), grad_weight_C


@_rms_norm.register_fake
def _(x: Tensor, weight: Tensor, epsilon: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape, dtype=dtype), x.new_empty(x.numel() // x.shape[-1], dtype=torch.float32)


@_rms_norm_backward.register_fake
def _(grad: Tensor, x: Tensor, weight: Tensor, scales_N: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), torch.empty_like(weight)


def _norm_context(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs[:2], output[1])
    ctx.set_materialize_grads(False)


def _norm_gradients(ctx, grad, _):  # type: ignore[no-untyped-def]
    return *_rms_norm_backward(grad, *ctx.saved_tensors), None, None


_rms_norm.register_autograd(_norm_gradients, setup_context=_norm_context)


# ---- SwiGLU ----------------------------------------------------------------------------------------------------


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """Return silu(gate) * up (Shazeer, 2020); both have the same shape."""
    if kernel_takes(gate, up) and gate.dtype == up.dtype and gate.shape == up.shape:
        y: Tensor = _swiglu(gate, up)
        return y
    return F.silu(gate) * up


class _SwigluArguments(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "stride")),
        *((name, ctypes.c_int32) for name in ("width", "dtype")),
        *((name, ctypes.c_void_p) for name in ("gate", "up", "y", "grad_y", "grad_gate", "grad_up")),
    )


def _call_swiglu(name: str, gate: Tensor, **tensors: Tensor) -> None:
    arguments = _SwigluArguments(
        rows=gate.numel() // gate.shape[-1],
        stride=gate.shape[-1],
        width=gate.shape[-1],
        dtype=DTYPES[gate.dtype],
        gate=gate.data_ptr(),
        **{key: x.data_ptr() for key, x in tensors.items()},
    )
    run_kernel(name, arguments)


@torch.library.custom_op("fabula::swiglu", mutates_args=())
def _swiglu(gate: Tensor, up: Tensor) -> Tensor:
    assert gate.shape == up.shape
    gate, up = gate.contiguous(), up.contiguous()
    y = torch.empty_like(gate)
    _call_swiglu("fabula_swiglu_forward", gate, up=up, y=y)
    return y


@torch.library.custom_op("fabula::swiglu_backward", mutates_args=())
def _swiglu_backward(grad: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    gate, up, grad = gate.contiguous(), up.contiguous(), grad.contiguous()
    grad_gate, grad_up = torch.empty_like(gate), torch.empty_like(up)
    _call_swiglu("fabula_swiglu_backward", gate, up=up, grad_y=grad, grad_gate=grad_gate, grad_up=grad_up)
    return grad_gate, grad_up


@_swiglu.register_fake
def _(gate: Tensor, up: Tensor) -> Tensor:
    return gate.new_empty(gate.shape)


@_swiglu_backward.register_fake
def _(grad: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    return gate.new_empty(gate.shape), up.new_empty(up.shape)


def _swiglu_context(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs)


def _swiglu_gradients(ctx, grad):  # type: ignore[no-untyped-def]
    return _swiglu_backward(grad, *ctx.saved_tensors)


_swiglu.register_autograd(_swiglu_gradients, setup_context=_swiglu_context)


# ---- Cross-entropy ---------------------------------------------------------------------------------------------


class _CrossEntropyArguments(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "stride")),
        *((name, ctypes.c_int32) for name in ("width", "dtype", "gradients")),
        ("z_loss", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in ("logits", "targets", "losses")),
    )


@torch.library.custom_op("fabula::cross_entropy_", mutates_args=("logits_NV",))
def cross_entropy_(logits_NV: Tensor, targets_N: Tensor, gradients: bool, z_loss: float) -> Tensor:
    """Return each row's loss in nats (float32, N), 0 where the target is negative; `kernel_takes` the logits.

    With `gradients` the logits are overwritten by those of `sum(losses) + z_loss * sum(logsumexp^2)`.
    """
    assert logits_NV.stride(1) == 1
    assert targets_N.dtype == torch.int64
    assert len(targets_N) == len(logits_NV)
    targets_N = targets_N.contiguous()
    losses_N = logits_NV.new_empty(len(logits_NV), dtype=torch.float32)
    arguments = _CrossEntropyArguments(
        rows=len(logits_NV),
        stride=logits_NV.stride(0),
        width=logits_NV.shape[1],
        dtype=DTYPES[logits_NV.dtype],
        gradients=gradients,
        z_loss=z_loss,
        logits=logits_NV.data_ptr(),
        targets=targets_N.data_ptr(),
        losses=losses_N.data_ptr(),
    )
    run_kernel("fabula_cross_entropy", arguments)
    return losses_N


@cross_entropy_.register_fake
def _(logits_NV: Tensor, targets_N: Tensor, gradients: bool, z_loss: float) -> Tensor:
    return logits_NV.new_empty(len(logits_NV), dtype=torch.float32)
