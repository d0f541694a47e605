"""A written checkpoint in the hands of `transformers`, as the reference card's readers use it."""

import json
import re
from pathlib import Path

import pytest
import torch

from fabula.corpus.tokenizer import id_count
from fabula.model.layout import load_model
from tests.model.reference import relative_error
from tests.tiny import STORIES, tiny_checkpoint, tiny_model, tiny_tokenizer

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tokenizer = tiny_tokenizer()
    model = tiny_model(vocab_size=id_count(tokenizer), context=64)
    return tiny_checkpoint(tmp_path_factory.mktemp("transformers") / "c", model, tokenizer)


def test_the_readmes_snippet_runs_with_only_the_path_changed(folder, capsys):
    """It is the reference card's own, with its settings: bfloat16, device_map="auto", 0.7, 0.9, 1.1."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (block for block in blocks if "transformers" in block)
    code, changed = re.subn(r'model_path = "[^"]*"', f'model_path = "{folder}"', block)
    assert changed == 1
    for setting in ("torch_dtype=torch.bfloat16", 'device_map="auto"', "temperature=0.7", "top_p=0.9"):
        assert setting in code
    names = {}
    torch.manual_seed(0)
    exec(code, names)
    assert names["model"].dtype == torch.bfloat16
    assert names["inputs"]["input_ids"][0, 0] == names["tokenizer"].eos_token_id == 0
    text = capsys.readouterr().out.strip()
    assert text.startswith(names["prompt"])
    assert len(text) > len(names["prompt"])
    assert "<|endoftext|>" not in text


def test_the_reloaded_model_has_our_logits(folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    reference = AutoModelForCausalLM.from_pretrained(folder)
    tokens = AutoTokenizer.from_pretrained(folder)(STORIES[0], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        assert relative_error(load_model(folder)(tokens), reference(tokens).logits) < 1e-5


def test_the_reloaded_tokenizer_agrees_with_ours(folder):
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(folder)
    for story in STORIES:
        ids = theirs(story)["input_ids"]
        assert ids == [0, *tiny_tokenizer().encode(story, add_special_tokens=False).ids]
        assert theirs.decode(ids, skip_special_tokens=True) == story
    assert theirs.eos_token == theirs.pad_token == theirs.bos_token == "<|endoftext|>"
    assert theirs.model_max_length == 64


def test_a_folder_that_transformers_saved_is_read(folder, tmp_path):
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path, max_shard_size="20KB")
    assert (tmp_path / "model.safetensors.index.json").is_file()
    ours, theirs = load_model(folder), load_model(tmp_path)
    assert ours.config == theirs.config
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_prompts_become_what_the_model_takes(folder):
    """The default of transformers 4's tokenizers holds token_type_ids too, which a Llama refuses."""
    config = json.loads((folder / "tokenizer_config.json").read_text())
    assert config["model_input_names"] == ["input_ids", "attention_mask"]
