"""Model folders that are damaged, or made to harm: one line says what is wrong, before the kernel sees a weight."""

import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from fabula.errors import UserError
from fabula.generation.native import MOST_POSITIONS, NativeBackend
from fabula.generation.native.weights import Weights
from fabula.model.folder import WEIGHTS, WEIGHTS_INDEX, load_config
from fabula.native.library import library, why_not
from tests.tiny import tiny_checkpoint, tiny_model

pytestmark = pytest.mark.skipif(library() is None, reason=why_not())

QUERY = "model.layers.0.self_attn.q_proj.weight"
EMBEDDING = "model.embed_tokens.weight"
GAIN = "model.layers.1.input_layernorm.weight"


@pytest.fixture
def folder(tmp_path):
    return tiny_checkpoint(tmp_path / "model", tiny_model())


def refused(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        NativeBackend.load(folder, threads=1)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def change_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_weights(folder: Path, change) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def parts_of(path: Path) -> tuple[dict, bytes]:
    """A safetensors file's header and data."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def write_parts(path: Path, header: dict | bytes, data: bytes, size: int | None = None) -> None:
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(header) if size is None else size) + header + data)


def change_header(folder: Path, change) -> None:
    header, data = parts_of(folder / WEIGHTS)
    write_parts(folder / WEIGHTS, change(header) or header, data)


def test_the_weights_are_those_of_the_file(folder):
    weights = Weights(folder, load_config(folder))
    for name, tensor in load_file(folder / WEIGHTS).items():
        assert np.array_equal(weights.numbers(name), tensor.numpy())
        weights.check_finite(name)
    tied = tiny_checkpoint(folder.parent / "tied", tiny_model(tied=True))
    weights = Weights(tied, load_config(tied))
    assert weights.matrix("lm_head.weight") == weights.matrix(EMBEDDING)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("padding", range(4))
def test_weights_may_lie_at_any_address(folder, dtype, padding):
    change_weights(folder, lambda tensors: tensors.update({name: one.to(dtype) for name, one in tensors.items()}))
    header, data = parts_of(folder / WEIGHTS)
    write_parts(folder / WEIGHTS, json.dumps(header).encode() + b" " * padding, data)
    weights = Weights(folder, load_config(folder))
    for name, tensor in load_file(folder / WEIGHTS).items():
        assert np.array_equal(weights.numbers(name), tensor.float().numpy())
        weights.check_finite(name)


def test_a_truncated_file_is_refused_wherever_it_ends(folder):
    content = (folder / WEIGHTS).read_bytes()
    for size in sorted({0, 1, 7, 8, 9, 100, *range(0, len(content), 9973), len(content) - 1}):
        (folder / WEIGHTS).write_bytes(content[:size])
        assert "damaged" in refused(folder)
    (folder / WEIGHTS).write_bytes(content + b"more")
    assert "damaged" in refused(folder)


@pytest.mark.parametrize("size", [0, 2**31, 2**63, 2**64 - 1, 2**64 - 8])
def test_a_header_of_another_length_than_it_says_is_refused(folder, size):
    header, data = parts_of(folder / WEIGHTS)
    write_parts(folder / WEIGHTS, header, data, size)
    assert "damaged" in refused(folder)


@pytest.mark.parametrize("header", [b"", b"{", b"[]", b"null", b"{}}", b'{"a": 1}', b"\xff" * 30, b"[" * 10_000])
def test_a_header_that_is_no_header_is_refused(folder, header):
    write_parts(folder / WEIGHTS, header, b"")
    assert "damaged" in refused(folder)


@pytest.mark.parametrize(
    "offsets",
    [
        lambda begin, end, last: [begin, end - 4],
        lambda begin, end, last: [begin + 4, end + 4],
        lambda begin, end, last: [end, begin],
        lambda begin, end, last: [last, last + end - begin],
        lambda begin, end, last: [0, end - begin],
        lambda begin, end, last: [begin, 2**64 - 1],
        lambda begin, end, last: [2**64 - (end - begin), 2**64],
        lambda begin, end, last: [-4, end - begin - 4],
        lambda begin, end, last: [begin, begin],
        lambda begin, end, last: [begin],
        lambda begin, end, last: "everywhere",
    ],
)
@pytest.mark.parametrize("name", [EMBEDDING, QUERY, GAIN])
def test_offsets_that_are_not_the_weights_own_are_refused(folder, name, offsets):
    def change(header):
        begin, end = header[name]["data_offsets"]
        last = max(one["data_offsets"][1] for key, one in header.items() if key != "__metadata__")
        header[name]["data_offsets"] = offsets(begin, end, last)

    change_header(folder, change)
    assert "damaged" in refused(folder)


SHAPES = {
    "turned around": lambda shape: shape[::-1],
    "one row more": lambda shape: [shape[0] + 1, *shape[1:]],
    "flat": lambda shape: [math.prod(shape)],
    "one axis more": lambda shape: [*shape, 1],
    "one axis before": lambda shape: [1, *shape],
    "no axis": lambda shape: [],
    "nothing inside": lambda shape: [*shape, 0],
    "of no width": lambda shape: [shape[0], 0],
    "larger than any number": lambda shape: [2**32, 2**32],
    "below nothing": lambda shape: [-1, *shape[1:]],
}


MATRICES = [EMBEDDING, "lm_head.weight", "model.layers.1.mlp.down_proj.weight"]
ODD_SHAPES = [(name, shape) for name in [*MATRICES, GAIN] for shape in SHAPES]


@pytest.mark.parametrize(
    ("name", "kind"), [pair for pair in ODD_SHAPES if pair not in ((GAIN, "turned around"), (GAIN, "flat"))]
)
@pytest.mark.parametrize("honest", [True, False], ids=["as many bytes", "the same bytes"])
def test_another_shape_is_refused(folder, name, kind, honest):
    """Whether the file has the bytes of that shape, or only says so."""
    header, data = parts_of(folder / WEIGHTS)
    wanted = SHAPES[kind](header[name]["shape"])
    assert wanted != header[name]["shape"]
    header[name]["shape"] = wanted
    if honest and 0 <= math.prod(wanted) < 2**20:
        moved = b""
        for key, one in header.items():
            if key == "__metadata__":
                continue
            begin, end = one["data_offsets"]
            own = (data[begin:end] * 40)[: 4 * math.prod(wanted)] if key == name else data[begin:end]
            one["data_offsets"] = [len(moved), len(moved) + len(own)]
            moved += own
        data = moved
    write_parts(folder / WEIGHTS, header, data)
    refused(folder)


@pytest.mark.parametrize("name", [EMBEDDING, QUERY, GAIN, "model.norm.weight", "lm_head.weight"])
def test_a_missing_weight_is_named(folder, name):
    change_weights(folder, lambda tensors: tensors.pop(name))
    assert refused(folder).endswith(f"the weight {name} is missing")


@pytest.mark.parametrize("name", ["model.layers.2.mlp.up_proj.weight", "model.layers.0.self_attn.q_proj.bias", ""])
def test_a_weight_too_many_is_named(folder, name):
    change_weights(folder, lambda tensors: tensors.update({name: torch.ones(2, 2)}))
    assert refused(folder).endswith(f"unexpected weight {name}")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("precision", ["float32", "int4"])
def test_a_number_that_is_not_finite_is_found_in_every_weight(tmp_path, bad, dtype, precision):
    config = {"layers": 1, "hidden": 24, "intermediate": 18, "vocab_size": 257}
    folder = tiny_checkpoint(tmp_path / "model", tiny_model(**config))
    sound = {name: tensor.to(dtype) for name, tensor in load_file(folder / WEIGHTS).items()}
    for name, tensor in sound.items():
        for place in {0, tensor.numel() - 1}:
            spoiled = tensor.clone()
            spoiled.view(-1)[place] = bad
            save_file({**sound, name: spoiled}, folder / WEIGHTS)
            with pytest.raises(UserError, match="not finite") as caught:
                NativeBackend.load(folder, precision, threads=1)
            assert name in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64, torch.uint8, torch.bool, torch.float8_e4m3fn])
def test_another_dtype_is_named(folder, dtype):
    change_weights(folder, lambda tensors: tensors.update({QUERY: tensors[QUERY].to(dtype)}))
    assert "allowed are F32, BF16 and F16" in refused(folder)


def test_a_dtype_that_nobody_knows_is_refused(folder):
    change_header(folder, lambda header: header[QUERY].update(dtype="F3"))
    refused(folder)


@pytest.mark.parametrize("name", [QUERY.replace("q_proj", part) for part in ("q_proj", "k_proj", "v_proj")])
def test_dtypes_that_differ_inside_one_product_are_named(folder, name):
    change_weights(folder, lambda tensors: tensors.update({name: tensors[name].bfloat16()}))
    assert "different dtypes" in refused(folder)


def test_dtypes_may_differ_between_products(folder):
    change_weights(folder, lambda tensors: tensors.update({EMBEDDING: tensors[EMBEDDING].half()}))
    NativeBackend.load(folder, threads=1)


HUGE = [2**31 - 2, 2**31, 2**32 + 4, 2**62, 10**30]


@pytest.mark.parametrize("size", HUGE)
@pytest.mark.parametrize(
    "name", ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "max_position_embeddings"]
)
def test_sizes_that_the_files_dont_have_are_refused_at_once(folder, name, size):
    change_config(folder, **{name: size, "head_dim": None})
    refused(folder)


def test_sizes_that_fit_only_when_they_overflow_are_refused(folder):
    """2^32 more is the same number in 32 bits."""
    values = json.loads((folder / "config.json").read_text())
    for name in ("vocab_size", "intermediate_size", "num_hidden_layers", "max_position_embeddings"):
        change_config(folder, **{**values, name: values[name] + 2**32})
        refused(folder)


def test_the_longest_context_is_refused_one_position_later(folder):
    change_config(folder, max_position_embeddings=MOST_POSITIONS + 1)
    assert f"longest is {MOST_POSITIONS:,}" in refused(folder)


def write_shards(folder: Path, weight_map: dict[str, str]) -> None:
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    for part in ("a.safetensors", "b.safetensors"):
        half = {name: one for name, one in tensors.items() if weight_map.get(name, "a.safetensors") == part}
        save_file(half, folder / part)
    (folder / WEIGHTS_INDEX).write_text(json.dumps({"weight_map": weight_map}))


def halves(folder: Path) -> dict[str, str]:
    names = sorted(load_file(folder / WEIGHTS))
    return {name: "ab"[place % 2] + ".safetensors" for place, name in enumerate(names)}


def test_several_files_are_one_model(folder):
    whole = Weights(folder, load_config(folder))
    write_shards(folder, halves(folder))
    parts = Weights(folder, load_config(folder))
    assert np.array_equal(parts.numbers(QUERY), whole.numbers(QUERY))


@pytest.mark.parametrize(
    "elsewhere", ["../outside.safetensors", "/etc/passwd", "..", "", "c.safetensors", "a.safetensors/b"]
)
def test_an_index_reads_nothing_outside_its_folder(folder, elsewhere):
    (folder.parent / "outside.safetensors").write_bytes((folder / WEIGHTS).read_bytes())
    weight_map = halves(folder)
    write_shards(folder, weight_map)
    (folder / WEIGHTS_INDEX).write_text(json.dumps({"weight_map": {**weight_map, QUERY: elsewhere}}))
    if Path(elsewhere).name != "b":
        assert "is missing" in refused(folder)
    else:
        refused(folder)


def test_a_weight_in_two_files_is_refused(folder):
    write_shards(folder, halves(folder))
    tensors = load_file(folder / "b.safetensors")
    save_file({**tensors, EMBEDDING: torch.zeros(300, 32)}, folder / "b.safetensors")
    if EMBEDDING in tensors:
        save_file({**load_file(folder / "a.safetensors"), EMBEDDING: torch.zeros(300, 32)}, folder / "a.safetensors")
    assert "in another file too" in refused(folder)


@pytest.mark.parametrize("index", ["", "[]", "{}", '{"weight_map": []}', '{"weight_map": {}}', '{"weight_map": null}'])
def test_an_index_that_is_none_is_refused(folder, index):
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS_INDEX).write_text(index)
    refused(folder)


def test_a_name_twice_in_a_header_is_read_as_the_library_checked_it(folder):
    """Python takes the last of two entries, and so must the library that checks them: else one of them could lie."""
    header, data = parts_of(folder / WEIGHTS)
    entry = header[QUERY]
    lie = {**entry, "data_offsets": [2**40, 2**40 + entry["data_offsets"][1] - entry["data_offsets"][0]]}
    text = json.dumps(header)
    for first, last in ((entry, lie), (lie, entry)):
        both = f'"{QUERY}": {json.dumps(first)}, "{QUERY}": {json.dumps(last)}'
        doubled = text.replace(f'"{QUERY}": {json.dumps(entry)}', both)
        assert doubled.count(QUERY) == 2
        write_parts(folder / WEIGHTS, doubled.encode(), data)
        if last is lie:
            assert "damaged" in refused(folder)
        else:
            NativeBackend.load(folder, threads=1)


def test_threads_and_precisions_that_there_are_not_are_refused(folder):
    with pytest.raises(UserError, match="threads = -1 must be at least 0"):
        NativeBackend.load(folder, threads=-1)
    with pytest.raises(UserError, match="did you mean 'int8'"):
        NativeBackend.load(folder, "int9")
