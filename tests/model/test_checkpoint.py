"""A checkpoint comes back as it was written, and no damage goes unnoticed."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from fabula.corpus.tokenizer import id_count
from fabula.errors import UserError
from fabula.model.checkpoint import same_weights, weight_problems, write_checkpoint
from fabula.model.folder import WEIGHTS, WEIGHTS_INDEX, end_of_text_ids, load_config, load_tokenizer, parameter_count
from fabula.model.layout import load_model
from fabula.model.record import RECORD, altered_files, checkpoints, folder_name, read_record, remove_leftovers
from fabula.model.resolve import last_valid_checkpoint, model_folder
from tests.tiny import STORIES, tiny_checkpoint, tiny_model, tiny_tokenizer

FILES = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp("written") / folder_name(7))


@pytest.fixture
def checkpoint(written, tmp_path):
    """A copy to damage."""
    return shutil.copytree(written, tmp_path / "run" / "checkpoints" / written.name)


def change_json(path, **changes):
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, **changes}))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_come_back(tmp_path, tied, dtype):
    model, tokenizer = tiny_model(tied=tied), tiny_tokenizer()
    write_checkpoint(
        tmp_path / "c", model, tokenizer, step=0, tokens=0, corpus_hash="", corpus_position=0, loss=None, dtype=dtype
    )
    loaded = load_model(tmp_path / "c")
    assert weight_problems(tmp_path / "c") == []
    assert loaded.config == load_config(tmp_path / "c")
    assert loaded.parameter_count() == model.parameter_count()
    for (name, value), (other, expected) in zip(loaded.named_parameters(), model.named_parameters(), strict=True):
        assert name == other
        assert value.dtype == torch.float32
        assert torch.equal(value, expected.to(getattr(torch, dtype)).float())
    stored = load_file(tmp_path / "c" / WEIGHTS)
    assert {tensor.dtype for tensor in stored.values()} == {getattr(torch, dtype)}
    assert ("lm_head.weight" in stored) is not tied


def test_the_record_says_where_in_the_run_it_stands(written):
    record = read_record(written)
    assert (record.step, record.tokens, record.corpus_hash, record.loss) == (7, 700, "abc", 2.5)
    assert sorted(record.files) == FILES
    assert sorted(path.name for path in written.iterdir()) == sorted([*FILES, RECORD])


def test_the_tokenizer_puts_end_of_text_in_front(written):
    tokenizer = load_tokenizer(written)
    for story in STORIES:
        ids = tokenizer.encode(story).ids
        assert ids == [0, *tiny_tokenizer().encode(story, add_special_tokens=False).ids]
        assert tokenizer.decode(ids) == story


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_byte_is_named(checkpoint, name):
    content = bytearray((checkpoint / name).read_bytes())
    content[len(content) // 2] ^= 1
    (checkpoint / name).write_bytes(content)
    (found,) = altered_files(checkpoint)
    assert name in found
    assert "altered" in found


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(checkpoint, name):
    (checkpoint / name).unlink()
    assert altered_files(checkpoint) == [f"{checkpoint / name} is missing"]


def test_a_file_too_many_is_named(checkpoint):
    (checkpoint / "notes.txt").write_text("")
    assert weight_problems(checkpoint) == [f"{checkpoint / 'notes.txt'} is not in the record"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '"x"', '{"step": 1}', "\xff"])
def test_a_folder_without_a_valid_record_does_not_exist(checkpoint, content):
    whole = tiny_checkpoint(checkpoint.parent / folder_name(2), step=2)
    (checkpoint / RECORD).write_bytes(content.encode("latin-1"))
    assert RECORD in altered_files(checkpoint)[0]
    assert checkpoints(checkpoint.parent) == [whole]


@pytest.mark.parametrize("changes", [{"step": 8}, {"loss": 0.1}, {"files": ["config.json"]}])
def test_an_altered_record_is_none(checkpoint, changes):
    change_json(checkpoint / RECORD, **changes)
    assert "checkpoint.json was altered" in altered_files(checkpoint)[0]


def test_something_else_is_no_record(checkpoint):
    (checkpoint / RECORD).write_text('{"step": 7}')
    assert "not a checkpoint record" in altered_files(checkpoint)[0]


def test_a_run_gives_its_last_valid_checkpoint(checkpoint, capsys):
    run = checkpoint.parents[1]
    earlier = tiny_checkpoint(checkpoint.parent / folder_name(2), step=2)
    later = tiny_checkpoint(checkpoint.parent / folder_name(10), step=10)
    assert checkpoints(checkpoint.parent) == [earlier, checkpoint, later]
    assert model_folder(str(run)) == later
    for folder in (later, checkpoint):
        (folder / WEIGHTS).write_bytes(b"")
    assert last_valid_checkpoint(run) == earlier
    assert "passed over" in capsys.readouterr().err
    (earlier / RECORD).unlink()
    with pytest.raises(UserError, match="no valid checkpoint"):
        last_valid_checkpoint(run)


def test_leftovers_of_a_killed_writer_are_removed(tmp_path):
    (tmp_path / ".step-00001.123.tmp").mkdir()
    (tmp_path / ".step-00001.123.tmp" / WEIGHTS).write_text("half")
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_finite_are_found(tmp_path):
    model = tiny_model()
    with torch.no_grad():
        model.lm_head.weight[3, 4] = torch.nan
    assert weight_problems(tiny_checkpoint(tmp_path / "c", model)) == [f"{tmp_path / 'c'}: a weight is not finite"]


def shard(folder, parts: int = 3):
    tensors = load_file(folder / WEIGHTS)
    names = sorted(tensors)
    files = [f"model-{part + 1:05d}-of-{parts:05d}.safetensors" for part in range(parts)]
    for part, file in enumerate(files):
        save_file({name: tensors[name] for name in names[part::parts]}, folder / file, metadata={"format": "pt"})
    places = {name: files[place % parts] for place, name in enumerate(names)}
    (folder / WEIGHTS_INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))
    (folder / WEIGHTS).unlink()
    return files


def test_a_folder_in_several_files_is_read(checkpoint, written):
    shard(checkpoint)
    first, second = load_model(checkpoint), load_model(written)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_missing_part_is_named(checkpoint):
    files = shard(checkpoint)
    (checkpoint / files[1]).unlink()
    with pytest.raises(UserError, match=files[1]):
        load_model(checkpoint)


@pytest.mark.parametrize("content", ["[]", "{}", '{"weight_map": 3}'])
def test_a_broken_index_is_named(checkpoint, content):
    shard(checkpoint)
    (checkpoint / WEIGHTS_INDEX).write_text(content)
    with pytest.raises(UserError, match=WEIGHTS_INDEX):
        load_model(checkpoint)


def test_a_folder_without_weights_is_refused(checkpoint):
    (checkpoint / WEIGHTS).unlink()
    with pytest.raises(UserError, match="safetensors"):
        load_model(checkpoint)


@pytest.mark.parametrize("damage", ["empty", "cut", "header"])
def test_damaged_weights_are_named(checkpoint, damage):
    content = (checkpoint / WEIGHTS).read_bytes()
    damaged = {"empty": b"", "cut": content[:-10], "header": b"\xff" * 8 + content[8:]}
    (checkpoint / WEIGHTS).write_bytes(damaged[damage])
    with pytest.raises(UserError, match="damaged"):
        load_model(checkpoint)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("model.norm.weight"), "weights are missing.*model.norm.weight"),
        (lambda tensors: tensors.update(extra=torch.ones(1)), "unexpected weight extra"),
        (lambda tensors: tensors.update({"model.norm.weight": torch.ones(31)}), r"shape \[31\].*\[32\]"),
    ],
)
def test_weights_of_another_shape_are_named(checkpoint, change, message):
    tensors = load_file(checkpoint / WEIGHTS)
    change(tensors)
    save_file(tensors, checkpoint / WEIGHTS)
    with pytest.raises(UserError, match=message):
        load_model(checkpoint)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt2"}, "'gpt2'; Fabula runs 'llama'"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 2.0}}, "scaled RoPE"),
        ({"attention_bias": True}, "biases"),
        ({"hidden_act": "gelu"}, "silu"),
        ({"head_dim": 99}, "head_dim 99"),
        ({"hidden_size": "32"}, "whole number"),
        ({"num_hidden_layers": 0}, "whole number"),
        ({"num_attention_heads": 5}, "don't fit together"),
        ({"num_key_value_heads": 3}, "don't fit together"),
        ({"rms_norm_eps": "1e-6"}, "rms_norm_eps = '1e-6' must be a finite number above 0"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps = nan"),
        ({"rope_parameters": {"rope_theta": -1}}, "rope_theta = -1"),
        ({"rope_parameters": [1]}, "must be an object"),
        ({"tie_word_embeddings": "yes"}, "must be true or false"),
    ],
)
def test_a_config_that_is_no_plain_llama_is_refused(checkpoint, changes, message):
    change_json(checkpoint / "config.json", **changes)
    with pytest.raises(UserError, match=message):
        load_model(checkpoint)


def test_a_config_that_lacks_a_field_or_is_no_object_is_refused(checkpoint):
    path = checkpoint / "config.json"
    values = json.loads(path.read_text())
    del values["hidden_size"]
    for content, message in ((json.dumps(values), "hidden_size"), ("[]", "JSON object"), ("{", "not valid JSON")):
        path.write_text(content)
        with pytest.raises(UserError, match=message):
            load_model(checkpoint)


def test_older_configs_keep_rope_theta_at_the_top(checkpoint):
    change_json(checkpoint / "config.json", rope_parameters=None, rope_theta=500.0)
    assert load_config(checkpoint).rope_theta == 500.0


@pytest.mark.parametrize(
    ("generation", "config", "expected"),
    [({"eos_token_id": 5}, {}, (5,)), ({}, {"eos_token_id": [3, 4]}, (3, 4)), ({}, {"eos_token_id": None}, (0,))],
)
def test_end_of_text_comes_from_the_folder(checkpoint, generation, config, expected):
    (checkpoint / "generation_config.json").write_text(json.dumps(generation))
    change_json(checkpoint / "config.json", **config)
    assert end_of_text_ids(checkpoint, load_tokenizer(checkpoint), 300) == expected


@pytest.mark.parametrize("value", [300, -1, "0", []])
def test_an_end_of_text_that_is_no_token_is_refused(checkpoint, value):
    change_json(checkpoint / "generation_config.json", eos_token_id=value)
    with pytest.raises(UserError, match="eos_token_id"):
        end_of_text_ids(checkpoint, load_tokenizer(checkpoint), 300)


@pytest.mark.parametrize("content", ["", "{}", "not JSON"])
def test_a_broken_tokenizer_is_named(checkpoint, content):
    (checkpoint / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match="not a tokenizer"):
        load_tokenizer(checkpoint)


def test_a_missing_tokenizer_is_named(checkpoint):
    (checkpoint / "tokenizer.json").unlink()
    with pytest.raises(UserError, match="does not exist"):
        load_tokenizer(checkpoint)


def test_equal_weights_are_recognised(written, tmp_path):
    size = id_count(tiny_tokenizer())
    same = tiny_checkpoint(tmp_path / "a", tiny_model(vocab_size=size), step=8)
    other = tiny_checkpoint(tmp_path / "b", tiny_model(seed=1, vocab_size=size))
    tied = tiny_checkpoint(tmp_path / "c", tiny_model(vocab_size=size, tied=True))
    assert same_weights(written, same)
    assert not same_weights(written, other)
    assert not same_weights(written, tied)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "no model 'nothing'"),
        ("", "neither a run"),
        ("a-file", "is a file"),
        ("empty", "neither a run"),
        ("empty/inside", "no model"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        model_folder(name)


def test_weights_are_counted_from_the_files_headers(tmp_path):
    for tied in (False, True):
        model = tiny_model(tied=tied)
        folder = tiny_checkpoint(tmp_path / str(tied), model)
        assert parameter_count(folder) == model.parameter_count()
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match="is damaged"):
        parameter_count(folder)
