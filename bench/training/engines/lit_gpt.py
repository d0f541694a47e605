"""litgpt's model and loss, installed or from a clone of its repository; its loop is like `loop.run`."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import Tensor

from bench.training.engines.loop import facts, prepare, run
from bench.training.feeds import Batch
from bench.training.pace import Pace


def train(spec: dict[str, Any], pace: Pace) -> None:
    """Train a Llama of the same shape."""
    prepare(spec)
    litgpt: Any = importlib.import_module("litgpt")
    loss_function: Any = importlib.import_module("litgpt.utils").chunked_cross_entropy
    shape = spec["shape"]
    model = litgpt.GPT(
        litgpt.Config(
            block_size=shape["context"],
            vocab_size=shape["vocab_size"],
            padded_vocab_size=shape["vocab_size"],
            n_layer=shape["layers"],
            n_head=shape["heads"],
            n_query_groups=shape["kv_heads"],
            n_embd=shape["hidden"],
            intermediate_size=shape["intermediate"],
            rotary_percentage=1.0,
            parallel_residual=False,
            bias=False,
            norm_class_name="RMSNorm",
            norm_eps=shape["norm_epsilon"],
            mlp_class_name="LLaMAMLP",
        )
    )
    model.apply(model._init_weights)
    if shape["tied"]:
        model.transformer.wte.weight = model.lm_head.weight
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=spec["learning_rate"], weight_decay=spec["weight_decay"], betas=(0.9, 0.95)
    )
    pace.facts = facts(model, f"litgpt {_version()}", [] if shape["tied"] else [model.transformer.wte])

    def loss_of(network: Any, batch: Batch) -> Tensor:
        loss: Tensor = loss_function(network(batch.tokens), batch.targets, chunk_size=0)
        return loss

    run(spec, pace, model, optimizer, loss_of)


def _version() -> str:
    try:
        return version("litgpt")
    except PackageNotFoundError:
        return "(a clone)"
