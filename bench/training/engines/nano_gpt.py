"""nanoGPT's model and optimizer, from a clone of its repository; its loop is like `loop.run`."""

import importlib
from typing import Any

from torch import Tensor

from bench.training.engines.loop import facts, prepare, run
from bench.training.feeds import Batch
from bench.training.pace import Pace


def train(spec: dict[str, Any], pace: Pace) -> None:
    """Train a GPT of the same width, depth and vocabulary; its feed-forward block is GELU, four times as wide."""
    prepare(spec)
    source: Any = importlib.import_module("model")  # the clone's model.py
    shape = spec["shape"]
    model = source.GPT(
        source.GPTConfig(
            block_size=shape["context"],
            vocab_size=shape["vocab_size"],
            n_layer=shape["layers"],
            n_head=shape["heads"],
            n_embd=shape["hidden"],
            dropout=0.0,
            bias=False,
        )
    )
    optimizer = model.configure_optimizers(spec["weight_decay"], spec["learning_rate"], (0.9, 0.95), "cpu")
    pace.facts = facts(model, "nanoGPT", [model.transformer.wpe])
    run(spec, pace, model, optimizer, _loss)


def _loss(network: Any, batch: Batch) -> Tensor:
    loss: Tensor = network(batch.tokens, batch.targets)[1]
    return loss
