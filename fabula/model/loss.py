"""The one loss: nats of each real target token, summed; the logits of a full batch never exist at once.

Shapes: N tokens, D hidden width, V vocabulary, C tokens in a chunk.
"""

import torch
from torch import Tensor

PADDING = -100
"""Target of a position that has none (torch's own ignore_index)."""
CHUNK_BYTES = {"cpu": 1 << 25, "cuda": 1 << 29}
"""Size of one chunk's float32 logits, when the caller names no chunk."""


def linear_cross_entropy(hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, chunk: int = 0) -> Tensor:
    """Return the sum of `-log softmax(hidden @ weight.T)[target]` over real targets: nats, a float32 scalar.

    Divide it by the number of real targets, `(targets != PADDING).sum()`, over all that one optimizer step sees.
    The gradients are computed chunk by chunk in the forward pass, as in Liger-Kernel (Hsu et al., 2024), so that
    backward only scales them. Under autocast the products run in its precision, the softmax in float32.
    """
    dtype = hidden_ND.dtype
    if torch.is_autocast_enabled(hidden_ND.device.type):
        dtype = torch.get_autocast_dtype(hidden_ND.device.type)
    chunk = chunk or chunk_size(weight_VD.shape[0], hidden_ND.device.type)
    with torch.autocast(hidden_ND.device.type, enabled=False):
        inputs = hidden_ND.to(dtype), weight_VD.to(dtype), targets_N, chunk
        loss: Tensor = _LinearCrossEntropy.apply(*inputs)  # type: ignore[no-untyped-call]
    return loss


def token_losses(hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, chunk: int = 0) -> Tensor:
    """Return each position's loss in nats (float32, N), 0 where there is no target; without gradients."""
    chunk = chunk or chunk_size(weight_VD.shape[0], hidden_ND.device.type)
    with torch.no_grad():
        return torch.cat(
            [
                _losses(hidden_CD @ weight_VD.T, targets_C)[0]
                for hidden_CD, targets_C in zip(
                    torch.split(hidden_ND, chunk), torch.split(targets_N, chunk), strict=True
                )
            ]
        )


def chunk_size(vocab_size: int, device: str) -> int:
    """Return how many tokens' logits exist at once, a power of two of at least 64."""
    tokens = CHUNK_BYTES.get(device, CHUNK_BYTES["cpu"]) // (4 * vocab_size)
    return max(64, 1 << max(tokens, 1).bit_length() - 1)


def _losses(logits_CV: Tensor, targets_C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the chunk's losses (C), its float32 logits and their log-sum-exp (C)."""
    logits_CV = logits_CV.float()
    lse_C = logits_CV.logsumexp(-1)
    picked_C = logits_CV.gather(1, targets_C.clamp(min=0)[:, None])[:, 0]
    return torch.where(targets_C == PADDING, 0.0, lse_C - picked_C), logits_CV, lse_C


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden_ND, weight_VD, targets_N, chunk):  # type: ignore[no-untyped-def]
        needs_hidden, needs_weight = ctx.needs_input_grad[:2]
        loss = torch.zeros((), dtype=torch.float32, device=hidden_ND.device)
        grad_hidden = []
        grad_weight_VD = torch.zeros_like(weight_VD, dtype=torch.float32) if needs_weight else None
        for hidden_CD, targets_C in zip(hidden_ND.split(chunk), targets_N.split(chunk), strict=True):
            losses_C, logits_CV, lse_C = _losses(hidden_CD @ weight_VD.T, targets_C)
            loss = loss + losses_C.sum()
            if not (needs_hidden or needs_weight):
                continue
            # d loss / d logits = softmax - one_hot(target), and nothing where there is no target.
            real_C1 = (targets_C != PADDING)[:, None]
            grad_CV = (logits_CV - lse_C[:, None]).exp()
            grad_CV = grad_CV.scatter_add(1, targets_C.clamp(min=0)[:, None], -torch.ones_like(grad_CV[:, :1]))
            grad_CV = (grad_CV * real_C1).to(hidden_CD.dtype)
            if needs_hidden:
                grad_hidden.append(grad_CV @ weight_VD)
            if grad_weight_VD is not None:
                if hidden_CD.dtype == torch.float32:
                    grad_weight_VD.addmm_(grad_CV.T, hidden_CD)
                else:
                    grad_weight_VD += grad_CV.T @ hidden_CD
        ctx.save_for_backward(torch.cat(grad_hidden) if needs_hidden else None, grad_weight_VD)
        ctx.weight_dtype = weight_VD.dtype
        return loss

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        grad_hidden_ND, grad_weight_VD = ctx.saved_tensors
        if grad_hidden_ND is not None:
            grad_hidden_ND = grad_hidden_ND * grad.to(grad_hidden_ND.dtype)
        if grad_weight_VD is not None:
            grad_weight_VD = (grad_weight_VD * grad).to(ctx.weight_dtype)
        return grad_hidden_ND, grad_weight_VD, None, None
