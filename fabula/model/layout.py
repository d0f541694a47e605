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
from fabula.files import to_json
from fabula.model.config import config_to_json
from fabula.model.folder import END_OF_TEXT, GENERATION, WEIGHTS, load_config, weight_files
from fabula.model.llama import Llama

Dtype = Literal["float32", "bfloat16"]


def write_model(folder: Path, model: Llama, tokenizer: Tokenizer, dtype: Dtype = "float32") -> None:
    """Write a model folder that stands alone; `folder` exists and is ours.

    The tokenizer puts end-of-text in front of every prompt, as training put it in front of every story.
    """
    end_of_text = end_of_text_id(tokenizer)
    special = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "pad_token": END_OF_TEXT, "unk_token": END_OF_TEXT}
    files: dict[str, Any] = {
        "config.json": config_to_json(model.config, end_of_text, dtype),
        GENERATION: {
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
