import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from fabula.corpus import build as build_module
from fabula.corpus import fast_tokenizer, pretokens
from fabula.corpus.build import build
from fabula.corpus.fast_tokenizer import AWKWARD, CorpusEncoder, Encoded, Pretokens, Reference, first_difference
from fabula.corpus.sample import LARGEST, Sample
from fabula.corpus.tokenizer import byte_level_bpe, load, prepare, train_bpe
from fabula.recipe import Tokenizer as TokenizerRecipe
from tests.corpus.test_build import BPE, corpus, some_stories, text_file

STORIES = [
    *some_stories(300),
    *AWKWARD,
    "“Once,” said Zoë, “don't!”\n\nIt's  the cat's.",
    "日本語の物語。 Ende — naïve 😀's",
]
TOKENIZER = train_bpe(STORIES, 500)
LETTERS = "aZzs09 '\t\n\r\x0b\x0c\x1c\x00\x85\xa0é\u2019\u201c\u0301\u2003\u3000Ⅷ½²漢😀\U000e0100"
WORDS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'l", "  ", "<|endoftext|>", "abcdefghijklmnop", " the")
ALPHABET = st.sampled_from([*LETTERS, *WORDS])
TEXTS = st.lists(st.text() | st.lists(ALPHABET, max_size=30).map("".join), max_size=20)
INSTALLED = [name for name in fast_tokenizer.CANDIDATES if importlib.util.find_spec(name)]


def candidate(name, tokenizer):
    stated = fast_tokenizer.plain_json(tokenizer)
    assert stated is not None
    return fast_tokenizer.CANDIDATES[name](tokenizer, stated)


OWN = candidate("fabula", TOKENIZER)


def assert_same(encoder, tokenizer, texts):
    odd = first_difference(encoder.encode(texts), Reference(tokenizer).encode(texts))
    assert odd is None, texts[odd]


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_own_tokens_are_those_of_tokenizers(texts):
    assert_same(OWN, TOKENIZER, texts)
    assert_same(Pretokens(TOKENIZER, {}), TOKENIZER, texts)  # which has met nothing yet


@settings(max_examples=50, deadline=None)
@given(TEXTS)
def test_chunks_and_forgetting_change_nothing(texts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretokens, "CHUNK_BYTES", 8)
        patch.setattr(pretokens, "KEPT_UNITS", 3)
        patch.setattr(pretokens, "FIRST_SLOTS", 2)
        assert_same(Pretokens(TOKENIZER, {}), TOKENIZER, texts)


@pytest.mark.parametrize("name", INSTALLED)
def test_every_installed_library_gives_the_same_tokens(name):
    assert_same(candidate(name, TOKENIZER), TOKENIZER, STORIES)


@pytest.mark.parametrize("name", INSTALLED)
def test_gpt2_on_tinystories(name, shared_data):
    tokenizer = load(TokenizerRecipe(kind="gpt2", path=str(shared_data / "gpt2")))
    text = (shared_data / "tinystories" / "validation.txt").read_text(encoding="utf-8")
    assert_same(candidate(name, tokenizer), tokenizer, [*text.split("<|endoftext|>")[:400], *AWKWARD])


def test_a_unit_is_a_pretoken_or_a_stretch_beyond_ascii():
    text = "Don't stop,  it's 9 am.\n\nWe'll naïvely x"
    content = text.encode() + bytes([pretokens.END])
    starts = np.flatnonzero(pretokens.unit_starts(np.frombuffer(content, np.uint8))).tolist()
    units = [content[begin:end] for begin, end in zip(starts, [*starts[1:], len(content)], strict=True)]
    expected = ["Don", "'t", " stop", ",", " ", " it", "'s", " 9", " am", ".", "\n", "\n", "We", "'ll", " naïvely"]
    assert units == [*map(str.encode, [*expected, " x"]), bytes([pretokens.END])]


class Lying:
    """Differs from `tokenizers` on one story, where the text says so."""

    def __init__(self, tokenizer, stated):
        self.reference = Reference(tokenizer)

    def encode(self, texts):
        found = self.reference.encode(texts)
        for index, text in enumerate(texts):
            if "0.7:" in text:
                found.ids[found.lengths[:index].sum()] += 1
        return found


class Panicking(Lying):
    def encode(self, texts):
        raise BaseException("it panicked\nand said more")


class Unmakeable(Lying):
    def __init__(self, tokenizer, stated):
        raise ValueError("no such kind")


class Losing(Lying):
    def encode(self, texts):
        found = self.reference.encode(texts)
        return Encoded(found.ids, found.lengths[:-1])


class Tiring(Lying):
    """Fails once the trial is over."""

    calls = 0

    def encode(self, texts):
        self.calls += 1
        if self.calls == 2:
            raise RuntimeError("tired")
        return self.reference.encode(texts)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Lying, "json gives other tokens than tokenizers for '0.7: "),
        (Losing, "json gives other tokens than tokenizers for"),
        (Panicking, "json failed (BaseException: it panicked): tokenizers goes on without it"),
        (Unmakeable, "json failed (ValueError: no such kind): tokenizers goes on without it"),
        (Tiring, "json failed (RuntimeError: tired): tokenizers goes on without it"),
    ],
)
def test_a_library_that_fails_is_not_used(kind, message, monkeypatch, capsys):
    monkeypatch.setattr(fast_tokenizer, "CANDIDATES", {"json": kind})  # a name that can be found
    texts = some_stories(20)
    encoder = CorpusEncoder(TOKENIZER, texts)
    found = encoder.encode(texts)
    assert encoder.name == "tokenizers"
    assert first_difference(found, Reference(TOKENIZER).encode(texts)) is None
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(message)


def test_the_next_one_is_tried_and_a_missing_one_is_not(monkeypatch, capsys):
    candidates = {"not_installed_anywhere": Unmakeable, "json": Lying, "fabula": Pretokens}
    monkeypatch.setattr(fast_tokenizer, "CANDIDATES", candidates)
    encoder = CorpusEncoder(TOKENIZER, some_stories(20))
    assert encoder.name == "fabula"
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("size", "name"), [(fast_tokenizer.LARGE, "json"), (fast_tokenizer.LARGE - 1, "fabula")])
def test_a_large_corpus_is_worth_a_slow_start(size, name, monkeypatch):
    monkeypatch.setattr(fast_tokenizer, "CANDIDATES", {"json": Pretokens, "fabula": Pretokens})
    assert CorpusEncoder(TOKENIZER, ["a fox"], size).name == name


def test_control_c_is_not_an_error_of_the_library(monkeypatch):
    class Stopped(Lying):
        def encode(self, texts):
            raise KeyboardInterrupt

    monkeypatch.setattr(fast_tokenizer, "CANDIDATES", {"json": Stopped})
    with pytest.raises(KeyboardInterrupt):
        CorpusEncoder(TOKENIZER, some_stories(20))


def test_other_kinds_of_tokenizers_are_left_to_tokenizers():
    def changed(change):
        tokenizer = train_bpe(STORIES, 300)
        change(tokenizer)
        return tokenizer

    gap = {letter: number + (number > 9) for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    others = [
        changed(lambda tokenizer: setattr(tokenizer, "normalizer", normalizers.NFC())),
        changed(lambda tokenizer: setattr(tokenizer, "pre_tokenizer", pre_tokenizers.ByteLevel(add_prefix_space=True))),
        changed(lambda tokenizer: setattr(tokenizer, "pre_tokenizer", pre_tokenizers.Whitespace())),
        changed(lambda tokenizer: setattr(tokenizer, "encode_special_tokens", False)),
        changed(lambda tokenizer: tokenizer.add_tokens(["fox"])),
        changed(lambda tokenizer: setattr(tokenizer.model, "dropout", 0.1)),
        byte_level_bpe(gap, []),
        prepare(Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))),
    ]
    for tokenizer in others:
        assert fast_tokenizer.plain_json(tokenizer) is None
        assert CorpusEncoder(tokenizer, ["a fox"]).name == "tokenizers"
    assert fast_tokenizer.plain_json(TOKENIZER) is not None


def test_the_same_store_whichever_library_made_it(tmp_path, monkeypatch):
    stories = [*some_stories(300, words=80), "“Zoë” didn\u2019t\t's  <|endoftexs|>", "  漢字 😀's "]
    path = text_file(tmp_path, "a.txt", stories)
    monkeypatch.setattr(build_module, "SMALL", 1)
    stores = {}
    for name in ("tokenizers", *INSTALLED):
        kept = {name: fast_tokenizer.CANDIDATES[name]} if name in INSTALLED else {}
        with monkeypatch.context() as patch:
            patch.setattr(fast_tokenizer, "CANDIDATES", kept)
            stores[name] = build(corpus(path), BPE, tmp_path / name)
    for name, store in stores.items():
        assert store.manifest["tokenized_by"].split()[0] == name
        assert store.hash == stores["tokenizers"].hash
        same = {key: value for key, value in store.manifest.items() if key != "tokenized_by"}
        assert same == {key: stores["tokenizers"].manifest[key] for key in same}


def test_a_lie_in_the_corpus_is_found_out(tmp_path, monkeypatch, capsys):
    path = text_file(tmp_path, "a.txt", some_stories(60))
    monkeypatch.setattr(build_module, "SMALL", 1)
    monkeypatch.setattr(fast_tokenizer, "CANDIDATES", {"json": Lying})
    store = build(corpus(path), BPE, tmp_path / "store")
    assert store.manifest["tokenized_by"].startswith("tokenizers ")
    assert "json gives other tokens than tokenizers for '0.7: " in capsys.readouterr().err


def test_a_small_corpus_tries_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(fast_tokenizer, "CANDIDATES", {"json": Panicking})
    store = build(corpus(text_file(tmp_path, "a.txt", some_stories(60))), BPE, tmp_path / "store")
    assert store.manifest["tokenized_by"].startswith("tokenizers ")


def test_a_sample_is_spread_over_everything_seen():
    sample = Sample()
    count = 7 * LARGEST
    for number in range(count):
        sample.see(str(number))
    numbers = [int(text) for text in sample.texts()]
    assert len(numbers) == count // 50
    assert numbers[0] == 0
    assert numbers[-1] > 0.98 * count
    assert np.diff(numbers).max() < 2.1 * count / len(numbers)
    assert sample.characters == sum(len(str(number)) for number in range(count))


def test_a_sample_has_every_character_beyond_ascii_of_all_stories():
    sample = Sample()
    for number in range(1_000):
        sample.see("x" * 20_000 + chr(0x4E00 + number))
    texts = sample.texts()
    assert max(map(len, texts)) == 10_000
    assert {letter for text in texts for letter in text if not letter.isascii()} == set(map(chr, range(0x4E00, 0x51E8)))


def test_a_sample_of_nothing_is_nothing():
    assert Sample().texts() == []
