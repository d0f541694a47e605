"""`transformers`' LlamaForCausalLM in the loop that a user would write, with torch's default AdamW."""

from typing import Any

import torch
import transformers
from torch import Tensor

from bench.training.counting import PADDING
from bench.training.engines.loop import facts, prepare, run
from bench.training.feeds import Batch
from bench.training.pace import Pace


def build(spec: dict[str, Any]) -> Any:
    """Return a Llama of the contest's shape with fresh weights."""
    shape = spec["shape"]
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=shape["vocab_size"],
            hidden_size=shape["hidden"],
            intermediate_size=shape["intermediate"],
            num_hidden_layers=shape["layers"],
            num_attention_heads=shape["heads"],
            num_key_value_heads=shape["kv_heads"],
            max_position_embeddings=shape["context"],
            rms_norm_eps=shape["norm_epsilon"],
            tie_word_embeddings=shape["tied"],
            use_cache=False,
        )
    )


def describe(model: Any, spec: dict[str, Any]) -> dict[str, Any]:
    """Say what the model is."""
    lookups = [] if spec["shape"]["tied"] else [model.model.embed_tokens]
    return facts(model, f"transformers {transformers.__version__}", lookups)


def inputs(batch: Batch) -> dict[str, Tensor]:
    """Return what the model is called with; padding is masked where there may be some."""
    labels = batch.labels()
    padded = bool((labels == PADDING).any())
    mask = {"attention_mask": (labels != PADDING).long()} if padded else {}
    return {"input_ids": batch.tokens, "labels": labels, **mask}


def train(spec: dict[str, Any], pace: Pace) -> None:
    """Train it."""
    prepare(spec)
    model = build(spec)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=spec["learning_rate"])
    pace.facts = describe(model, spec)

    def loss_of(network: Any, batch: Batch) -> Tensor:
        loss: Tensor = network(**inputs(batch)).loss
        return loss

    run(spec, pace, model, optimizer, loss_of, Batch.counted_by_labels)
