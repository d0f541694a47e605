"""What updates the weights: AdamW for all, or Muon for the blocks' matrices and AdamW for the rest.

A step with a gradient that isn't finite is passed over, and the host isn't asked.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from fabula.model.llama import Llama
from fabula.recipe import Optimizer
from fabula.training.muon import Muon
from fabula.training.transfer import is_block_matrix, rate_share

Group = dict[str, Any]


class ModelOptimizer:
    """The optimizers of one model's parameters, worked as one."""

    def __init__(self, model: Llama, settings: Optimizer, device: torch.device, dtype: torch.dtype) -> None:
        """Share the parameters out; `dtype` is the precision of Muon's products."""
        self.model = model
        named = dict(model.named_parameters())
        matrices = {name: p for name, p in named.items() if settings.kind == "muon" and is_block_matrix(name)}
        rest = {name: p for name, p in named.items() if name not in matrices}
        self.adamw = _adamw(rest, settings, model.config.hidden, device)
        self.parts: list[torch.optim.Optimizer] = [self.adamw]
        if matrices:
            rate, decay = settings.matrix_learning_rate, settings.matrix_weight_decay
            self.parts.append(Muon(matrices.values(), rate, settings.momentum, decay, dtype))
        self.states = {name: self.parts[name in matrices].state[p] for name, p in named.items()}
        for group in self._groups():
            group["share"] = group["lr"] / settings.learning_rate

    def _groups(self) -> Iterable[Group]:
        return (group for part in self.parts for group in part.param_groups)

    def set_rates(self, learning_rate: float, beta1: float) -> None:
        """Give AdamW the step's learning rate and beta1, and a group with another peak its share of it."""
        for group in self._groups():
            group["lr"] = learning_rate * group["share"]
        for group in self.adamw.param_groups:
            group["betas"] = (beta1, group["betas"][1])

    def step_if_finite(self, finite: Tensor) -> None:
        """Update the parameters unless `finite` (a boolean scalar on their device) is false; the host doesn't wait.

        Fused kernels read the flag where mixed-precision scalers put it: `found_inf`, 1.0 to leave all as it is.
        """
        for part in self.parts:
            part.found_inf = (~finite).float()  # type: ignore[attr-defined]
            part.step()

    def tensors(self) -> dict[str, Tensor]:
        """Return the state: `exp_avg.WEIGHT`, `exp_avg_sq.WEIGHT` and `step.WEIGHT`, or Muon's `momentum.WEIGHT`."""
        return {f"{kind}.{name}": value for name, state in self.states.items() for kind, value in state.items()}

    @torch.no_grad()
    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` returned."""
        named = dict(self.model.named_parameters())
        for key, value in tensors.items():
            kind, _, name = key.partition(".")
            state = self.states[name]
            if kind in state:
                state[kind].copy_(value)
            else:
                # AdamW makes its state in its first step, and its fused kernel wants the count on the device too.
                state[kind] = value.clone().to(named[name].device)


def _adamw(named: dict[str, nn.Parameter], settings: Optimizer, width: int, device: torch.device) -> torch.optim.AdamW:
    """Return AdamW, fused where the device has it, with weight decay on all parameters or on matrices alone."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in named.items():
        share = rate_share(name, settings.base_width, width)
        decay = settings.weight_decay if parameter.dim() > 1 or settings.decay == "all" else 0.0
        # AdamW decays by rate times decay: how long a weight is remembered shall not change with the width.
        groups.setdefault((settings.learning_rate * share, decay / share), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": parameters, "lr": rate, "weight_decay": decay} for (rate, decay), parameters in groups.items()],
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        fused=device.type in ("cpu", "cuda", "mps"),
    )
