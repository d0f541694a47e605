"""Whether the GPU computes what the CPU's tests check: attention, the loss and its gradients, the compiled model."""

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.gpu.settings import Settings
from fabula.model.attention import attention, document_mask
from fabula.model.llama import Llama
from fabula.model.loss import PADDING, linear_cross_entropy
from fabula.recipe import Recipe

TOLERANCE = 2e-2
"""Relative error (norm of the difference over the norm) that bfloat16 explains; what is wrong is far beyond it."""


def run(settings: Settings) -> dict[str, float]:
    """Return the relative errors of bfloat16 against float32.

    Raises:
        AssertionError: one is larger than rounding explains.
    """
    torch.manual_seed(0)
    recipe, device = settings.load(), settings.torch_device
    found = document_attention(recipe, device) | loss(settings.vocabulary, recipe.model.hidden, device)
    found |= compiled_model(settings, recipe, device)
    wrong = [f"{name} is off by {error:.2g}" for name, error in found.items() if not error < TOLERANCE]
    assert not wrong, "; ".join(wrong)
    return found


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Return the norm of the difference over the norm of the expected."""
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def document_attention(recipe: Recipe, device: torch.device) -> dict[str, float]:
    """Compare documents kept apart by boundaries, in bfloat16, with the masked reference in float32."""
    T, heads = recipe.model.context, recipe.model.heads
    q, k, v, grad = (torch.randn(2, T, heads, recipe.model.hidden // heads, device=device) for _ in range(4))
    edges = [0, T // 10, T // 3, T, T + T // 2, 2 * T, 2 * T, 2 * T]
    boundaries = torch.tensor(edges, dtype=torch.int32, device=device)
    mask = document_mask(boundaries, 2, T)[:, None]
    wide = [x.clone().requires_grad_() for x in (q, k, v)]
    heads_first = wide[0].transpose(1, 2), wide[1].transpose(1, 2), wide[2].transpose(1, 2)
    expected = F.scaled_dot_product_attention(*heads_first, attn_mask=mask).transpose(1, 2)
    narrow = [x.bfloat16().requires_grad_() for x in (q, k, v)]
    found = attention(narrow[0], narrow[1], narrow[2], boundaries)
    gradients = zip(
        torch.autograd.grad(found, narrow, grad.bfloat16()), torch.autograd.grad(expected, wide, grad), strict=True
    )
    return {
        "document attention": relative_error(found, expected),
        "document attention's gradients": max(relative_error(*pair) for pair in gradients),
    }


def loss(vocabulary: int, hidden: int, device: torch.device) -> dict[str, float]:
    """Compare the chunked loss under bfloat16 autocast with the plain one in float32."""
    tokens = 4096 if device.type == "cuda" else 64
    hidden_ND = torch.randn(tokens, hidden, device=device, requires_grad=True)
    weight_VD = (torch.randn(vocabulary, hidden, device=device) * 0.02).requires_grad_()
    targets_N = torch.randint(0, vocabulary, (tokens,), device=device)
    targets_N[::7] = PADDING
    expected = F.cross_entropy(hidden_ND @ weight_VD.T, targets_N, reduction="sum")
    with torch.autocast(device.type, torch.bfloat16):
        found = linear_cross_entropy(hidden_ND, weight_VD, targets_N, chunk=tokens // 4)
    inputs = hidden_ND, weight_VD
    gradients = zip(torch.autograd.grad(found, inputs), torch.autograd.grad(expected, inputs), strict=True)
    return {
        "loss": relative_error(found, expected),
        "loss's gradients": max(relative_error(*pair) for pair in gradients),
    }


def compiled_model(settings: Settings, recipe: Recipe, device: torch.device) -> dict[str, float]:
    """Compare a block's compiled training in bfloat16 with the same model in float32, not compiled."""
    shape = settings.shape(recipe)
    model = Llama(type(shape)(**{**vars(shape), "layers": 1}))
    model.initialize(0)
    model.to(device)
    tokens_BT = torch.randint(0, settings.vocabulary, (2, recipe.model.context), device=device)
    parameters = list(model.parameters())
    expected = model(tokens_BT, tokens_BT)
    expected_gradients = torch.autograd.grad(expected, parameters)
    compiled = torch.compile(model, dynamic=False, backend=settings.compiler)
    with torch.autocast(device.type, torch.bfloat16):
        found = compiled(tokens_BT, tokens_BT)
    pairs = zip(torch.autograd.grad(found, parameters), expected_gradients, strict=True)
    return {
        "compiled model's loss": relative_error(found, expected),
        "compiled model's gradients": max(relative_error(*pair) for pair in pairs),
    }
