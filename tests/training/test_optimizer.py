"""Muon against torch's own, and what a step that isn't finite leaves behind."""

import pytest
import torch
from torch import nn

from fabula.model.config import LlamaConfig
from fabula.model.llama import Llama
from fabula.recipe import Optimizer
from fabula.training.muon import Muon, orthogonalized
from fabula.training.optimizer import ModelOptimizer
from fabula.training.transfer import is_block_matrix, scale_initial_weights

CPU = torch.device("cpu")
SHAPES = ((24, 24), (40, 24), (24, 24), (40, 24), (24, 40), (1, 24))


def matrices(seed: int) -> list[nn.Parameter]:
    draw = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=draw)) for shape in SHAPES]


def give_gradients(parameters: list[nn.Parameter], seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=draw)


@pytest.mark.parametrize(("momentum", "decay"), [(0.95, 0.1), (0.0, 0.0)])
def test_muon_is_torchs(momentum: float, decay: float) -> None:
    ours, theirs = matrices(0), matrices(0)
    our_muon = Muon(ours, 0.02, momentum, decay)
    # torch scales by sqrt(max(1, rows / columns)): wide matrices get the rest by a rate of their own.
    their_muons = [
        torch.optim.Muon([p], lr=0.02 * min(1, p.shape[0] / p.shape[1]) ** 0.5, weight_decay=0, momentum=momentum)
        for p in theirs
    ]
    for step in range(4):
        give_gradients(ours, step)
        give_gradients(theirs, step)
        our_muon.step()
        for parameter, muon in zip(theirs, their_muons, strict=True):
            with torch.no_grad():
                parameter.mul_(1 - 0.02 * decay)
            muon.step()
    start = matrices(0)
    for our, their, before in zip(ours, theirs, start, strict=True):
        moved = (their - before).norm()
        assert moved > 0
        assert (our - their).norm() < 0.01 * moved  # bfloat16 products, summed in another order


@pytest.mark.parametrize("shape", [(3, 64, 64), (2, 96, 32), (2, 32, 96)])
def test_singular_values_come_near_one(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    result = orthogonalized(x)
    values = torch.linalg.svdvals(result)
    large = torch.linalg.svdvals(x / x.norm(dim=(-2, -1), keepdim=True)) > 0.01
    assert values.max() < 1.3
    assert values[large].min() > 0.6
    left, _, right = torch.linalg.svd(x, full_matrices=False)
    assert torch.cosine_similarity(result.flatten(1), (left @ right).flatten(1)).min() > 0.95


def test_nothing_stays_nothing() -> None:
    assert not orthogonalized(torch.zeros(2, 8, 16)).any()


def small_model() -> Llama:
    model = Llama(LlamaConfig(50, hidden=16, layers=2, heads=2, kv_heads=1, intermediate=24, context=16, tied=True))
    model.initialize(0)
    return model


def backward(model: Llama, factor: float = 1.0) -> None:
    tokens = torch.randint(50, (2, 16), generator=torch.Generator().manual_seed(2))
    model.zero_grad()
    (model(tokens, tokens) * factor).backward()


def test_muon_takes_the_blocks_matrices_and_adamw_the_rest() -> None:
    model = small_model()
    optimizer = ModelOptimizer(model, Optimizer(kind="muon"), CPU, torch.float32)
    backward(model)
    optimizer.step_if_finite(torch.tensor(True))
    kinds = {
        name: {key.partition(".")[0] for key in optimizer.tensors() if key.endswith(name)}
        for name in dict(model.named_parameters())
    }
    for name, parameter in model.named_parameters():
        assert is_block_matrix(name) == (parameter.dim() == 2 and parameter is not model.lm_head.weight)
        assert kinds[name] == ({"momentum"} if is_block_matrix(name) else {"exp_avg", "exp_avg_sq", "step"})


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_a_step_that_is_not_finite_changes_nothing(kind: str) -> None:
    model = small_model()
    optimizer = ModelOptimizer(model, Optimizer(kind=kind), CPU, torch.float32)  # type: ignore[arg-type]
    backward(model)
    optimizer.step_if_finite(torch.tensor(True))
    before = {name: tensor.clone() for name, tensor in [*model.state_dict().items(), *optimizer.tensors().items()]}
    backward(model, float("nan"))
    optimizer.step_if_finite(torch.tensor(False))
    after = {**model.state_dict(), **optimizer.tensors()}
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in after)
    backward(model)
    optimizer.step_if_finite(torch.tensor(True))
    assert not any(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_muons_rate_keeps_its_share_of_the_schedule() -> None:
    optimizer = ModelOptimizer(
        small_model(), Optimizer(kind="muon", learning_rate=1e-3, matrix_learning_rate=0.05), CPU, torch.float32
    )
    optimizer.set_rates(5e-4, 0.8)
    adamw, muon = optimizer.parts
    assert {group["lr"] for group in adamw.param_groups} == {5e-4}
    assert [group["lr"] for group in muon.param_groups] == pytest.approx([0.025])
    assert {group["betas"] for group in adamw.param_groups} == {(0.8, 0.999)}


def rates_of(optimizer: ModelOptimizer) -> dict[str, tuple[float, float]]:
    """Return each parameter's learning rate, and that times its weight decay."""
    by_parameter = {
        p: (group["lr"], group["lr"] * group["weight_decay"])
        for part in optimizer.parts
        for group in part.param_groups
        for p in group["params"]
    }
    return {name: by_parameter[p] for name, p in optimizer.model.named_parameters()}


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_the_width_rule_slows_down_the_wide_matrices(kind: str) -> None:
    settings = Optimizer(kind=kind, base_width=4, learning_rate=1e-2, weight_decay=0.1)  # type: ignore[arg-type]
    found = rates_of(ModelOptimizer(small_model(), settings, CPU, torch.float32))
    matrix_rate = settings.matrix_learning_rate if kind == "muon" else 1e-2 * 4 / 16
    for name, (rate, decay) in found.items():
        if is_block_matrix(name):
            assert rate == pytest.approx(matrix_rate)
            assert decay == pytest.approx(1e-3 if kind == "adamw" else 0.0)
        else:
            assert rate == pytest.approx(1e-2 * 4 / 16 if name == "model.norm.weight" else 1e-2)


def test_at_its_base_width_the_rule_changes_nothing() -> None:
    with_rule, without = small_model(), small_model()
    scale_initial_weights(with_rule, 16, 16)
    optimizers = [
        ModelOptimizer(model, Optimizer(base_width=base), CPU, torch.float32)
        for model, base in ((with_rule, 16), (without, 0))
    ]
    for _ in range(3):
        for optimizer in optimizers:
            backward(optimizer.model)
            optimizer.step_if_finite(torch.tensor(True))
    assert all(map(torch.equal, with_rule.parameters(), without.parameters()))


def test_logits_of_the_first_steps_grow_alike_at_every_width() -> None:
    """What the rule is for: one AdamW step changes the logits about as much in a model eight times as wide."""

    def change(width: int, base: int) -> float:
        model = Llama(
            LlamaConfig(
                50,
                hidden=width,
                layers=2,
                heads=width // 16,
                kv_heads=width // 16,
                intermediate=2 * width,
                context=16,
                tied=False,
            )
        )
        model.initialize(0)
        scale_initial_weights(model, base, width)
        optimizer = ModelOptimizer(model, Optimizer(base_width=base, learning_rate=3e-3), CPU, torch.float32)
        tokens = torch.randint(50, (2, 16), generator=torch.Generator().manual_seed(2))
        before = model(tokens).detach()
        for _ in range(3):
            model.zero_grad()
            model(tokens, tokens).backward()
            optimizer.step_if_finite(torch.tensor(True))
        return float((model(tokens).detach() - before).square().mean().sqrt())

    narrow = change(32, 32)
    assert 0.5 < change(256, 32) / narrow < 2
    assert change(256, 0) / narrow > 2
