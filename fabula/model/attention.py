"""Causal attention, plain or with documents kept apart: one function, one fast path for each kind of device.

Shapes: B windows, T query positions, S key positions, H heads, K key/value heads, D head width, N = B * T.

`boundaries` describes documents in a flattened micro-batch: int32, cumulative, starting at 0 and ending at N, and
repeated at the end to keep its shape fixed under torch.compile. No document crosses a window, so position n attends to
n and to the earlier positions of n's document only.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn

BUCKET_WASTE = 1.15
"""Documents of lengths within this ratio share one padded batch on a CPU."""
BUCKET_MULTIPLE = 32
"""Batches are padded to a multiple of this, for oneDNN keeps a kernel, and its memory, for each shape it meets."""
BUCKET_SCORES = 1 << 24
"""Attention scores that one padded batch may hold (float32: 64 MiB)."""


def attention(
    q_BTHD: Tensor,
    k_BSKD: Tensor,
    v_BSKD: Tensor,
    boundaries: Tensor | None = None,
    mask_BTS: Tensor | None = None,
) -> Tensor:
    """Return the attended values, shape BTHD.

    Without `boundaries` the T queries are the last T of the S key positions (T = S in training, T < S with a cache).
    With `boundaries`, T = S and documents don't see each other. A boolean `mask_BTS` says instead of both which keys
    each query sees: at least one; it may have a single row for all windows.
    """
    if mask_BTS is not None:
        assert boundaries is None, "a mask or boundaries, not both"
        return _masked(q_BTHD, k_BSKD, v_BSKD, mask_BTS)
    if boundaries is None:
        return _causal(q_BTHD, k_BSKD, v_BSKD)
    on_cpu = q_BTHD.device.type == "cpu" and q_BTHD.dtype in (torch.float32, torch.bfloat16)
    on_cuda = q_BTHD.device.type == "cuda" and q_BTHD.dtype in (torch.float16, torch.bfloat16)
    if not (on_cpu or on_cuda):
        return _masked(q_BTHD, k_BSKD, v_BSKD, document_mask(boundaries, *q_BTHD.shape[:2]))
    group = q_BTHD.shape[2] // k_BSKD.shape[2]
    if group > 1:
        k_BSKD, v_BSKD = k_BSKD.repeat_interleave(group, 2), v_BSKD.repeat_interleave(group, 2)
    q_NHD, k_NHD, v_NHD = (x.flatten(0, 1) for x in (q_BTHD, k_BSKD, v_BSKD))
    if on_cpu:
        out_NHD: Tensor = document_attention(q_NHD, k_NHD, v_NHD, boundaries)
    else:
        out_NHD = _varlen(q_NHD, k_NHD, v_NHD, boundaries, longest=q_BTHD.shape[1])
    return out_NHD.view_as(q_BTHD)


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


def _varlen(q_NHD: Tensor, k_NHD: Tensor, v_NHD: Tensor, boundaries: Tensor, longest: int) -> Tensor:
    """FlashAttention-2 over ragged documents, on CUDA; none is longer than `longest`."""
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
    return out_NHD


def document_mask(boundaries: Tensor, B: int, T: int) -> Tensor:
    """Return which key (last axis) each query may see, boolean, shape (B, T, T)."""
    position_N = torch.arange(B * T, device=boundaries.device, dtype=boundaries.dtype)
    document_BT = torch.searchsorted(boundaries, position_N, right=True).view(B, T)
    same = document_BT[:, :, None] == document_BT[:, None, :]
    return same & torch.ones(T, T, dtype=torch.bool, device=boundaries.device).tril()


# On a CPU, documents of like length are gathered into padded batches and multiplied as plain matrices. Padding stands
# at the end, where causality hides it from every real position. Two custom operators keep the ragged work out of the
# compiler's sight: it sees one call with fixed shapes.


@torch.library.custom_op("fabula::document_attention", mutates_args=())
def document_attention(q_NHD: Tensor, k_NHD: Tensor, v_NHD: Tensor, boundaries: Tensor) -> Tensor:
    """Attend within documents on a CPU; returns the values, shape NHD."""
    out_NHD = torch.empty_like(q_NHD, memory_format=torch.contiguous_format)
    for index in _buckets(boundaries, q_NHD.shape[1]):
        q, k, v = (_gather(x, index) for x in (q_NHD, k_NHD, v_NHD))
        _scatter(out_NHD, index, torch.bmm(_weights(q, k).to(v.dtype), v))
    return out_NHD


@document_attention.register_fake
def _(q_NHD: Tensor, k_NHD: Tensor, v_NHD: Tensor, boundaries: Tensor) -> Tensor:
    return q_NHD.new_empty(q_NHD.shape)


@torch.library.custom_op("fabula::document_attention_backward", mutates_args=())
def document_attention_backward(
    grad_NHD: Tensor, q_NHD: Tensor, k_NHD: Tensor, v_NHD: Tensor, out_NHD: Tensor, boundaries: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of q, k and v; the weights are computed again, they would fill the memory if kept."""
    gradients = [torch.empty_like(x, memory_format=torch.contiguous_format) for x in (q_NHD, k_NHD, v_NHD)]
    scale = q_NHD.shape[-1] ** -0.5
    # Softmax's gradient is weights * (grad_weights - delta), with delta = sum(grad * out) (Dao, 2023, equation 4).
    delta_NH = (grad_NHD.float() * out_NHD.float()).sum(-1)
    for index in _buckets(boundaries, q_NHD.shape[1]):
        q, k, v, grad = (_gather(x, index) for x in (q_NHD, k_NHD, v_NHD, grad_NHD))
        weights = _weights(q, k)
        grad_v = torch.bmm(weights.to(v.dtype).transpose(1, 2), grad)
        delta = _gather(delta_NH, index)[..., None]
        grad_scores = torch.bmm(grad, v.transpose(1, 2)).float().sub_(delta).mul_(weights).mul_(scale).to(q.dtype)
        grad_q, grad_k = torch.bmm(grad_scores, k), torch.bmm(grad_scores.transpose(1, 2), q)
        for gradient, part in zip(gradients, (grad_q, grad_k, grad_v), strict=True):
            _scatter(gradient, index, part)
    return gradients[0], gradients[1], gradients[2]


@document_attention_backward.register_fake
def _(
    grad_NHD: Tensor, q_NHD: Tensor, k_NHD: Tensor, v_NHD: Tensor, out_NHD: Tensor, boundaries: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return q_NHD.new_empty(q_NHD.shape), k_NHD.new_empty(k_NHD.shape), v_NHD.new_empty(v_NHD.shape)


def _save_for_backward(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs[:3], output, inputs[3])


def _backward(ctx, grad_NHD):  # type: ignore[no-untyped-def]
    return *document_attention_backward(grad_NHD, *ctx.saved_tensors), None


document_attention.register_autograd(_backward, setup_context=_save_for_backward)


def _buckets(boundaries: Tensor, heads: int) -> list[Tensor]:
    """Group documents of like length: each index (documents, longest) holds row numbers, -1 where there is padding."""
    starts, ends = boundaries[:-1], boundaries[1:]
    lengths = ends - starts
    order = torch.argsort(lengths, descending=True, stable=True)
    order = order[lengths[order] > 0]
    buckets: list[list[int]] = []
    sizes = lengths.tolist()
    for document in order.tolist():
        if buckets:
            longest = sizes[buckets[-1][0]]
            fits = (len(buckets[-1]) + 1) * heads * longest**2 <= BUCKET_SCORES
            if fits and longest <= BUCKET_WASTE * sizes[document]:
                buckets[-1].append(document)
                continue
        buckets.append([document])
    return [_index(starts[bucket], lengths[bucket]) for bucket in buckets]


def _index(starts: Tensor, lengths: Tensor) -> Tensor:
    longest = -(-int(lengths.max()) // BUCKET_MULTIPLE) * BUCKET_MULTIPLE
    step = torch.arange(longest)
    return torch.where(step < lengths[:, None], starts[:, None] + step, -1)


def _gather(x_NHD: Tensor, index: Tensor) -> Tensor:
    """Pick documents' rows: (documents * H, longest, D), or without D for a two-dimensional `x`. Padding is zero."""
    rows = x_NHD[index.clamp(min=0)]
    rows = rows.masked_fill_((index < 0).view(*index.shape, *[1] * (x_NHD.dim() - 1)), 0)
    return rows.transpose(1, 2).flatten(0, 1).contiguous()


def _scatter(x_NHD: Tensor, index: Tensor, rows: Tensor) -> None:
    """Write (documents * H, longest, ...) back to the rows of `x` it came from."""
    rows = rows.view(len(index), x_NHD.shape[1], *rows.shape[1:]).transpose(1, 2)
    real = index >= 0
    x_NHD[index[real]] = rows[real].to(x_NHD.dtype)


def _weights(q: Tensor, k: Tensor) -> Tensor:
    """Return the attention weights (documents * H, longest, longest) in float32, zero above the diagonal."""
    above = torch.full((q.shape[1], q.shape[1]), float("-inf")).triu_(1)
    if q.dtype == torch.float32:
        return torch.baddbmm(above, q, k.transpose(1, 2), alpha=q.shape[-1] ** -0.5).softmax(-1)
    return torch.bmm(q, k.transpose(1, 2)).float().mul_(q.shape[-1] ** -0.5).add_(above).softmax(-1)
