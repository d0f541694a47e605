"""Learning rates found on a narrow model, used on a wide one: µP (Yang et al., 2022, tables 3 and 8) for AdamW.

AdamW moves every weight by about its learning rate, so a row of n inputs, all moved in the direction of their signs,
changes its output by n times as much. µP keeps the change of every activation and logit the same at every width:
matrices of n inputs get a learning rate (and a squared initial size) that falls as 1 / n, embedding and head keep
theirs, and the logits are divided by the width. This last factor stands in the final norm's gain, a weight that every
Llama has: the checkpoint stays a plain one. Muon's matrices need no rule (see `fabula.training.muon`).
"""

import torch
from torch import nn

FINAL_GAIN = "model.norm.weight"


def is_block_matrix(name: str) -> bool:
    """Say whether a parameter is a matrix inside a block: neither embedding nor head, nor a norm's gain."""
    return ".layers." in name and "norm" not in name


def rate_share(name: str, base_width: int, width: int) -> float:
    """Return what a parameter's learning rate at `width` is of the one at `base_width` (0: no rule)."""
    if base_width and (is_block_matrix(name) or name == FINAL_GAIN):
        return base_width / width
    return 1.0


@torch.no_grad()
def scale_initial_weights(model: nn.Module, base_width: int, width: int) -> None:
    """Give initial weights, drawn as at `base_width` (0: no rule), the sizes that the rule wants at `width`."""
    if not base_width:
        return
    for name, parameter in model.named_parameters():
        if name == FINAL_GAIN:
            parameter.mul_(base_width / width)
        elif is_block_matrix(name):
            parameter.mul_((base_width / width) ** 0.5)
