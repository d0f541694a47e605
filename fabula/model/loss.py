"""The one loss: nats of each real target token, summed; the logits of a full batch never exist at once.

Shapes: N tokens, D hidden width, V vocabulary, C tokens in a chunk.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fabula.model.kernels import cross_entropy_, has_kernel, kernel_takes

PADDING = -100
"""Target of a position that has none (torch's own ignore_index)."""
CHUNK_BYTES = {"cpu": 1 << 28, "cuda": 1 << 29}
"""Size of one chunk's logits in float32, when the caller names no chunk."""
PLAIN_CHUNK_BYTES = 1 << 25
"""The same on a CPU without the kernel: PyTorch's formula holds several times as much, and gains nothing by more."""
VOCABULARY_MULTIPLE = {"cuda": 64}
"""Logits are computed for a vocabulary filled up to a multiple of this: GPT-2's 50,257 rows make slow products."""


def linear_cross_entropy(
    hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, chunk: int = 0, z_loss: float = 0.0
) -> Tensor:
    """Return the sum of `-log softmax(hidden @ weight.T)[target]` over real targets: nats, a float32 scalar.

    Divide it by the number of real targets, `(targets != PADDING).sum()`, over all that one optimizer step sees.
    The gradients are computed chunk by chunk in the forward pass, as in Liger-Kernel (Hsu et al., 2024), so that
    backward only scales them. Under autocast the products run in its precision, the softmax in float32.

    Args:
        hidden_ND: the last hidden states.
        weight_VD: the head.
        targets_N: token ids, or `PADDING`.
        chunk: tokens whose logits exist at once; 0: `chunk_size`.
        z_loss: adds `z_loss * logsumexp(logits)^2` of each real target to what the gradients are of (de Brebisson and
            Vincent, 2016; Chowdhery et al., 2022), not to the returned loss: that stays comparable.
    """
    device = hidden_ND.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden_ND.dtype
    chunk = chunk or chunk_size(weight_VD.shape[0], device)
    with torch.autocast(device, enabled=False):
        arguments = hidden_ND, weight_VD, targets_N, dtype, chunk, z_loss
        loss: Tensor = _LinearCrossEntropy.apply(*arguments)  # type: ignore[no-untyped-call]
    return loss


def token_losses(hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, chunk: int = 0) -> Tensor:
    """Return each position's loss in nats (float32, N), 0 where there is no target; without gradients."""
    chunk = chunk or chunk_size(weight_VD.shape[0], hidden_ND.device.type)
    with torch.no_grad():
        return torch.cat(
            [
                _losses(hidden_CD @ weight_VD.T, targets_C)
                for hidden_CD, targets_C in zip(
                    torch.split(hidden_ND, chunk), torch.split(targets_N, chunk), strict=True
                )
            ]
        )


def chunk_size(vocab_size: int, device: str) -> int:
    """Return how many tokens' logits exist at once, a power of two of at least 64."""
    plain = device not in CHUNK_BYTES or (device == "cpu" and not has_kernel())
    tokens = (PLAIN_CHUNK_BYTES if plain else CHUNK_BYTES[device]) // (4 * vocab_size)
    return max(64, 1 << max(tokens, 1).bit_length() - 1)


def _losses(logits_CV: Tensor, targets_C: Tensor) -> Tensor:
    """Return the chunk's losses (C); the logits are lost."""
    if kernel_takes(logits_CV):
        losses_C: Tensor = cross_entropy_(logits_CV, targets_C, False, 0.0)
        return losses_C
    return _losses_and_log_sums(logits_CV.float(), targets_C)[0]


def _losses_and_gradients(
    logits_CV: Tensor, targets_C: Tensor, vocab_size: int, z_loss: float
) -> tuple[Tensor, Tensor]:
    """Return the chunk's losses (C) and the gradients of its logits (CV, their dtype); the logits are lost."""
    if kernel_takes(logits_CV) and logits_CV.shape[1] == vocab_size:
        return cross_entropy_(logits_CV, targets_C, True, z_loss), logits_CV
    dtype, logits_CV = logits_CV.dtype, logits_CV.float()
    logits_CV[:, vocab_size:] = float("-inf")
    losses_C, lse_C = _losses_and_log_sums(logits_CV, targets_C)
    # d loss / d logits = softmax - one_hot(target), and nothing where there is no target.
    real_C1 = (targets_C != PADDING)[:, None]
    grad_CV = (logits_CV - lse_C[:, None]).exp() * (1.0 + 2.0 * z_loss * lse_C[:, None])
    # Compared and not scattered, so that the compiler needs no buffer for the gradients in float32.
    columns_V = torch.arange(grad_CV.shape[1], device=grad_CV.device)
    grad_CV = torch.where(columns_V == targets_C[:, None], grad_CV - 1.0, grad_CV)
    return losses_C, (grad_CV * real_C1).to(dtype)


def _losses_and_log_sums(logits_CV: Tensor, targets_C: Tensor) -> tuple[Tensor, Tensor]:
    """Return the losses (C) of a chunk's float32 logits, and their log-sum-exp (C)."""
    lse_C = logits_CV.logsumexp(-1)
    picked_C = logits_CV.gather(1, targets_C.clamp(min=0)[:, None])[:, 0]
    return torch.where(targets_C == PADDING, 0.0, lse_C - picked_C), lse_C


def _filled_up(weight_VD: Tensor) -> Tensor:
    """Add rows of zeros to the head, up to a multiple that the device likes."""
    missing = -weight_VD.shape[0] % VOCABULARY_MULTIPLE.get(weight_VD.device.type, 1)
    return F.pad(weight_VD, (0, 0, 0, missing)) if missing else weight_VD


def _plus_product(total_VD: Tensor | None, grad_CV: Tensor, hidden_CD: Tensor) -> Tensor:
    """Add one chunk's part of the head's gradient, in float32 (in place, but for the first)."""
    if total_VD is None:
        return (grad_CV.T @ hidden_CD).float()
    if hidden_CD.dtype == torch.float32:
        return total_VD.addmm_(grad_CV.T, hidden_CD)
    return total_VD.add_(grad_CV.T @ hidden_CD)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden_ND, weight_VD, targets_N, dtype, chunk, z_loss):  # type: ignore[no-untyped-def]
        needs_hidden, needs_weight = ctx.needs_input_grad[:2]
        vocab_size, filled_VD = weight_VD.shape[0], _filled_up(weight_VD.to(dtype))
        loss = torch.zeros((), dtype=torch.float32, device=hidden_ND.device)
        grad_hidden, grad_weight_VD = [], None
        for hidden_CD, targets_C in zip(hidden_ND.to(dtype).split(chunk), targets_N.split(chunk), strict=True):
            logits_CV = hidden_CD @ filled_VD.T
            if not (needs_hidden or needs_weight):
                loss = loss + _losses(logits_CV[:, :vocab_size], targets_C).sum()
                continue
            losses_C, grad_CV = _losses_and_gradients(logits_CV, targets_C, vocab_size, z_loss)
            loss = loss + losses_C.sum()
            if needs_hidden:
                grad_hidden.append(grad_CV @ filled_VD)
            if needs_weight:
                grad_weight_VD = _plus_product(grad_weight_VD, grad_CV, hidden_CD)
        grad_hidden_ND = torch.cat(grad_hidden).to(hidden_ND.dtype) if needs_hidden else None
        ctx.save_for_backward(grad_hidden_ND, None if grad_weight_VD is None else grad_weight_VD[:vocab_size])
        ctx.weight_dtype = weight_VD.dtype
        return loss

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        grad_hidden_ND, grad_weight_VD = ctx.saved_tensors
        if grad_hidden_ND is not None:
            grad_hidden_ND = grad_hidden_ND * grad  # which stays float32: rounded, it would be off for all tokens alike
        if grad_weight_VD is not None:
            grad_weight_VD = (grad_weight_VD * grad).to(ctx.weight_dtype)
        return grad_hidden_ND, grad_weight_VD, None, None, None, None
