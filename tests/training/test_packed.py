"""A packed series gives the run back, up to the rounding of int8, and names nothing of the machine it comes from."""

from pathlib import Path

import pytest
import torch

from fabula.cli import main
from fabula.errors import UserError
from fabula.model.layout import load_model
from fabula.model.record import checkpoints, read_record
from fabula.recipe import Recipe
from fabula.training.loop import train
from fabula.training.packed import SERIES, pack, packed_weights, unpack, unpacked_weights
from fabula.training.run import RunFolder
from fabula.training.verify import verify
from tests.tiny import tiny_model


@pytest.fixture
def run(tiny: Recipe, tmp_path: Path) -> Path:
    return train(tiny, tmp_path / "run")


@pytest.mark.parametrize("tied", [True, False])
def test_a_weight_moves_by_half_a_step_of_its_row_at_most(tied: bool, tmp_path: Path) -> None:
    model = tiny_model(tied=tied)
    packed = packed_weights(model)
    for name, weight in model.state_dict().items():
        if name in packed:
            scale = packed.get(f"{name}.scale", torch.zeros(1))
            kept = packed[name] * scale if f"{name}.scale" in packed else packed[name]
            assert ((kept - weight).abs() <= scale * 0.5001).all(), name
    assert ("lm_head.weight" in packed) == (not tied)
    zeros = tiny_model()
    torch.nn.init.zeros_(zeros.model.layers[0].mlp.up_proj.weight)
    assert torch.equal(
        packed_weights(zeros)["model.layers.0.mlp.up_proj.weight"], torch.zeros(64, 32, dtype=torch.int8)
    )


def test_unpacked_it_is_a_run_with_nearly_the_same_weights(run: Path, tmp_path: Path) -> None:
    packed = pack(run, tmp_path / "packed", [0, 12])
    again = unpack(packed, tmp_path / "again")
    assert not verify(again).problems
    places = [read_record(folder) for folder in checkpoints(again / "checkpoints")]
    assert [place.step for place in places] == [0, 12]
    originals = [run / "checkpoints" / f"step-{step:05d}" for step in (0, 12)]
    for original, folder, place in zip(originals, checkpoints(again / "checkpoints"), places, strict=True):
        first, second = load_model(original), load_model(folder)
        record = read_record(original)
        assert (place.tokens, place.loss, place.corpus_hash) == (record.tokens, record.loss, record.corpus_hash)
        assert (folder / "tokenizer.json").read_bytes() == (original / "tokenizer.json").read_bytes()
        tokens = torch.arange(100)[None]
        assert (first(tokens) - second(tokens)).abs().max() < 0.05
        assert not torch.equal(first.lm_head.weight, second.lm_head.weight)
    assert RunFolder(again).metrics()[-1]["step"] == 12


def test_without_steps_all_are_packed_and_again_over_the_old_ones(run: Path, tmp_path: Path) -> None:
    pack(run, tmp_path / "packed", [0])
    pack(run, tmp_path / "packed", [])
    assert sorted(path.name for path in (tmp_path / "packed").glob("*.safetensors")) == [
        f"step-{step:05d}.safetensors" for step in (0, 5, 12)
    ]


def test_nothing_in_it_names_a_folder_of_this_machine(run: Path, tmp_path: Path) -> None:
    packed = pack(run, tmp_path / "packed", [0])
    for path in packed.glob("*.*"):
        assert str(tmp_path).encode() not in path.read_bytes(), path.name


def test_mistakes(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no checkpoint of step 3; it has 0, 5, 12"):
        pack(run, tmp_path / "packed", [3])
    with pytest.raises(UserError, match="is no run"):
        pack(tmp_path, tmp_path / "packed", [])
    with pytest.raises(UserError, match="holds something else"):
        pack(run, run, [])
    with pytest.raises(UserError, match="no packed series"):
        unpack(run, tmp_path / "again")
    packed = pack(run, tmp_path / "packed", [0])
    with pytest.raises(UserError, match="is not empty"):
        unpack(packed, run)
    file = packed / "step-00000.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="altered"):
        unpack(packed, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    (tmp_path / "damaged").write_bytes(b"\xff" * 20)
    with pytest.raises(UserError, match="is damaged"):
        unpacked_weights(tmp_path / "damaged")


def test_the_commands(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["export", str(run), "--to", "series", "--steps", "0,12", "--out", "kept"])
    assert (tmp_path / "kept" / SERIES).is_file()
    main(["unpack", "kept"])
    assert not verify(tmp_path / "runs" / "kept").problems
    for words, part in (
        (["export", str(run), "--to", "series", "--steps", "0,x"], "must be steps with commas between"),
        (["export", str(run), "--to", "card", "--steps", "0"], "belongs to --to series"),
    ):
        with pytest.raises(SystemExit) as exit_status:
            main(words)
        assert exit_status.value.code == 2
        assert part in capsys.readouterr().err
