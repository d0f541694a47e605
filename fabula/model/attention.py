"""Causal attention, plain or with documents kept apart: one function, one fast path for each kind of device.

Shapes: B windows, T query positions, S key positions, H heads, K key/value heads, D head width, N = B * T.

`boundaries` describes documents in a flattened micro-batch: int32, cumulative, starting at 0 and ending at N, and
repeated at the end to keep its shape fixed under torch.compile. No document crosses a window, so position n attends to
n and to the earlier positions of n's document only.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fabula.model.document_attention import document_attention, rotate
from fabula.model.kernels import kernel_takes


def attention(
    q_BTHD: Tensor,
    k_BSKD: Tensor,
    v_BSKD: Tensor,
    boundaries: Tensor | None = None,
    mask_BTS: Tensor | None = None,
    angles: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return the attended values, shape BTHD.

    Without `boundaries` the T queries are the last T of the S key positions (T = S in training, T < S with a cache).
    With `boundaries`, T = S and documents don't see each other. A boolean `mask_BTS` says instead of both which keys
    each query sees: at least one; it may have a single row for all windows. With `angles` (cos and sin of each
    position's, (B or 1, T, 1, D / 2)), T = S, and queries and keys are turned by them first.
    """
    assert mask_BTS is None or boundaries is None, "a mask or boundaries, not both"
    assert angles is None or q_BTHD.shape[1] == k_BSKD.shape[1], "cached keys are turned already"
    if mask_BTS is None and q_BTHD.device.type == "cpu" and q_BTHD.dtype in (torch.float32, torch.bfloat16):
        if boundaries is None and angles is not None and kernel_takes(q_BTHD):
            boundaries = _window_boundaries(*q_BTHD.shape[:2])
        if boundaries is not None:
            return _on_cpu(q_BTHD, k_BSKD, v_BSKD, boundaries, angles)
    if angles is not None:
        q_BTHD, k_BSKD = rotate(q_BTHD, *angles), rotate(k_BSKD, *angles)
    if mask_BTS is not None:
        return _masked(q_BTHD, k_BSKD, v_BSKD, mask_BTS)
    if boundaries is None:
        return _causal(q_BTHD, k_BSKD, v_BSKD)
    if q_BTHD.device.type == "cuda" and q_BTHD.dtype in (torch.float16, torch.bfloat16):
        return _varlen(q_BTHD, k_BSKD, v_BSKD, boundaries)
    return _masked(q_BTHD, k_BSKD, v_BSKD, document_mask(boundaries, *q_BTHD.shape[:2]))


def _window_boundaries(B: int, T: int) -> Tensor:
    """Return the boundaries of windows that hold a document each."""
    return torch.arange(0, B * T + 1, T, dtype=torch.int32)


def _on_cpu(
    q_BTHD: Tensor,
    k_BTKD: Tensor,
    v_BTKD: Tensor,
    boundaries: Tensor,
    angles: tuple[Tensor, Tensor] | None,
) -> Tensor:
    q_NHD, k_NKD, v_NKD = (x.flatten(0, 1) for x in (q_BTHD, k_BTKD, v_BTKD))
    cos, sin = (x.expand(len(q_BTHD), -1, -1, -1).flatten(0, 2) for x in angles) if angles else (None, None)
    return document_attention(q_NHD, k_NKD, v_NKD, boundaries, cos, sin).view_as(q_BTHD)


def _causal(q_BTHD: Tensor, k_BSKD: Tensor, v_BSKD: Tensor) -> Tensor:
    T, S = q_BTHD.shape[1], k_BSKD.shape[1]
    if T < S and len(q_BTHD) > 1 and q_BTHD.device.type == "cpu":
        # The CPU kernel's last bits depend on which thread takes a row. Row by row, a cached story is computed alike
        # whatever stands beside it.
        rows = zip(*(torch.split(x, 1) for x in (q_BTHD, k_BSKD, v_BSKD)), strict=True)
        return torch.cat([_causal(*row) for row in rows])
    if T in (1, S):
        return _scaled_dot_product(q_BTHD, k_BSKD, v_BSKD, is_causal=T > 1)
    mask_TS = torch.ones(T, S, dtype=torch.bool, device=q_BTHD.device).tril(S - T)
    return _scaled_dot_product(q_BTHD, k_BSKD, v_BSKD, attn_mask=mask_TS)


def _masked(q_BTHD: Tensor, k_BSKD: Tensor, v_BSKD: Tensor, mask_BTS: Tensor) -> Tensor:
    return _scaled_dot_product(q_BTHD, k_BSKD, v_BSKD, attn_mask=mask_BTS[:, None])


def _scaled_dot_product(
    q_BTHD: Tensor, k_BSKD: Tensor, v_BSKD: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False
) -> Tensor:
    """PyTorch's own attention (FlashAttention-2 on CUDA in half precision)."""
    out_BHTD = F.scaled_dot_product_attention(
        q_BTHD.transpose(1, 2),
        k_BSKD.transpose(1, 2),
        v_BSKD.transpose(1, 2),
        attn_mask=attn_mask,
        is_causal=is_causal,
        enable_gqa=q_BTHD.shape[2] != k_BSKD.shape[2],
    )
    return out_BHTD.transpose(1, 2)


def _varlen(q_BTHD: Tensor, k_BTKD: Tensor, v_BTKD: Tensor, boundaries: Tensor) -> Tensor:
    """FlashAttention-2 over ragged documents, on CUDA."""
    from torch.nn.attention.varlen import varlen_attn  # here: it imports the compiler, a second of every start

    longest, group = q_BTHD.shape[1], q_BTHD.shape[2] // k_BTKD.shape[2]
    if group > 1:
        k_BTKD, v_BTKD = k_BTKD.repeat_interleave(group, 2), v_BTKD.repeat_interleave(group, 2)
    q_NHD, k_NHD, v_NHD = (x.flatten(0, 1) for x in (q_BTHD, k_BTKD, v_BTKD))
    out_NHD = varlen_attn(
        q_NHD,
        k_NHD,
        v_NHD,
        boundaries,
        boundaries,
        longest,
        longest,
        window_size=(-1, 0),  # causal
    )
    assert isinstance(out_NHD, Tensor)
    return out_NHD.view_as(q_BTHD)


def document_mask(boundaries: Tensor, B: int, T: int) -> Tensor:
    """Return which key (last axis) each query may see, boolean, shape (B, T, T)."""
    position_N = torch.arange(B * T, device=boundaries.device, dtype=boundaries.dtype)
    document_BT = torch.searchsorted(boundaries, position_N, right=True).view(B, T)
    same = document_BT[:, :, None] == document_BT[:, None, :]
    return same & torch.ones(T, T, dtype=torch.bool, device=boundaries.device).tril()
