"""The same model in `transformers`, to compare with."""

import torch
from torch import Tensor
from transformers import LlamaConfig as ReferenceConfig
from transformers import LlamaForCausalLM

from fabula.model.config import config_to_json
from fabula.model.llama import Llama


def reference_model(model: Llama) -> LlamaForCausalLM:
    """Return LlamaForCausalLM with the weights of `model`."""
    reference = LlamaForCausalLM(ReferenceConfig(**config_to_json(model.config, 0, "float32")))
    missing, unexpected = reference.load_state_dict(model.state_dict(), strict=False)
    assert not missing
    assert not unexpected
    return reference.eval()


def relative_error(values: Tensor, reference: Tensor) -> float:
    """Return the largest difference over the largest magnitude."""
    return float((values - reference).detach().abs().max() / reference.detach().abs().max())


def documents(lengths: list[list[int]], width: int) -> tuple[Tensor, Tensor]:
    """Return positions (BT) and boundaries of windows that hold documents of these lengths and padding at the end."""
    starts, positions = [], []
    for row, window in enumerate(lengths):
        filled = [*window, width - sum(window)] if sum(window) < width else window
        start = row * width
        for length in filled:
            starts.append(start)
            positions.append(torch.arange(length))
            start += length
    ends = [len(lengths) * width]
    return torch.cat(positions).view(-1, width), torch.tensor(starts + ends * 3, dtype=torch.int32)
