"""AdamW over the model's parameters, with a step that a non-finite gradient passes over."""

import torch
from torch import Tensor, nn

from fabula.recipe import Optimizer


def build_optimizer(model: nn.Module, settings: Optimizer, device: torch.device) -> torch.optim.AdamW:
    """Return AdamW, fused where the device has it, with weight decay on all parameters or on matrices alone."""
    parameters = list(model.parameters())
    decayed = [p for p in parameters if p.dim() > 1 or settings.decay == "all"]
    spared = [p for p in parameters if p.dim() <= 1 and settings.decay == "matrices"]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}]
    if spared:
        groups.append({"params": spared, "weight_decay": 0.0})
    return torch.optim.AdamW(
        groups,
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        fused=device.type in ("cpu", "cuda", "mps"),
    )


def set_rates(optimizer: torch.optim.AdamW, learning_rate: float, beta1: float) -> None:
    """Give every parameter group the step's learning rate and beta1."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
        group["betas"] = (beta1, group["betas"][1])


def step_if_finite(optimizer: torch.optim.AdamW, finite: Tensor) -> None:
    """Update the parameters unless `finite` (a boolean scalar on their device) is false; the host doesn't wait for it.

    The fused kernel reads the flag where mixed-precision scalers put it: `found_inf`, 1.0 to leave all as it is.
    """
    optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]
    optimizer.step()


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.AdamW) -> dict[str, Tensor]:
    """Return the optimizer's state as tensors named `exp_avg.WEIGHT`, `exp_avg_sq.WEIGHT` and `step.WEIGHT`."""
    return {
        f"{kind}.{name}": value
        for name, parameter in model.named_parameters()
        for kind, value in optimizer.state[parameter].items()
    }


def restore_optimizer(model: nn.Module, optimizer: torch.optim.AdamW, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` returned."""
    for name, parameter in model.named_parameters():
        state = {key.partition(".")[0]: value for key, value in tensors.items() if key.partition(".")[2] == name}
        if state:
            optimizer.state[parameter] = {
                # AdamW's fused kernel wants the step count on the parameter's device too.
                kind: value.clone().to(parameter.device)
                for kind, value in state.items()
            }
