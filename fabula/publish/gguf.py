"""A plain Llama as one GGUF file, the format of llama.cpp and of what is built on it (Ollama, LM Studio).

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Names and conventions are those of llama.cpp's own
`convert_hf_to_gguf.py`.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fabula.errors import UserError
from fabula.files import explain_os_errors, flush_file, flush_folder
from fabula.model.config import LlamaConfig
from fabula.model.folder import end_of_text_ids, load_config, load_tokenizer, weight_files
from fabula.model.layout import load_model
from fabula.model.llama import Llama
from fabula.terminal import progress

Dtype = Literal["auto", "float32", "float16", "bfloat16", "q8_0", "q4_0"]
"""Of the matrices. `auto`: bfloat16 where the folder stores bfloat16, else float32, so that nothing is lost. `q8_0` and
`q4_0` share a float16 scale among 32 weights of 8 or 4 bits."""

TYPES = {
    "float32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "float16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "bfloat16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}
OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
INNER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""Names of our modules and of GGUF's tensors, around the layers and within one."""


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer as GGUF states it."""

    tokens: list[str]
    """Each id's text, in GPT-2's alphabet of bytes."""
    types: list[int]
    """Each id's `gguf.TokenType`."""
    merges: list[str]
    """The two parts of each merge with a blank between, the first merge first."""
    begin: int
    """The token that stands before a text."""
    add_begin: bool
    """Whether the tokenizer puts it there itself."""
    ends: tuple[int, ...]
    """The tokens that end a text."""


def export_gguf(folder: Path, out: Path, dtype: Dtype = "auto") -> Path:
    """Write a model folder as a GGUF file, weights and tokenizer; returns `out`, which is whole or not there.

    Args:
        folder: a plain Llama in the Hugging Face layout.
        out: the file; one that is there is replaced.
        dtype: of the matrices. Gains stay float32, as llama.cpp wants them.

    Raises:
        UserError: the folder is no plain Llama, its tokenizer is none that llama.cpp would imitate exactly, or its
            weights don't fit `dtype`.
    """
    config = load_config(folder)
    vocabulary = read_vocabulary(folder, config.vocab_size)
    model = load_model(folder)
    chosen = stored_dtype(folder) if dtype == "auto" else dtype
    quantization, file_type = TYPES[chosen]
    writer = gguf.GGUFWriter(None, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.LLAMA])
    writer.add_name(_name(folder.resolve()))
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_shape(writer, config)
    _add_vocabulary(writer, vocabulary)
    with progress(f"GGUF, {chosen}", model.parameter_count(), "weights") as advance:
        for name, weights in tensors(model):
            kind = quantization if weights.ndim > 1 else gguf.GGMLQuantizationType.F32
            writer.add_tensor(name, _converted(name, weights, kind), raw_dtype=kind)
            advance(weights.size)
    _write(writer, out)
    return out


def stored_dtype(folder: Path) -> Literal["float32", "bfloat16"]:
    """Return the narrowest of our dtypes that holds a folder's weights as they are stored."""
    from safetensors import safe_open

    for path in weight_files(folder):
        with safe_open(path, "pt") as file:
            if any(file.get_slice(name).get_dtype() != "BF16" for name in file.keys()):  # noqa: SIM118 - no mapping
                return "float32"
    return "bfloat16"


def tensors(model: Llama) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield each weight under GGUF's name, float32, as llama.cpp wants it; a tied head is left out."""
    config = model.config
    for name, parameter in model.named_parameters():  # shared ones come once
        weights = parameter.detach().to(torch.float32).numpy()
        if name.endswith("q_proj.weight"):
            weights = interleaved(weights, config.heads)
        elif name.endswith("k_proj.weight"):
            weights = interleaved(weights, config.kv_heads)
        yield gguf_name(name), weights


def gguf_name(name: str) -> str:
    """Return GGUF's name of one of our weights."""
    module, _, kind = name.rpartition(".")
    if module in OUTER:
        return f"{OUTER[module]}.{kind}"
    layer, _, inner = module.removeprefix("model.layers.").partition(".")
    return f"blk.{layer}.{INNER[inner]}.{kind}"


def interleaved(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Reorder the rows of a query or key projection, shape (heads * width, hidden).

    RoPE turns pairs of a head's rows. In Hugging Face's layout row i is paired with i + width / 2; llama.cpp's `llama`
    follows Meta's, where a pair stands side by side.
    """
    halves = weights.reshape(heads, 2, weights.shape[0] // heads // 2, weights.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(weights.shape)


def read_vocabulary(folder: Path, vocab_size: int) -> Vocabulary:
    """Read a model folder's tokenizer as GGUF states it.

    Raises:
        UserError: not a byte-level BPE that cuts texts as GPT-2's does, or one that doesn't fit the model.
    """
    tokenizer = load_tokenizer(folder)
    stated = json.loads(tokenizer.to_str())
    _check_gpt2_like(stated, folder)
    tokens, types = [f"[PAD{token}]" for token in range(vocab_size)], [int(gguf.TokenType.UNUSED)] * vocab_size
    kinds = dict.fromkeys(stated["model"]["vocab"].values(), gguf.TokenType.NORMAL)
    for added in stated["added_tokens"]:
        kinds[added["id"]] = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
    for text, token in tokenizer.get_vocab(with_added_tokens=True).items():
        if token >= vocab_size:
            raise UserError(f"{folder}: the tokenizer has token {token}, the model {vocab_size} rows")
        tokens[token], types[token] = text, int(kinds[token])
    ends = end_of_text_ids(folder, tokenizer, vocab_size)
    lead = _lead(tokenizer, folder)
    return Vocabulary(
        tokens=tokens,
        types=types,
        merges=[" ".join(merge) for merge in stated["model"]["merges"]],
        begin=lead[0] if lead else ends[0],
        add_begin=bool(lead),
        ends=ends,
    )


def _check_gpt2_like(stated: dict[str, Any], folder: Path) -> None:
    model, cut = stated["model"], stated["pre_tokenizer"] or {}
    if (
        model["type"] != "BPE"
        or model.get("byte_fallback")
        or model.get("ignore_merges")
        or stated["normalizer"] is not None
        or cut.get("type") != "ByteLevel"
        or cut["add_prefix_space"]
        or not cut["use_regex"]
    ):
        raise UserError(
            f"{folder}: the GGUF export knows byte-level BPEs with GPT-2's pre-tokenizer; "
            f"this is {model['type']} with {cut.get('type', 'no pre-tokenizer')}"
        )


def _lead(tokenizer: Tokenizer, folder: Path) -> list[int]:
    """Return what a tokenizer puts before every text: one token or none."""
    plain = list(tokenizer.encode("a", add_special_tokens=False).ids)
    whole = list(tokenizer.encode("a").ids)
    lead = whole[: len(whole) - len(plain)]
    if whole != lead + plain or len(lead) > 1:
        raise UserError(
            f"{folder}: the tokenizer puts more around a text than one token before it, which GGUF can't say"
        )
    return lead


def _name(folder: Path) -> str:
    """Return a model's name for people: a checkpoint is named with its run."""
    run = folder.parent.parent.name if folder.parent.name == "checkpoints" else ""
    return f"{run} {folder.name}".strip()


def _add_shape(writer: gguf.GGUFWriter, config: LlamaConfig) -> None:
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.hidden)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.intermediate)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_rope_dimension_count(config.head_width)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_vocab_size(config.vocab_size)


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(vocabulary.begin)
    writer.add_eos_token_id(vocabulary.ends[0])
    if len(vocabulary.ends) > 1:  # llama.cpp stops at either
        writer.add_eot_token_id(vocabulary.ends[1])
    writer.add_pad_token_id(vocabulary.ends[0])
    writer.add_add_bos_token(vocabulary.add_begin)
    writer.add_add_space_prefix(False)


def _converted(name: str, weights: NDArray[np.float32], kind: gguf.GGMLQuantizationType) -> NDArray[Any]:
    try:
        with np.errstate(over="ignore"):
            converted: NDArray[Any] = gguf.quantize(weights, kind)
    except gguf.QuantError as error:
        raise UserError(f"{name}, shape {list(weights.shape)}, can't be {kind.name}: {error}") from None
    if kind is gguf.GGMLQuantizationType.F16 and not np.isfinite(converted).all():
        raise UserError(f"{name} has weights beyond what float16 holds; export it as bfloat16")
    return converted


def _write(writer: gguf.GGUFWriter, out: Path) -> None:
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    with explain_os_errors(out):
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(writer):
                writer.write_header_to_file(temporary)
                writer.write_kv_data_to_file()
                writer.write_tensors_to_file()
            flush_file(temporary)
            temporary.replace(out)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        flush_folder(out.parent)
