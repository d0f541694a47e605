import itertools
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from fabula import recipe
from fabula.corpus.tokenizer import byte_level_bpe, end_of_text_id, id_count, load, train_bpe
from fabula.errors import UserError

ROOT = Path(__file__).parents[2]
TEXTS = [f"Once upon a time there was a {animal} named {name}. The {animal} was happy!" for animal, name in
         itertools.product(("fox", "dog", "cat", "bird"), ("Lily", "Tom", "Ben", "Mia"))]  # fmt: skip


@pytest.fixture(scope="module")
def gpt2(shared_data):
    return load(recipe.Tokenizer(kind="gpt2", path=str(shared_data / "gpt2")))


def test_gpt2_ids_are_the_reference_ones(gpt2):
    assert gpt2.encode("Hello world").ids == [15496, 995]
    assert end_of_text_id(gpt2) == 50256
    assert id_count(gpt2) == 50257


@pytest.mark.parametrize("text", ["I'll say: don't!", "  two  spaces\n\n", "naïve 😀 \u2028", "12345 $%&"])
def test_gpt2_gives_back_any_text(gpt2, text):
    assert gpt2.decode(gpt2.encode(text).ids, skip_special_tokens=False) == text


def test_gpt2_is_the_same_from_every_file(gpt2, shared_data, tmp_path):
    (tmp_path / "vocab.json").write_bytes((shared_data / "gpt2" / "encoder.json").read_bytes())
    (tmp_path / "merges.txt").write_bytes((shared_data / "gpt2" / "vocab.bpe").read_bytes())
    assert load(recipe.Tokenizer(kind="gpt2", path=str(tmp_path))).to_str() == gpt2.to_str()
    other = Tokenizer.from_str(gpt2.to_str())
    other.enable_truncation(4)
    other.post_processor = None
    other.save(str(tmp_path / "tokenizer.json"), pretty=True)
    assert load(recipe.Tokenizer(kind="gpt2", path=str(tmp_path))).to_str() == gpt2.to_str()
    assert load(recipe.Tokenizer(kind="bpe", path=str(tmp_path / "tokenizer.json"))).to_str() == gpt2.to_str()


def test_the_letters_of_end_of_text_stay_letters(gpt2):
    trained = train_bpe(["a <|endoftext|> b"] * 9, 300)
    for tokenizer in (gpt2, trained):
        ids = tokenizer.encode("a<|endoftext|>b", add_special_tokens=False).ids
        assert end_of_text_id(tokenizer) not in ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == "a<|endoftext|>b"


@cache
def trained() -> Tokenizer:
    return train_bpe(TEXTS, 320)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_trained_bpe_gives_back_any_text(text):
    tokenizer = trained()
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_a_trained_bpe_has_end_of_text_first_and_every_byte():
    tokenizer = train_bpe(TEXTS, 300)
    assert id_count(tokenizer) == 300
    assert end_of_text_id(tokenizer) == 0
    assert set(pre_tokenizers.ByteLevel.alphabet()) <= set(tokenizer.get_vocab())
    assert len(tokenizer.encode("Once upon").ids) < 9


def test_a_small_corpus_just_gives_a_smaller_vocabulary():
    assert 257 <= id_count(train_bpe(["ab ab"], 5000)) < 300


@pytest.mark.parametrize("size", [256, 65_536])
def test_a_vocabulary_must_fit_the_store(size):
    with pytest.raises(UserError, match=f"tokenizer.vocab_size = {size} must be between"):
        train_bpe(TEXTS, size)


def test_training_does_not_depend_on_the_number_of_threads():
    program = (
        "import sys; from fabula.corpus.tokenizer import train_bpe; "
        "words = [f'{a}{b} {b}{a}' for a in 'abcdefghijklm' for b in 'nopqrstuvwxyz'] * 4; "
        "print(train_bpe(words, 420).to_str())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **threads},
        ).stdout
        for threads in ({"TOKENIZERS_PARALLELISM": "false"}, {"RAYON_NUM_THREADS": "4"}, {"RAYON_NUM_THREADS": "2"})
    }
    assert len(outputs) == 1


def test_a_user_tokenizer_from_tokenizer_json(tmp_path):
    mine = train_bpe(TEXTS, 300)
    mine.save(str(tmp_path / "mine.json"))
    loaded = load(recipe.Tokenizer(kind="bpe", path=str(tmp_path / "mine.json")))
    assert loaded.encode(TEXTS[0]).ids == mine.encode(TEXTS[0]).ids
    with pytest.raises(UserError, match=r"is not GPT-2's tokenizer; for another one set tokenizer\.kind = bpe"):
        load(recipe.Tokenizer(kind="gpt2", path=str(tmp_path / "mine.json")))


def test_tokenizers_that_cannot_be_used(tmp_path):
    def refuse(path: Path, message: str) -> None:
        with pytest.raises(UserError, match=message):
            load(recipe.Tokenizer(kind="bpe", path=str(path)))

    refuse(tmp_path / "nothing.json", "does not exist")
    refuse(tmp_path, "holds no tokenizer; a folder needs tokenizer.json or encoder.json")
    (tmp_path / "a.json").write_text("{}")
    refuse(tmp_path / "a.json", "is not a tokenizer.json")
    lowering = train_bpe(TEXTS, 300)
    lowering.normalizer = normalizers.Lowercase()
    lowering.save(str(tmp_path / "b.json"))
    refuse(tmp_path / "b.json", "changes the text")
    without_end = byte_level_bpe({}, [])
    without_end.model = models.BPE({letter: i for i, letter in enumerate(pre_tokenizers.ByteLevel.alphabet())}, [])
    without_end.save(str(tmp_path / "c.json"))
    refuse(tmp_path / "c.json", r"no <\|endoftext\|> token")
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0, "<|endoftext|>": 1}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    refuse(tmp_path, "don't fit together")
    (tmp_path / "vocab.json").write_text("[]")
    refuse(tmp_path, "is not a vocabulary")
