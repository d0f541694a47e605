"""Model folders in the Hugging Face layout: any plain Llama is read, and what is written loads in `transformers`."""

from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer, processors
from torch import Tensor

from fabula.corpus.tokenizer import end_of_text_id
from fabula.errors import UserError
from fabula.files import read_json, to_json
from fabula.model.llama import Llama, LlamaConfig

END_OF_TEXT = "<|endoftext|>"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
Dtype = Literal["float32", "bfloat16"]


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
            rope_theta=float(rope.get("rope_theta", values.get("rope_theta", 10_000.0))),
            norm_epsilon=values.get("rms_norm_eps", 1e-6),
            initializer_range=values.get("initializer_range", 0.02),
        )
    except KeyError as error:
        raise UserError(f"{where}: {error} is missing") from None
    sizes = (config.vocab_size, config.hidden, config.layers, heads, config.kv_heads, config.intermediate)
    if not all(isinstance(size, int) and size > 0 for size in (*sizes, config.context)):
        raise UserError(f"{where}: a size is not a whole number above 0")
    if config.hidden % heads or config.head_width % 2 or heads % config.kv_heads:
        raise UserError(f"{where}: {config.hidden} wide, {heads} heads, {config.kv_heads} key heads don't fit together")
    if values.get("head_dim") not in (None, config.head_width):
        raise UserError(f"{where}: head_dim {values['head_dim']} differs from hidden / heads = {config.head_width}")
    return config


def write_model(folder: Path, model: Llama, tokenizer: Tokenizer, dtype: Dtype = "float32") -> None:
    """Write a model folder that stands alone; `folder` exists and is ours.

    The tokenizer puts end-of-text in front of every prompt, as training put it in front of every story.
    """
    end_of_text = end_of_text_id(tokenizer)
    special = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "pad_token": END_OF_TEXT, "unk_token": END_OF_TEXT}
    files: dict[str, Any] = {
        "config.json": config_to_json(model.config, end_of_text, dtype),
        "generation_config.json": {
            "bos_token_id": end_of_text,
            "eos_token_id": end_of_text,
            "pad_token_id": end_of_text,
        },
        "tokenizer_config.json": {
            **special,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_input_names": ["input_ids", "attention_mask"],  # transformers 4 would add token_type_ids
            "model_max_length": model.config.context,
            "clean_up_tokenization_spaces": False,
        },
    }
    for name, content in files.items():
        (folder / name).write_text(to_json(content), encoding="utf-8")
    (folder / "tokenizer.json").write_text(with_leading_end_of_text(tokenizer), encoding="utf-8")
    save_weights(folder / WEIGHTS, model, dtype)


def with_leading_end_of_text(tokenizer: Tokenizer) -> str:
    """Return tokenizer.json's text with a rule that puts end-of-text before every encoded text."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    template = processors.TemplateProcessing(
        single=f"{END_OF_TEXT} $A",
        pair=f"{END_OF_TEXT} $A $B",
        special_tokens=[(END_OF_TEXT, copy.token_to_id(END_OF_TEXT))],
    )
    byte_level = processors.ByteLevel(trim_offsets=False)
    copy.post_processor = processors.Sequence([byte_level, template])
    return str(copy.to_str(pretty=False))


def save_weights(path: Path, model: Llama, dtype: Dtype = "float32") -> None:
    """Write the weights, shared ones once, as `transformers` does."""
    tensors = {
        name: tensor.detach().to("cpu", getattr(torch, dtype)).contiguous()
        for name, tensor in model.state_dict().items()
        if not (model.config.tied and name == "lm_head.weight")
    }
    save_tensors(path, tensors)


def save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a safetensors file; a full disk is an OSError like any other writer's."""
    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError as error:
        for code in (28, 30, 13, 122):  # ENOSPC, EROFS, EACCES, EDQUOT: safetensors hides them in its text
            if f"os error {code}" in str(error):
                raise OSError(code, str(error)) from error
        raise


def load_config(folder: Path) -> LlamaConfig:
    """Read a model folder's shape."""
    return config_from_json(_read_object(folder / "config.json"), folder / "config.json")


def load_model(folder: Path, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32) -> Llama:
    """Read a model folder: one safetensors file, or several with an index.

    Raises:
        UserError: a file is missing or damaged, or the weights aren't those of the model that config.json describes.
    """
    config = load_config(folder)
    with torch.device("meta"):
        model = Llama(config)
    model.to_empty(device=device)
    if config.tied:
        model.lm_head.weight = model.model.embed_tokens.weight
    model.to(dtype)
    wanted = dict(model.state_dict())
    if config.tied:
        del wanted["lm_head.weight"]
    for path in weight_files(folder):
        _copy_weights(path, wanted, tied=config.tied)
    if wanted:
        raise UserError(f"{folder}: {len(wanted)} weights are missing, the first is {next(iter(wanted))}")
    return model.eval()


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model folder."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / WEIGHTS_INDEX).is_file():
        parts = _read_object(folder / WEIGHTS_INDEX).get("weight_map")
        if not isinstance(parts, dict):
            raise UserError(f"{folder / WEIGHTS_INDEX} has no weight_map")
        names = {str(part) for part in parts.values()}
        inside = [folder / Path(name).name for name in sorted(names)]
        missing = [path.name for path in inside if not path.is_file()]
        if missing:
            raise UserError(f"{folder}: {missing[0]} is missing")
        return inside
    raise UserError(f"{folder} has no {WEIGHTS}; Fabula reads weights from safetensors only")


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read a model folder's tokenizer.json."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{path} does not exist")
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises a bare Exception
        raise UserError(f"{path} is not a tokenizer: {error}") from None


def end_of_text_ids(folder: Path, tokenizer: Tokenizer, vocab_size: int) -> tuple[int, ...]:
    """Return the ids that end a text: those of generation_config.json, of config.json, or `<|endoftext|>`.

    Raises:
        UserError: there are none, or they are no tokens of the model.
    """
    value: Any = None
    for name in ("generation_config.json", "config.json"):
        if value is None and (folder / name).is_file():
            value = _read_object(folder / name).get("eos_token_id")
    if value is None:
        value = tokenizer.token_to_id(END_OF_TEXT)
    ids = value if isinstance(value, list) else [value]
    if not ids or not all(isinstance(token, int) and 0 <= token < vocab_size for token in ids):
        raise UserError(f"{folder}: eos_token_id is {value!r}; it must name a token below {vocab_size:,}")
    return tuple(ids)


def _read_object(path: Path) -> dict[str, Any]:
    values = read_json(path)
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold a JSON object")
    return values


def _copy_weights(path: Path, wanted: dict[str, Tensor], *, tied: bool) -> None:
    try:
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - safe_open is no mapping
                if name.endswith("rotary_emb.inv_freq") or (tied and name == "lm_head.weight"):
                    continue
                if name not in wanted:
                    raise UserError(f"{path}: unexpected weight {name}")
                source, target = file.get_tensor(name), wanted.pop(name)
                if source.shape != target.shape:
                    raise UserError(
                        f"{path}: {name} has shape {list(source.shape)}, config.json says {list(target.shape)}"
                    )
                target.copy_(source)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged: {error}") from None
