"""The shape of a Llama, and `config.json`. Nothing here needs PyTorch."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fabula.errors import UserError
from fabula.recipe import Model


@dataclass(frozen=True)
class LlamaConfig:
    """The shape of a model; the names and defaults are explained in `fabula.recipe.Model`."""

    vocab_size: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    context: int
    tied: bool
    rope_theta: float = 10_000.0
    norm_epsilon: float = 1e-6
    initializer_range: float = 0.02
    scale_residual_init: bool = False

    @classmethod
    def from_recipe(cls, model: Model, vocab_size: int) -> "LlamaConfig":
        """Return the shape that a recipe asks for, with the tokenizer's vocabulary."""
        shape = {**asdict(model), "kv_heads": model.kv_heads or model.heads}
        return cls(vocab_size=vocab_size, **shape)

    @property
    def head_width(self) -> int:
        """Width of one head."""
        return self.hidden // self.heads


def config_to_json(config: LlamaConfig, end_of_text: int, dtype: str) -> dict[str, Any]:
    """Return `config.json`'s content; RoPE's base is written in the forms of transformers 4 and 5."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden,
        "intermediate_size": config.intermediate,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_width,
        "hidden_act": "silu",
        "max_position_embeddings": config.context,
        "initializer_range": config.initializer_range,
        "rms_norm_eps": config.norm_epsilon,
        "tie_word_embeddings": config.tied,
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "rope_scaling": None,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "mlp_bias": False,
        "use_cache": True,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
        "pad_token_id": end_of_text,
        "torch_dtype": dtype,
        "dtype": dtype,
    }


def config_from_json(values: dict[str, Any], where: Path) -> LlamaConfig:
    """Read `config.json`'s content.

    Raises:
        UserError: not a Llama, or one with parts that Fabula doesn't compute.
    """
    if values.get("model_type") != "llama":
        raise UserError(f"{where}: model_type is {values.get('model_type')!r}; Fabula runs 'llama' models")
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    if not isinstance(rope, dict):
        raise UserError(f"{where}: rope_parameters or rope_scaling is {rope!r}; it must be an object")
    if rope.get("rope_type", rope.get("type", "default")) != "default":
        raise UserError(f"{where}: scaled RoPE ({rope}) is not supported; Fabula runs plain Llama models")
    if values.get("attention_bias") or values.get("mlp_bias") or values.get("hidden_act", "silu") != "silu":
        raise UserError(f"{where}: biases or another activation than silu; Fabula runs plain Llama models")
    try:
        heads = values["num_attention_heads"]
        config = LlamaConfig(
            vocab_size=values["vocab_size"],
            hidden=values["hidden_size"],
            layers=values["num_hidden_layers"],
            heads=heads,
            kv_heads=values.get("num_key_value_heads") or heads,
            intermediate=values["intermediate_size"],
            context=values.get("max_position_embeddings", 2048),
            tied=values.get("tie_word_embeddings", False),
            rope_theta=rope.get("rope_theta", values.get("rope_theta", 10_000.0)),
            norm_epsilon=values.get("rms_norm_eps", 1e-6),
            initializer_range=values.get("initializer_range", 0.02),
        )
    except KeyError as error:
        raise UserError(f"{where}: {error} is missing") from None
    sizes = (config.vocab_size, config.hidden, config.layers, heads, config.kv_heads, config.intermediate)
    if not all(isinstance(size, int) and size > 0 for size in (*sizes, config.context)):
        raise UserError(f"{where}: a size is not a whole number above 0")
    for name, number in (("rope_theta", config.rope_theta), ("rms_norm_eps", config.norm_epsilon)):
        if not isinstance(number, int | float) or not 0 < number < math.inf:
            raise UserError(f"{where}: {name} = {number!r} must be a finite number above 0")
    if values.get("tie_word_embeddings", False) not in (True, False):
        raise UserError(f"{where}: tie_word_embeddings = {config.tied!r} must be true or false")
    if config.hidden % heads or config.head_width % 2 or heads % config.kv_heads:
        raise UserError(f"{where}: {config.hidden} wide, {heads} heads, {config.kv_heads} key heads don't fit together")
    if values.get("head_dim") not in (None, config.head_width):
        raise UserError(f"{where}: head_dim {values['head_dim']} differs from hidden / heads = {config.head_width}")
    return config
