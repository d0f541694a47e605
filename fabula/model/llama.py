"""A Llama decoder (Touvron et al., 2023) that reads from top to bottom.

Parameter names are those of `transformers`' LlamaForCausalLM, one to one, so a checkpoint needs no translation.

Shapes: B windows, T positions, N = B * T, C hidden width, H heads, K key/value heads, D head width, V vocabulary.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from fabula.model.attention import attention
from fabula.model.config import LlamaConfig
from fabula.model.document_attention import rotate
from fabula.model.kernels import rms_norm, swiglu
from fabula.model.loss import linear_cross_entropy, token_losses


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + epsilon) * weight, in float32 (Zhang and Sennrich, 2019)."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        return rms_norm(x, self.weight, self.epsilon)


def rotary_angles(positions: Tensor, config: LlamaConfig) -> tuple[Tensor, Tensor]:
    """Return cos and sin of each position's angles, float32, with a head axis of 1: (..., 1, D / 2)."""
    exponents = torch.arange(0, config.head_width, 2, device=positions.device).float() / config.head_width
    angles = positions[..., None, None].float() * config.rope_theta**-exponents
    return angles.cos(), angles.sin()


class Cache(Protocol):
    """Keys and values of earlier positions, as attention asks for them."""

    def extend(self, layer: int, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor]:
        """Keep T more positions of one layer and return all keys and values to attend to, shape BSKD."""
        ...


class KeyValueCache:
    """Keys and values of the positions seen so far, in memory allocated once: one pair of BSKD tensors a layer."""

    def __init__(self, config: LlamaConfig, batch: int, capacity: int, like: Tensor) -> None:
        """Reserve room for `capacity` positions, with the device and dtype of `like`."""
        shape = (batch, capacity, config.kv_heads, config.head_width)
        self.keys = [like.new_empty(shape) for _ in range(config.layers)]
        self.values = [like.new_empty(shape) for _ in range(config.layers)]
        self.length = 0

    def extend(self, layer: int, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor]:
        """Append T positions to one layer and return all of that layer's; the last layer moves `length`."""
        end = self.length + k_BTKD.shape[1]
        self.keys[layer][:, self.length : end] = k_BTKD
        self.values[layer][:, self.length : end] = v_BTKD
        if layer == len(self.keys) - 1:
            self.length = end
        return self.keys[layer][:, :end], self.values[layer][:, :end]

    def keep(self, rows_B: Tensor) -> None:
        """Keep these rows of the batch, in this order."""
        for tensors in (self.keys, self.values):
            for layer, old in enumerate(tensors):
                tensors[layer] = old.new_empty(len(rows_B), *old.shape[1:])
                tensors[layer][:, : self.length] = old[rows_B, : self.length]


class Attention(nn.Module):
    """Multi-head attention with rotary positions and, where K < H, shared keys and values (GQA)."""

    def __init__(self, config: LlamaConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.head_width = config.head_width
        width, kv_width = config.heads * config.head_width, config.kv_heads * config.head_width
        self.q_proj = nn.Linear(config.hidden, width, bias=False)
        self.k_proj = nn.Linear(config.hidden, kv_width, bias=False)
        self.v_proj = nn.Linear(config.hidden, kv_width, bias=False)
        self.o_proj = nn.Linear(width, config.hidden, bias=False)

    def forward(
        self,
        x_BTC: Tensor,
        angles: tuple[Tensor, Tensor],
        boundaries: Tensor | None = None,
        cache: Cache | None = None,
        mask_BTS: Tensor | None = None,
    ) -> Tensor:
        """Mix information between positions."""
        q_BTHD, k_BTKD, v_BTKD = (
            projection(x_BTC).unflatten(-1, (-1, self.head_width))
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        if cache is None:
            mixed_BTHD = attention(q_BTHD, k_BTKD, v_BTKD, boundaries, mask_BTS, angles)
        else:  # which holds keys turned already
            q_BTHD, k_BTKD = rotate(q_BTHD, *angles), rotate(k_BTKD, *angles)
            k_BTKD, v_BTKD = cache.extend(self.layer, k_BTKD, v_BTKD)
            mixed_BTHD = attention(q_BTHD, k_BTKD, v_BTKD, boundaries, mask_BTS)
        out: Tensor = self.o_proj(mixed_BTHD.flatten(2))
        return out


class SwiGLU(nn.Module):
    """down(silu(gate(x)) * up(x)) (Shazeer, 2020)."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden, config.intermediate, bias=False)
        self.up_proj = nn.Linear(config.hidden, config.intermediate, bias=False)
        self.down_proj = nn.Linear(config.intermediate, config.hidden, bias=False)

    def forward(self, x_BTC: Tensor) -> Tensor:
        """Transform each position by itself."""
        out: Tensor = self.down_proj(swiglu(self.gate_proj(x_BTC), self.up_proj(x_BTC)))
        return out


class Block(nn.Module):
    """One decoder layer; `dropout` (Srivastava et al., 2014) is the share of what it adds that training zeroes."""

    def __init__(self, config: LlamaConfig, layer: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.self_attn = Attention(config, layer)
        self.mlp = SwiGLU(config)
        self.input_layernorm = RMSNorm(config.hidden, config.norm_epsilon)
        self.post_attention_layernorm = RMSNorm(config.hidden, config.norm_epsilon)

    def forward(
        self,
        x_BTC: Tensor,
        angles: tuple[Tensor, Tensor],
        boundaries: Tensor | None = None,
        cache: Cache | None = None,
        mask_BTS: Tensor | None = None,
    ) -> Tensor:
        """Add attention, then the feed-forward block, to the residual stream."""
        mixed_BTC = self.self_attn(self.input_layernorm(x_BTC), angles, boundaries, cache, mask_BTS)
        x_BTC = x_BTC + self.dropout(mixed_BTC)
        out: Tensor = x_BTC + self.dropout(self.mlp(self.post_attention_layernorm(x_BTC)))
        return out


class Decoder(nn.Module):
    """Embedding, blocks and the final norm: LlamaForCausalLM's `model`."""

    def __init__(self, config: LlamaConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden)
        self.layers = nn.ModuleList(Block(config, layer, dropout) for layer in range(config.layers))
        self.norm = RMSNorm(config.hidden, config.norm_epsilon)


class Llama(nn.Module):
    """Tokens to logits, or to a loss; `dropout` acts in training mode only."""

    def __init__(self, config: LlamaConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config, dropout)
        self.lm_head = nn.Linear(config.hidden, config.vocab_size, bias=False)
        if config.tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    def hidden(
        self,
        tokens_BT: Tensor,
        positions_BT: Tensor | None = None,
        boundaries: Tensor | None = None,
        cache: Cache | None = None,
        mask_BTS: Tensor | None = None,
    ) -> Tensor:
        """Return the final hidden states, shape BTC.

        Args:
            tokens_BT: token ids.
            positions_BT: each token's position in its document; None: counted from a `KeyValueCache`'s length, or 0.
            boundaries: where documents begin and end, see `fabula.model.attention`; None: one document a window.
            cache: keys and values of earlier positions; the new ones are kept there.
            mask_BTS: which positions (the cache's first) each token sees, boolean, instead of causality and boundaries.
        """
        if positions_BT is None:
            start = cache.length if isinstance(cache, KeyValueCache) else 0
            positions_BT = torch.arange(start, start + tokens_BT.shape[1], device=tokens_BT.device)[None]
        angles = rotary_angles(positions_BT, self.config)
        x_BTC = self.model.embed_tokens(tokens_BT)
        for block in self.model.layers:
            x_BTC = block(x_BTC, angles, boundaries, cache, mask_BTS)
        out: Tensor = self.model.norm(x_BTC)
        return out

    def forward(
        self,
        tokens_BT: Tensor,
        targets_BT: Tensor | None = None,
        positions_BT: Tensor | None = None,
        boundaries: Tensor | None = None,
        loss_chunk: int = 0,
        z_loss: float = 0.0,
    ) -> Tensor:
        """Return logits (BTV), or with targets their summed loss in nats (see `linear_cross_entropy`)."""
        hidden_BTC = self.hidden(tokens_BT, positions_BT, boundaries)
        if targets_BT is None:
            return self.logits(hidden_BTC)
        hidden_ND, weight_VD = hidden_BTC.flatten(0, 1), self.lm_head.weight
        return linear_cross_entropy(hidden_ND, weight_VD, targets_BT.flatten(), loss_chunk, z_loss)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits of some hidden states: (..., C) to (..., V)."""
        out: Tensor = self.lm_head(hidden)
        return out

    def token_losses(
        self,
        tokens_BT: Tensor,
        targets_BT: Tensor,
        positions_BT: Tensor | None = None,
        boundaries: Tensor | None = None,
    ) -> Tensor:
        """Return each target's loss in nats, float32, shape BT, 0 for padding; without gradients."""
        with torch.no_grad():
            hidden_ND = self.hidden(tokens_BT, positions_BT, boundaries).flatten(0, 1)
            return token_losses(hidden_ND, self.lm_head.weight, targets_BT.flatten()).view_as(targets_BT)

    @torch.no_grad()
    def initialize(self, seed: int) -> None:
        """Draw the initial weights: normal with `initializer_range`, gains 1; a function of the seed alone."""
        generator = torch.Generator().manual_seed(seed)
        config = self.config
        for name, parameter in self.named_parameters():
            if parameter.dim() == 1:
                parameter.fill_(1.0)
                continue
            deviation = config.initializer_range
            if config.scale_residual_init and name.endswith(("o_proj.weight", "down_proj.weight")):
                deviation /= (2 * config.layers) ** 0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * deviation)

    def parameter_count(self) -> int:
        """Return the number of weights, shared ones counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def flops_per_token(self, attended: float) -> float:
        """Return the training FLOPs of one token that attends to `attended` positions on average.

        6 for each weight in a matrix product (the embedding is none), and 12 * layers * width * attended for the
        scores and values of attention, forward and backward (Chowdhery et al., 2022, appendix B).
        """
        config = self.config
        matrices = sum(p.numel() for name, p in self.named_parameters() if p.dim() == 2 and "embed" not in name)
        if config.tied:
            matrices += config.vocab_size * config.hidden
        return 6.0 * matrices + 12.0 * config.layers * config.heads * config.head_width * attended
