"""Attention within documents on a CPU: queries and keys turned by their angles (RoPE), then causal attention.

The compiled kernel does it (`fabula/native/train_attention.c`). Where there is none, documents of like length are
gathered into padded batches and multiplied by PyTorch as plain matrices; padding stands at the end, where causality
hides it from every real position. Two custom operators keep the ragged work out of the compiler's sight: it sees one
call with fixed shapes.

Shapes: N rows (tokens), H heads, K key/value heads, D head width. `boundaries` is as in `fabula.model.attention`.
"""

import ctypes
from collections.abc import Iterator

import torch
from torch import Tensor

from fabula.model.kernels import DTYPES, kernel_takes, run_kernel

BUCKET_WASTE = 1.15
"""Documents of lengths within this ratio share one padded batch."""
BUCKET_MULTIPLE = 32
"""Batches are padded to a multiple of this, for oneDNN keeps a kernel, and its memory, for each shape it meets."""
BUCKET_SCORES = 1 << 24
"""Attention scores that one padded batch may hold (float32: 64 MiB)."""


def document_attention(
    q_NHD: Tensor,
    k_NKD: Tensor,
    v_NKD: Tensor,
    boundaries: Tensor,
    cos: Tensor | None = None,
    sin: Tensor | None = None,
) -> Tensor:
    """Return the attended values, shape NHD; each key head serves H / K query heads that lie side by side.

    Args:
        q_NHD: queries, float32 or bfloat16 like the keys and values. Any of the three may be a view of a wider tensor.
        k_NKD: keys.
        v_NKD: values.
        boundaries: where documents begin and end, int32.
        cos: cosines of each row's angles, float32, shape (N, D / 2); None: queries and keys are turned already.
        sin: their sines.
    """
    assert q_NHD.dtype == k_NKD.dtype == v_NKD.dtype
    assert q_NHD.shape[1] % k_NKD.shape[1] == 0
    assert q_NHD.shape[2] % 2 == 0
    out_NHD: Tensor = attend(q_NHD, k_NKD, v_NKD, boundaries, cos, sin)[0]
    return out_NHD


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (d, d + D / 2) by its position's angle (RoPE, Su et al., 2021; the pairing of GPT-NeoX).

    Shapes: x (..., heads, D); cos and sin (..., 1, D / 2).
    """
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


# ---- The operators ---------------------------------------------------------------------------------------------


@torch.library.custom_op("fabula::document_attention", mutates_args=())
def attend(
    q_NHD: Tensor, k_NKD: Tensor, v_NKD: Tensor, boundaries: Tensor, cos: Tensor | None, sin: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the attended values, and log sum exp of each row's scaled scores (float32, NH)."""
    N, H, _ = q_NHD.shape
    out_NHD = torch.empty_like(q_NHD, memory_format=torch.contiguous_format)
    log_sums_NH = q_NHD.new_empty(N, H, dtype=torch.float32)
    boundaries = boundaries.to(torch.int32).contiguous()
    _check(boundaries, N)
    if kernel_takes(q_NHD):
        q_NHD, k_NKD, v_NKD = (_without_inner_gaps(x) for x in (q_NHD, k_NKD, v_NKD))
        _call("fabula_attention_forward", q_NHD, k_NKD, v_NKD, boundaries, cos, sin, out=out_NHD, log_sums=log_sums_NH)
    else:
        _attend_in_batches(*_turned(q_NHD, k_NKD, cos, sin), v_NKD, boundaries, out_NHD, log_sums_NH)
    return out_NHD, log_sums_NH


@torch.library.custom_op("fabula::document_attention_backward", mutates_args=())
def attend_backward(
    grad_NHD: Tensor,
    q_NHD: Tensor,
    k_NKD: Tensor,
    v_NKD: Tensor,
    boundaries: Tensor,
    cos: Tensor | None,
    sin: Tensor | None,
    out_NHD: Tensor,
    log_sums_NH: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of q, k and v; the weights are computed again, they would fill the memory if kept."""
    boundaries, grad_NHD = boundaries.to(torch.int32).contiguous(), grad_NHD.contiguous()
    if kernel_takes(q_NHD):
        q_NHD, k_NKD, v_NKD = (x.contiguous() for x in (q_NHD, k_NKD, v_NKD))
        grad_q, grad_k, grad_v = (torch.empty_like(x) for x in (q_NHD, k_NKD, v_NKD))
        _call(
            "fabula_attention_backward",
            q_NHD,
            k_NKD,
            v_NKD,
            boundaries,
            cos,
            sin,
            out=out_NHD,
            log_sums=log_sums_NH,
            grad_out=grad_NHD,
            grad_q=grad_q,
            grad_k=grad_k,
            grad_v=grad_v,
        )
        return grad_q, grad_k, grad_v
    grad_q, grad_k, grad_v = _gradients_in_batches(
        grad_NHD, *_turned(q_NHD, k_NKD, cos, sin), v_NKD, boundaries, out_NHD, log_sums_NH
    )
    if cos is not None and sin is not None:  # back
        grad_q, grad_k = _turned(grad_q, grad_k, cos, -sin)
    return grad_q, grad_k, grad_v


@attend.register_fake
def _(
    q_NHD: Tensor, k_NKD: Tensor, v_NKD: Tensor, boundaries: Tensor, cos: Tensor | None, sin: Tensor | None
) -> tuple[Tensor, Tensor]:
    return q_NHD.new_empty(q_NHD.shape), q_NHD.new_empty(q_NHD.shape[:2], dtype=torch.float32)


@attend_backward.register_fake
def _(
    grad_NHD: Tensor,
    q_NHD: Tensor,
    k_NKD: Tensor,
    v_NKD: Tensor,
    boundaries: Tensor,
    cos: Tensor | None,
    sin: Tensor | None,
    out_NHD: Tensor,
    log_sums_NH: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    return q_NHD.new_empty(q_NHD.shape), k_NKD.new_empty(k_NKD.shape), v_NKD.new_empty(v_NKD.shape)


def _save_for_backward(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs, *output)
    ctx.mark_non_differentiable(output[1])


def _backward(ctx, grad_NHD, _):  # type: ignore[no-untyped-def]
    return *attend_backward(grad_NHD, *ctx.saved_tensors), None, None, None


attend.register_autograd(_backward, setup_context=_save_for_backward)


def _check(boundaries: Tensor, rows: int) -> None:
    """The kernel believes the boundaries, and would write wherever they say."""
    assert len(boundaries) > 0
    assert boundaries[0].item() == 0
    assert boundaries[-1].item() == rows
    assert bool((boundaries[1:] >= boundaries[:-1]).all())


# ---- The compiled kernel ---------------------------------------------------------------------------------------


class _Documents(ctypes.Structure):
    """`struct fabula_documents` of `fabula/native/training.h`."""

    _fields_ = (
        ("boundaries", ctypes.c_void_p),
        *((name, ctypes.c_int32) for name in ("documents", "heads", "kv_heads", "head_width", "dtype")),
        *((name, ctypes.c_int64) for name in ("q_stride", "k_stride", "v_stride")),
        *((name, ctypes.c_void_p) for name in ("cosines", "sines", "q", "k", "v", "out", "log_sums")),
        *((name, ctypes.c_void_p) for name in ("grad_out", "grad_q", "grad_k", "grad_v")),
    )


def _call(
    name: str,
    q_NHD: Tensor,
    k_NKD: Tensor,
    v_NKD: Tensor,
    boundaries: Tensor,
    cos: Tensor | None,
    sin: Tensor | None,
    **others: Tensor,
) -> None:
    tensors = {"boundaries": boundaries, "q": q_NHD, "k": k_NKD, "v": v_NKD, **others}
    if cos is not None and sin is not None:
        tensors |= {"cosines": cos.float().contiguous(), "sines": sin.float().contiguous()}
    arguments = _Documents(
        documents=len(boundaries) - 1,
        heads=q_NHD.shape[1],
        kv_heads=k_NKD.shape[1],
        head_width=q_NHD.shape[2],
        dtype=DTYPES[q_NHD.dtype],
        q_stride=q_NHD.stride(0),
        k_stride=k_NKD.stride(0),
        v_stride=v_NKD.stride(0),
        **{key: x.data_ptr() for key, x in tensors.items()},
    )
    run_kernel(name, arguments)


def _without_inner_gaps(x_NHD: Tensor) -> Tensor:
    """Return the tensor with each row's heads side by side; rows may lie apart."""
    return x_NHD if x_NHD[:1].is_contiguous() else x_NHD.contiguous()


# ---- Without it: padded batches --------------------------------------------------------------------------------


def _turned(q_NHD: Tensor, k_NKD: Tensor, cos: Tensor | None, sin: Tensor | None) -> tuple[Tensor, Tensor]:
    if cos is None or sin is None:
        return q_NHD, k_NKD
    cos, sin = cos[:, None], sin[:, None]
    return rotate(q_NHD, cos, sin), rotate(k_NKD, cos, sin)


def _attend_in_batches(
    q_NHD: Tensor, k_NKD: Tensor, v_NKD: Tensor, boundaries: Tensor, out_NHD: Tensor, log_sums_NH: Tensor
) -> None:
    k_NHD, v_NHD = _for_each_head(k_NKD, v_NKD, heads=q_NHD.shape[1])
    for index in _buckets(boundaries, q_NHD.shape[1]):
        q, k, v = (_gather(x, index) for x in (q_NHD, k_NHD, v_NHD))
        scores = _scores(q, k)
        weights = scores.softmax(-1)
        _scatter(log_sums_NH, index, scores.amax(-1) - weights.amax(-1).log())
        _scatter(out_NHD, index, torch.bmm(weights.to(v.dtype), v))


def _gradients_in_batches(
    grad_NHD: Tensor,
    q_NHD: Tensor,
    k_NKD: Tensor,
    v_NKD: Tensor,
    boundaries: Tensor,
    out_NHD: Tensor,
    log_sums_NH: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    H, K = q_NHD.shape[1], k_NKD.shape[1]
    k_NHD, v_NHD = _for_each_head(k_NKD, v_NKD, heads=H)
    gradients = [torch.empty_like(x, memory_format=torch.contiguous_format) for x in (q_NHD, k_NHD, v_NHD)]
    scale = q_NHD.shape[-1] ** -0.5
    # Softmax's gradient is weights * (grad_weights - delta), with delta = sum(grad * out) (Dao, 2023, equation 4).
    delta_NH = (grad_NHD.float() * out_NHD.float()).sum(-1)
    for index in _buckets(boundaries, H):
        q, k, v, grad = (_gather(x, index) for x in (q_NHD, k_NHD, v_NHD, grad_NHD))
        delta, log_sums = (_gather(x, index)[..., None] for x in (delta_NH, log_sums_NH))
        weights = _scores(q, k).sub_(log_sums).exp_()
        grad_v = torch.bmm(weights.to(v.dtype).transpose(1, 2), grad)
        grad_scores = torch.bmm(grad, v.transpose(1, 2)).float().sub_(delta).mul_(weights).mul_(scale).to(q.dtype)
        grad_q, grad_k = torch.bmm(grad_scores, k), torch.bmm(grad_scores.transpose(1, 2), q)
        for gradient, part in zip(gradients, (grad_q, grad_k, grad_v), strict=True):
            _scatter(gradient, index, part)
    if H > K:
        gradients[1:] = [x.view(-1, K, H // K, x.shape[2]).float().sum(2).to(x.dtype) for x in gradients[1:]]
    return gradients[0], gradients[1], gradients[2]


def _for_each_head(*tensors_NKD: Tensor, heads: int) -> Iterator[Tensor]:
    """Repeat keys or values for each query head that reads them."""
    for x_NKD in tensors_NKD:
        group = heads // x_NKD.shape[1]
        yield x_NKD.repeat_interleave(group, 1) if group > 1 else x_NKD


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


def _scores(q: Tensor, k: Tensor) -> Tensor:
    """Return the scaled scores (documents * H, longest, longest) in float32, minus infinity above the diagonal."""
    above = torch.full((q.shape[1], q.shape[1]), float("-inf")).triu_(1)
    if q.dtype == torch.float32:
        return torch.baddbmm(above, q, k.transpose(1, 2), alpha=q.shape[-1] ** -0.5)
    return torch.bmm(q, k.transpose(1, 2)).float().mul_(q.shape[-1] ** -0.5).add_(above)
