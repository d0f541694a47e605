"""Muon (Jordan et al., 2024): a matrix moves along its gradient's mean, made orthogonal.

`torch.optim.Muon` computes the same, one matrix after another. This one takes all matrices of a shape at once, which
a CPU's and a GPU's batched products like better, and passes over a step whose gradient isn't finite without asking
the host. Shapes: M matrices of R rows (outputs) and C columns (inputs).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = ((3.4445, -4.7750, 2.0315),) * 5
"""Of each Newton-Schulz step's polynomial a x + b x^3 + c x^5: Jordan's, steep at 0 and never far from 1 above."""
SMALLEST_NORM = 1e-7
"""Below this a matrix counts as zero, and stays zero."""


class Muon(torch.optim.Optimizer):
    """Nesterov's momentum, orthogonalized; decoupled weight decay.

    A step changes a matrix by `lr * sqrt(outputs / inputs)` in spectral norm: the change of its outputs is then the
    same at every width (Yang, Simon and Bernstein, 2023), so that a learning rate found at one width holds at another.

    As with torch's fused optimizers, an attribute `found_inf` (a scalar tensor) of 1.0 leaves everything as it is.
    """

    found_inf: Tensor | None = None

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: float,
        weight_decay: float,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        """Take matrices, and the precision of the products that orthogonalize."""
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.dtype = dtype
        self.by_shape = [(group, *stack) for group in self.param_groups for stack in self._stacks(group["params"])]

    def _stacks(self, parameters: list[nn.Parameter]) -> list[tuple[list[nn.Parameter], Tensor]]:
        """Return the matrices by shape, each with the momentum of all of them (MRC), which `state` has views of."""
        by_shape: dict[torch.Size, list[nn.Parameter]] = {}
        for parameter in parameters:
            by_shape.setdefault(parameter.shape, []).append(parameter)
        stacks = []
        for shape, alike in by_shape.items():
            momentum_MRC = torch.zeros(len(alike), *shape, dtype=alike[0].dtype, device=alike[0].device)
            for parameter, momentum_RC in zip(alike, momentum_MRC, strict=True):
                self.state[parameter]["momentum"] = momentum_RC
            stacks.append((alike, momentum_MRC))
        return stacks

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every matrix; `closure` is torch's, and not used."""
        for group, parameters, momentum_MRC in self.by_shape:
            gradient_MRC = torch.stack([_gradient(parameter) for parameter in parameters])
            taken = torch.ones_like(gradient_MRC[0, 0, 0])
            if self.found_inf is not None:
                taken -= self.found_inf
                gradient_MRC = torch.where(taken > 0, gradient_MRC, 0.0)
            momentum_MRC.lerp_(gradient_MRC, taken * (1 - group["momentum"]))
            update_MRC = orthogonalized(gradient_MRC.lerp(momentum_MRC, group["momentum"]).to(self.dtype))
            outputs, inputs = parameters[0].shape
            change_MRC = update_MRC.float() * (taken * (-group["lr"] * (outputs / inputs) ** 0.5))
            kept = 1 - taken * (group["lr"] * group["weight_decay"])
            for parameter, change_RC in zip(parameters, change_MRC, strict=True):
                parameter.mul_(kept).add_(change_RC)


def orthogonalized(matrices: Tensor) -> Tensor:
    """Return the matrices (M, R, C) with their singular values near 1: between about 0.7 and 1.2, tiny ones less.

    Newton-Schulz steps: the polynomial of each, odd in the matrix, works on the singular values alone and needs only
    products; here on the transposes where these are wider, which makes the Gram matrices the smaller ones.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=SMALLEST_NORM)
    for a, b, c in COEFFICIENTS:
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def _gradient(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
