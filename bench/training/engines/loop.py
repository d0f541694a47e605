"""The training loop that the peers' own examples have: loss, backward, clip, step."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from bench.training.counting import Count
from bench.training.feeds import Batch, batches
from bench.training.pace import Pace

CLIP = 1.0
"""Largest norm of the gradient, the same everywhere."""


def prepare(spec: dict[str, Any]) -> None:
    """Take the threads, the seed and the place of the peer's source that the contest says."""
    torch.set_num_threads(spec["threads"])
    torch.manual_seed(0)
    if spec.get("source"):
        sys.path.insert(0, spec["source"])


def run(
    spec: dict[str, Any],
    pace: Pace,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_of: Callable[[Any, Batch], Tensor],
    counted: Callable[[Batch], Count] = Batch.count,
) -> None:
    """Train for as long as the pace lets it; `loss_of` takes the (compiled) model and a batch."""
    network = torch.compile(model) if spec["compiled"] else model
    for batch in batches(spec):
        with torch.autocast("cpu", torch.bfloat16, enabled=spec["precision"] == "bfloat16"):
            loss = loss_of(network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        pace.step(loss.item(), lambda: counted(batch))  # noqa: B023 - called at once


def facts(model: nn.Module, version: str, lookups: Sequence[nn.Module]) -> dict[str, Any]:
    """Say what a model is; the tables in `lookups` are only looked up in, so that they are in no product."""
    matrices = sum(weight.numel() for weight in model.parameters() if weight.dim() > 1)
    tables = sum(weight.numel() for table in lookups for weight in table.parameters())
    return {
        "version": f"{version}, torch {torch.__version__}",
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "matrix_weights": matrices - tables,
    }
