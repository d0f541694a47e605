"""Where a model looks: the attention weights of one token, computed from the model's own queries and keys.

Needs PyTorch, which the rest of the studio may do without; import this file where it is needed, and not before.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch

from fabula.model.document_attention import rotate
from fabula.model.layout import load_model
from fabula.model.llama import Block, Llama, rotary_angles

KEPT = 2
"""Models that stay in memory."""


class Attentive:
    """Reads texts with PyTorch, on the thread that makes it."""

    def __init__(self) -> None:
        torch.set_num_threads(1)  # of this thread: the stories that are told meanwhile have the other cores
        self._models: OrderedDict[Path, Llama] = OrderedDict()

    def weights(self, folder: Path, tokens: Sequence[int]) -> list[list[list[float]]]:
        """Return how the last of some tokens looks at each of them: by layer, head and place; each row adds up to 1."""
        return attention_weights(self._model(folder), tokens)

    def _model(self, folder: Path) -> Llama:
        if folder not in self._models:
            self._models[folder] = load_model(folder).eval()
        self._models.move_to_end(folder)
        while len(self._models) > KEPT:
            self._models.popitem(last=False)
        return self._models[folder]


@torch.inference_mode()
def attention_weights(model: Llama, tokens: Sequence[int]) -> list[list[list[float]]]:
    """Return the last token's attention weights, layers x heads x tokens: softmax(q k / sqrt(D)) of its query."""
    tokens_BT = torch.tensor([list(tokens)])
    angles = rotary_angles(torch.arange(len(tokens))[None], model.config)
    last = tuple(angle[:, -1:] for angle in angles)
    x_BTC = model.model.embed_tokens(tokens_BT)
    layers = []
    for block in model.model.layers:
        assert isinstance(block, Block)
        mixing, normed_BTC = block.self_attn, block.input_layernorm(x_BTC)
        q_BTHD = rotate(mixing.q_proj(normed_BTC[:, -1:]).unflatten(-1, (-1, mixing.head_width)), *last)
        k_BSKD = rotate(mixing.k_proj(normed_BTC).unflatten(-1, (-1, mixing.head_width)), *angles)
        k_SHD = k_BSKD[0].repeat_interleave(model.config.heads // model.config.kv_heads, 1)
        scores_HS = torch.einsum("hd,shd->hs", q_BTHD[0, 0].float(), k_SHD.float()) / mixing.head_width**0.5
        layers.append(scores_HS.softmax(-1).tolist())
        x_BTC = block(x_BTC, angles)
    return layers
