"""llama2.c's model and optimizer, from a clone of its repository; its loop is like `loop.run`."""

import importlib
from typing import Any

from torch import Tensor

from bench.training.engines.loop import facts, prepare, run
from bench.training.feeds import Batch
from bench.training.pace import Pace


def train(spec: dict[str, Any], pace: Pace) -> None:
    """Train a Llama of the same shape; it always ties its embedding to the head."""
    prepare(spec)
    source: Any = importlib.import_module("model")  # the clone's model.py
    shape = spec["shape"]
    model = source.Transformer(
        source.ModelArgs(
            dim=shape["hidden"],
            n_layers=shape["layers"],
            n_heads=shape["heads"],
            n_kv_heads=shape["kv_heads"],
            vocab_size=shape["vocab_size"],
            hidden_dim=shape["intermediate"],
            norm_eps=shape["norm_epsilon"],
            max_seq_len=shape["context"],
            dropout=0.0,
        )
    )
    optimizer = model.configure_optimizers(spec["weight_decay"], spec["learning_rate"], (0.9, 0.95), "cpu")
    pace.facts = facts(model, "llama2.c", [])

    def loss_of(network: Any, batch: Batch) -> Tensor:
        network(batch.tokens, batch.targets)
        loss: Tensor = model.last_loss
        return loss

    run(spec, pace, model, optimizer, loss_of)
