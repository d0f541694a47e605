"""A model as a GGUF file: read back with `gguf` it is the same model, and llama.cpp computes the same logits."""

import errno

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, pre_tokenizers

from fabula.cli import main
from fabula.corpus.tokenizer import id_count
from fabula.errors import UserError
from fabula.model.layout import load_model, write_model
from fabula.model.llama import Llama
from tests.tiny import STORIES, tiny_checkpoint, tiny_model, tiny_tokenizer

gguf = pytest.importorskip("gguf")
from fabula.publish.gguf import INNER, OUTER, export_gguf, interleaved  # noqa: E402 - imports gguf

WHOLE_BLOCKS = {"hidden": 64, "heads": 4, "kv_heads": 2, "intermediate": 96}
"""A shape whose rows are whole blocks of 32, which q8_0 and q4_0 need."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    model = tiny_model(seed=1, vocab_size=id_count(tiny_tokenizer()), **WHOLE_BLOCKS)
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "llama", model)


def field(reader, name):
    return reader.get_field(name).contents()


def read_back(path, like):
    """Build our model from a GGUF file, with names and rows put back by another way than the export's."""
    found = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in gguf.GGUFReader(path).tensors}
    weights = {}
    for name in like.state_dict():
        module, kind = name.rsplit(".", 1)
        parts = module.split(".")
        theirs = OUTER.get(module) or f"blk.{parts[2]}.{INNER['.'.join(parts[3:])]}"
        if like.config.tied and module == "lm_head":
            theirs = "token_embd"
        values = torch.tensor(found[f"{theirs}.{kind}"])
        if parts[-1] in ("q_proj", "k_proj"):
            rows = torch.arange(values.shape[0]).view(-1, like.config.head_width)
            values = values[torch.cat([rows[:, 0::2], rows[:, 1::2]], dim=1).flatten()]
        weights[name] = values
    model = Llama(like.config)
    model.load_state_dict(weights)
    return model.eval()


def logits(model):
    tokens = tiny_tokenizer().encode(STORIES[1]).ids[:40]
    with torch.no_grad():
        return model(torch.tensor([tokens]))[0]


@pytest.mark.parametrize("tied", [False, True])
def test_float32_holds_the_same_model_to_the_last_bit(tmp_path, tied):
    model = tiny_model(vocab_size=id_count(tiny_tokenizer()), tied=tied)
    out = export_gguf(tiny_checkpoint(tmp_path / "model", model), tmp_path / "model.gguf", "float32")
    assert torch.equal(logits(read_back(out, model)), logits(model))
    assert ("output.weight" in {tensor.name for tensor in gguf.GGUFReader(out).tensors}) is not tied


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("bfloat16", 0.03), ("float16", 0.004), ("q8_0", 0.05), ("q4_0", 0.6)]
)
def test_a_narrower_file_is_nearly_the_same_model(folder, tmp_path, dtype, tolerance):
    model = load_model(folder)
    found, expected = logits(read_back(export_gguf(folder, tmp_path / "model.gguf", dtype), model)), logits(model)
    error = float((found - expected).norm() / expected.norm())
    assert 0 < error < tolerance


def test_a_folder_in_bfloat16_loses_nothing(tmp_path):
    model = tiny_model(vocab_size=id_count(tiny_tokenizer())).to(torch.bfloat16)
    folder = tmp_path / "model"
    folder.mkdir()
    write_model(folder, model, tiny_tokenizer(), "bfloat16")
    out = export_gguf(folder, tmp_path / "model.gguf")
    kinds = {tensor.tensor_type.name for tensor in gguf.GGUFReader(out).tensors if len(tensor.shape) > 1}
    assert kinds == {"BF16"}
    assert torch.equal(logits(read_back(out, model.float())), logits(load_model(folder)))


def test_pairs_of_rotary_rows_stand_side_by_side():
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert interleaved(rows, heads=2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_the_file_states_the_shape(folder, tmp_path):
    reader = gguf.GGUFReader(export_gguf(folder, tmp_path / "model.gguf"))
    config = load_model(folder).config
    stated = {
        "general.architecture": "llama",
        "llama.context_length": config.context,
        "llama.embedding_length": config.hidden,
        "llama.block_count": config.layers,
        "llama.feed_forward_length": config.intermediate,
        "llama.attention.head_count": config.heads,
        "llama.attention.head_count_kv": config.kv_heads,
        "llama.rope.dimension_count": config.head_width,
        "llama.rope.freq_base": config.rope_theta,
        "llama.vocab_size": config.vocab_size,
    }
    assert {name: field(reader, name) for name in stated} == stated
    assert field(reader, "llama.attention.layer_norm_rms_epsilon") == pytest.approx(config.norm_epsilon)


def test_the_file_holds_the_tokenizer(folder, tmp_path):
    reader = gguf.GGUFReader(export_gguf(folder, tmp_path / "model.gguf"))
    tokenizer = tiny_tokenizer()
    assert field(reader, "tokenizer.ggml.model") == "gpt2"
    assert field(reader, "tokenizer.ggml.pre") == "gpt-2"
    assert field(reader, "tokenizer.ggml.add_bos_token") is True
    tokens = field(reader, "tokenizer.ggml.tokens")
    assert tokens == [tokenizer.id_to_token(token) for token in range(len(tokens))]
    types = field(reader, "tokenizer.ggml.token_type")
    special = [token for token, kind in enumerate(types) if kind == gguf.TokenType.CONTROL]
    end_of_text = [field(reader, f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos")]
    assert special * 2 == end_of_text == [tokenizer.token_to_id("<|endoftext|>")] * 2
    left, right = field(reader, "tokenizer.ggml.merges")[0].split(" ")
    assert tokenizer.token_to_id(left + right) == 257  # end-of-text, 256 bytes, then the first merge


def test_rows_without_a_token_are_marked_unused(tmp_path):
    tokens = id_count(tiny_tokenizer())
    folder = tiny_checkpoint(tmp_path / "model", tiny_model(vocab_size=tokens + 3))
    reader = gguf.GGUFReader(export_gguf(folder, tmp_path / "model.gguf"))
    types = field(reader, "tokenizer.ggml.token_type")
    assert types[tokens:] == [gguf.TokenType.UNUSED] * 3
    assert gguf.TokenType.UNUSED not in types[:tokens]


def test_another_pre_tokenizer_is_refused(folder, tmp_path):
    copy = tiny_checkpoint(tmp_path / "model", load_model(folder))
    tokenizer = Tokenizer.from_file(str(copy / "tokenizer.json"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.save(str(copy / "tokenizer.json"))
    with pytest.raises(UserError, match="Metaspace"):
        export_gguf(copy, tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


def test_rows_that_are_no_whole_blocks_are_refused(tmp_path):
    folder = tiny_checkpoint(tmp_path / "model", tiny_model(vocab_size=id_count(tiny_tokenizer()), hidden=40))
    with pytest.raises(UserError, match="Q8_0"):
        export_gguf(folder, tmp_path / "model.gguf", "q8_0")


def test_weights_beyond_float16_are_refused(tmp_path):
    model = tiny_model(vocab_size=id_count(tiny_tokenizer()))
    with torch.no_grad():
        model.lm_head.weight[3, 4] = 1e6
    folder = tiny_checkpoint(tmp_path / "model", model)
    with pytest.raises(UserError, match="bfloat16"):
        export_gguf(folder, tmp_path / "model.gguf", "float16")


def test_a_full_disk_leaves_the_old_file(folder, tmp_path, monkeypatch):
    out = tmp_path / "model.gguf"
    out.write_bytes(b"old")

    def fail(writer):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", fail)
    with pytest.raises(UserError, match="disk is full"):
        export_gguf(folder, out)
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


def test_the_command_writes_a_file(folder, tmp_path):
    out = tmp_path / "there" / "model.gguf"
    main(["export", str(folder), "--to", "gguf", "--out", str(out), "--dtype", "q8_0"])
    kinds = {tensor.tensor_type.name for tensor in gguf.GGUFReader(out).tensors}
    assert kinds == {"F32", "Q8_0"}


@pytest.mark.parametrize(
    ("arguments", "named"), [(["--to", "gguf"], "--out"), (["--to", "card", "--dtype", "q8_0"], "--dtype")]
)
def test_the_command_says_what_is_missing_or_too_much(folder, capsys, arguments, named):
    with pytest.raises(SystemExit) as exit_:
        main(["export", str(folder), *arguments])
    assert exit_.value.code == 2
    assert named in capsys.readouterr().err


@pytest.mark.slow
def test_llama_cpp_computes_the_same(folder, tmp_path):
    """Largest difference of a logit, float32 with float32 keys and values: below 1e-3 where logits have deviation 1."""
    llama_cpp = pytest.importorskip("llama_cpp")
    out = export_gguf(folder, tmp_path / "model.gguf", "float32")
    theirs = llama_cpp.Llama(str(out), n_ctx=64, n_threads=1, logits_all=True, verbose=False, type_k=0, type_v=0)
    tokens = theirs.tokenize(STORIES[1].encode(), add_bos=True, special=False)
    assert tokens == Tokenizer.from_file(str(folder / "tokenizer.json")).encode(STORIES[1]).ids
    theirs.eval(tokens[:40])
    model = load_model(folder)
    with torch.no_grad():
        ours = model(torch.tensor([tokens[:40]]))[0].numpy()
    assert np.abs(np.array(theirs.scores[: len(ours)]) - ours).max() < 1e-3 * ours.std()
