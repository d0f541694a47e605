"""A written checkpoint in the hands of `transformers`, as the reference card's readers use it."""

import pytest
import torch

from fabula.corpus.tokenizer import id_count
from fabula.model.layout import load_model
from tests.model.reference import relative_error
from tests.tiny import STORIES, tiny_checkpoint, tiny_model, tiny_tokenizer

SNIPPET = """
from transformers import AutoTokenizer, AutoModelForCausalLM
import torch

tokenizer = AutoTokenizer.from_pretrained(model_name)
model = AutoModelForCausalLM.from_pretrained(
    model_name,
    torch_dtype=torch.bfloat16,
    device_map="auto"
)

prompt = "Once upon a time, there was a little girl"
inputs = tokenizer(prompt, return_tensors="pt").to(model.device)
outputs = model.generate(
    **inputs,
    max_new_tokens=20,
    do_sample=True,
    temperature=0.7,
    top_p=0.9,
    repetition_penalty=1.1
)
text = tokenizer.decode(outputs[0], skip_special_tokens=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tokenizer = tiny_tokenizer()
    model = tiny_model(vocab_size=id_count(tokenizer), context=64)
    return tiny_checkpoint(tmp_path_factory.mktemp("transformers") / "c", model, tokenizer)


def test_the_reference_cards_snippet_runs_word_for_word(folder):
    names = {"model_name": str(folder)}
    torch.manual_seed(0)
    exec(SNIPPET, names)
    assert names["model"].dtype == torch.bfloat16
    assert names["inputs"]["input_ids"][0, 0] == names["tokenizer"].eos_token_id == 0
    assert names["text"].startswith(names["prompt"])
    assert len(names["text"]) > len(names["prompt"])
    assert "<|endoftext|>" not in names["text"]


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
