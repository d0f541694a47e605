"""Weights in 8 and 4 bits: what the kernel multiplies with, seen from outside, and a model whose weights they hold."""

import numpy as np
import pytest
import torch
from torch import nn

from fabula.model.llama import Llama
from fabula.native.library import library, why_not
from tests.generation.native.models import SETS, error, native, random_model, read_all

pytestmark = pytest.mark.skipif(library() is None, reason=why_not())

GROUPS = {"int8": 256, "int4": 64}
"""Columns whose activations share a scale; with int4 their weights too."""
COLUMNS = 256


def transparent(head: torch.Tensor) -> Llama:
    """A model whose logits are its head times the normalised embedding; token k's embedding is all in column k."""
    rows, columns = head.shape
    model = random_model(0, vocab_size=rows, hidden=columns, layers=1, heads=1, kv_heads=1, context=rows)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter.zero_()
            elif parameter.dim() == 1:
                parameter.fill_(1)
        model.model.embed_tokens.weight.copy_(torch.eye(rows, columns))
        model.lm_head.weight.copy_(head)
    return model


def unpacked(head: torch.Tensor, precision: str, name: str) -> np.ndarray:
    """Return the head as the kernel multiplies with it, same shape as `head`."""
    columns = head.shape[1]
    backend = native(transparent(head), precision, instruction_set=name)
    logits = np.stack([read_all(backend, [token])[0] for token in range(columns)], axis=1)
    mean_square = 1 / columns  # of a single 1 among so many numbers
    return logits * np.sqrt(mean_square + backend.config.norm_epsilon)


@pytest.fixture(scope="module")
def head():
    """Rows of very different sizes; one is empty."""
    generator = torch.Generator().manual_seed(1)
    head = torch.randn(300, COLUMNS, generator=generator) * torch.logspace(-3, 2, 300)[:, None]
    head[7] = 0
    head[8, 64:128] = 0
    return head


@pytest.mark.parametrize("name", SETS)
def test_int8_weights_are_rounded_to_127ths_of_their_rows_largest(head, name):
    found, exact = unpacked(head, "int8", name), head.numpy()
    scales = np.abs(exact).max(1, keepdims=True) / 127
    assert (np.abs(found - exact) <= scales * 0.5001).all()
    with np.errstate(invalid="ignore"):
        steps = np.nan_to_num(found / scales)
    assert np.abs(steps - steps.round()).max() < 1e-4
    assert np.abs(steps).max() < 127.001


@pytest.mark.parametrize("name", SETS)
def test_int4_weights_are_whole_multiples_of_their_groups_scale(head, name):
    found = unpacked(head, "int4", name).reshape(300, -1, GROUPS["int4"])
    exact = head.numpy().reshape(found.shape)
    assert not found[7].any()
    assert not found[8, 1].any()
    extreme = np.take_along_axis(exact, np.abs(exact).argmax(-1)[..., None], -1)
    plain_scale = torch.from_numpy(extreme / -8).bfloat16().float().numpy()
    with np.errstate(invalid="ignore"):
        plain = np.nan_to_num((exact / plain_scale).round().clip(-8, 7) * plain_scale)
    squares, plain_squares = (((rounded - exact) ** 2).sum(-1) for rounded in (found, plain))
    assert (squares <= plain_squares * 1.5).all()
    sizes = (exact**2).sum(-1) + 1e-30
    assert (squares / sizes).mean() < 0.95 * (plain_squares / sizes).mean()
    for group in found.reshape(-1, GROUPS["int4"]):
        steps = np.unique((group / (np.abs(group).max() or 1)).round(5))
        assert len(steps) <= 16


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("precision", GROUPS)
def test_products_are_those_of_the_unpacked_weights_and_rounded_activations(head, name, precision):
    """Activations whose sizes are whole 127ths of the largest in their group, so that none is rounded."""
    random, model = np.random.default_rng(2), transparent(head)
    levels = random.integers(-127, 128, (300, COLUMNS)).astype(np.float32)
    levels[:, :: GROUPS[precision]] = 127
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(torch.from_numpy(levels))
    backend = native(model, precision, 2, name)
    normal = levels / np.sqrt((levels.astype(np.float64) ** 2).mean(1, keepdims=True))
    expected = normal @ unpacked(head, precision, name).astype(np.float64).T
    found = np.stack([read_all(backend, [token])[0] for token in range(300)])
    for row in range(300):
        size = np.abs(expected[:, row]).max()
        assert np.abs(found[:, row] - expected[:, row]).max() <= 2e-5 * size


class RoundedCache:
    """Keys and values as bfloat16 holds them, of a story that is read at once."""

    def extend(self, layer: int, k_BTKD: torch.Tensor, v_BTKD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return k_BTKD.bfloat16().float(), v_BTKD.bfloat16().float()


def with_the_kernels_products(model: Llama, precision: str, name: str) -> Llama:
    """Give a model the weights that the kernel unpacks, and let it round the inputs of each product to 8 bits."""

    def rounded(module: nn.Module, inputs: tuple[torch.Tensor]) -> torch.Tensor:
        parts = []
        for part in inputs[0].split(GROUPS[precision], -1):
            step = part.abs().amax(-1, keepdim=True) / 127
            parts.append((part / step).round() * step)
        return torch.cat(parts, -1)

    for module in model.modules():
        if isinstance(module, nn.Linear):
            rows, columns = module.weight.shape
            head = torch.zeros(max(rows, columns), columns)  # room for a token that shows each column
            head[:rows] = module.weight.detach()
            with torch.no_grad():
                module.weight.copy_(torch.from_numpy(unpacked(head, precision, name)[:rows]))
            module.register_forward_pre_hook(rounded)
    return model


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("precision", GROUPS)
def test_a_whole_model_is_that_of_the_unpacked_weights_and_rounded_activations(name, precision):
    """A few tokens: in a longer story a number that lies between two steps is sooner or later rounded otherwise."""
    model = random_model(3, hidden=288, heads=6, kv_heads=2, intermediate=150, context=50, layers=2)
    backend, tokens = native(model, precision, 2, name), [17, 203, 5]
    found = read_all(backend, tokens)
    exact = model.forward(torch.tensor([tokens]))[0].detach().numpy()
    with_the_kernels_products(model, precision, name)
    expected = model.logits(model.hidden(torch.tensor([tokens]), cache=RoundedCache()))[0].detach().numpy()
    assert error(found, expected) < 1e-5 < 1e-3 < error(found, exact)
