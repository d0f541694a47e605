import json
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from fabula import recipe as recipes
from fabula.corpus.build import cached_store
from fabula.corpus.packing import Batch
from fabula.errors import UserError
from fabula.model.layout import load_model
from fabula.model.record import read_record
from fabula.recipe import Recipe
from fabula.training.loop import Trainer, train
from fabula.training.run import RunFolder
from fabula.training.verify import verify
from fabula.training.view import View


def losses(run: Path) -> list[float | None]:
    return [entry["loss"] for entry in RunFolder(run).metrics()]


def last_weights(run: Path) -> dict[str, torch.Tensor]:
    return load_model(sorted((run / "checkpoints").iterdir())[-1]).state_dict()


def test_it_learns_and_leaves_a_sound_run(tiny: Recipe, tmp_path: Path) -> None:
    tiny = recipes.override(tiny, {"train.steps": "80", "series.steps": ""})
    train(tiny, tmp_path / "run")
    found = losses(tmp_path / "run")
    first, last = found[0], found[-1]
    assert first is not None
    assert last is not None
    assert first == pytest.approx(5.77, abs=0.15)  # ln 320: nothing known yet
    assert last < first - 2
    assert verify(tmp_path / "run").problems == []
    entry = RunFolder(tmp_path / "run").metrics()[-1]
    assert {"step", "tokens", "loss", "learning_rate", "gradient_norm", "tokens_per_second", "seconds"} <= set(entry)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["corpus"]["hash"]
    assert record["versions"]["torch"]
    assert recipes.load(str(tmp_path / "run" / "recipe.toml")) == tiny


def test_accumulation_changes_nothing_but_rounding(tiny: Recipe, tmp_path: Path) -> None:
    for micro_batch in ("1", "8"):
        train(recipes.override(tiny, {"train.micro_batch": micro_batch}), tmp_path / micro_batch)
    assert losses(tmp_path / "1") == pytest.approx(losses(tmp_path / "8"), rel=2e-4)


def test_a_growing_batch_counts_its_tokens(tiny: Recipe, tmp_path: Path) -> None:
    ramp = {"train.packing": "stream", "train.ramp_from": "128", "train.ramp_fraction": "0.5", "train.micro_batch": "2"}
    train(recipes.override(tiny, ramp), tmp_path / "run")
    tokens = [entry["tokens"] for entry in RunFolder(tmp_path / "run").metrics()]
    steps = [after - before for before, after in zip([0, *tokens], tokens, strict=False)]
    assert steps == [128, 128, 256, 256, 384, 384, *[512] * 6]
    last = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
    assert read_record(last).corpus_position == sum(steps) // 64


def test_z_loss_is_minimized_and_not_reported(tiny: Recipe, tmp_path: Path) -> None:
    tiny = recipes.override(tiny, {"train.steps": "40"})
    for weight in ("0", "0.3"):
        train(recipes.override(tiny, {"train.z_loss": weight}), tmp_path / weight)
    plain, with_z = losses(tmp_path / "0"), losses(tmp_path / "0.3")
    assert plain[0] == with_z[0]
    text = cached_store(tiny.corpus, tiny.tokenizer).train.read(0, 64)
    tokens = torch.from_numpy(text.astype("int64"))[None]
    plain_square, square_with_z = (
        load_model(sorted((tmp_path / weight / "checkpoints").iterdir())[-1])(tokens).logsumexp(-1).square().mean()
        for weight in ("0", "0.3")
    )
    assert square_with_z < plain_square / 2


@pytest.mark.parametrize("changes", [{}, {"optimizer.kind": "muon", "train.ramp_from": "256"}])
@pytest.mark.parametrize("packing", ["stories", "stream"])
def test_two_processes_train_as_one(packing: str, changes: dict[str, str], tiny: Recipe, tmp_path: Path) -> None:
    tiny = recipes.override(tiny, {"train.packing": packing, "train.steps": "6", "series.steps": "0", **changes})
    (tmp_path / "tiny.toml").write_text(recipes.to_toml(tiny), encoding="utf-8")
    train(tiny, tmp_path / "one")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m", "fabula"]
    done = subprocess.run(
        [*command, "train", str(tmp_path / "tiny.toml"), "--out", str(tmp_path / "two")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert losses(tmp_path / "one") == pytest.approx(losses(tmp_path / "two"), rel=1e-4)
    one, two = last_weights(tmp_path / "one"), last_weights(tmp_path / "two")
    assert all(torch.allclose(one[name], two[name], atol=2e-3) for name in one)
    norms = [[entry["gradient_norm"] for entry in RunFolder(tmp_path / run).metrics()] for run in ("one", "two")]
    assert norms[0] == pytest.approx(norms[1], rel=1e-3)


def spoil(monkeypatch: pytest.MonkeyPatch, steps: set[int]) -> None:
    """Make the loss of some steps not a number."""
    original_step, original_loss = Trainer._step, Trainer._loss
    now = [0]

    def step(self: Trainer, number: int, batches: list[Batch]) -> object:
        now[0] = number
        return original_step(self, number, batches)

    def loss(self: Trainer, batch: Batch) -> torch.Tensor:
        return original_loss(self, batch) * (float("nan") if now[0] in steps else 1.0)

    monkeypatch.setattr(Trainer, "_step", step)
    monkeypatch.setattr(Trainer, "_loss", loss)


def test_a_step_that_is_not_finite_is_skipped_and_recorded(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = recipes.override(tiny, {"series.steps": "0,3,4,5"})
    spoil(monkeypatch, {4})
    train(tiny, tmp_path / "run")
    entries = RunFolder(tmp_path / "run").metrics()
    assert [entry["step"] for entry in entries if entry["skipped"]] == [4]
    assert entries[3]["loss"] is None
    assert entries[11]["loss"] is not None
    three, four, five = (
        load_model(tmp_path / "run" / "checkpoints" / f"step-0000{step}").state_dict() for step in (3, 4, 5)
    )
    assert all(torch.equal(three[name], four[name]) for name in three)
    assert not all(torch.equal(four[name], five[name]) for name in four)


def test_three_in_a_row_stop_the_run_with_the_state_saved(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, {5, 6, 7, 8})
    with pytest.raises(UserError, match="not finite"):
        train(tiny, tmp_path / "run")
    assert len(losses(tmp_path / "run")) == 7
    state = tmp_path / "run" / "resume" / "step-00007"
    assert json.loads((state / "state.json").read_text())["skipped_in_a_row"] == 3


def test_no_gpu_is_one_clear_line(tiny: Recipe, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(UserError, match="was asked for"):
        train(recipes.override(tiny, {"train.device": "cuda"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_batches_that_dont_split_are_refused(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="micro_batch = 3"):
        train(recipes.override(tiny, {"train.micro_batch": "3"}), tmp_path / "run")


def test_bfloat16_follows_float32(tiny: Recipe, tmp_path: Path) -> None:
    for precision in ("float32", "bfloat16"):
        train(recipes.override(tiny, {"train.precision": precision}), tmp_path / precision)
    assert losses(tmp_path / "float32") == pytest.approx(losses(tmp_path / "bfloat16"), rel=0.02)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler's own making
@pytest.mark.parametrize("packing", ["stories", "stream"])
def test_compiled_follows_eager(packing: str, tiny: Recipe, tmp_path: Path) -> None:
    tiny = recipes.override(tiny, {"train.packing": packing})
    for mode in ("on", "off"):
        train(recipes.override(tiny, {"train.compile": mode}), tmp_path / mode)
    assert losses(tmp_path / "on") == pytest.approx(losses(tmp_path / "off"), rel=1e-3)


def test_without_a_compiler_training_goes_on(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fabula.training.machine.shutil.which", lambda name: None)
    train(recipes.override(tiny, {"train.compile": "on"}), tmp_path / "run")
    assert "no C++ compiler" in capsys.readouterr().err
    assert len(losses(tmp_path / "run")) == 12


def test_tensorboard_gets_the_metrics(tiny: Recipe, tmp_path: Path) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(recipes.override(tiny, {"train.trackers": "tensorboard"}), tmp_path / "run")
    events = event_accumulator.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [event.value for event in events.Scalars("loss")] == pytest.approx(losses(tmp_path / "run"), rel=1e-5)


def test_verify_names_what_is_wrong(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny, tmp_path / "run")
    weights = tmp_path / "run" / "checkpoints" / "step-00005" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 64
    weights.write_bytes(content)
    assert verify(tmp_path / "run").problems == [f"{weights} was altered: its SHA-256 is not the recorded one"]


def test_a_compiler_that_fails_is_said_and_done_without(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(network: torch.nn.Module, dynamic: bool) -> torch.nn.Module:
        class Broken(torch.nn.Module):
            def forward(self, *inputs: object) -> torch.Tensor:
                raise RuntimeError("the compiler fell over\nin many words")

        return Broken()

    with monkeypatch.context() as patch:
        patch.setattr(torch, "compile", broken)
        patch.setattr("fabula.training.machine.shutil.which", lambda name: "/usr/bin/g++")
        train(recipes.override(tiny, {"train.compile": "on"}), tmp_path / "broken")
    assert "torch.compile failed (the compiler fell over)" in capsys.readouterr().err
    train(tiny, tmp_path / "whole")
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")


@pytest.mark.parametrize("name", ["trackio", "wandb"])
def test_online_trackers_get_the_metrics(
    name: str, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, dict[str, object]]] = []
    package = types.ModuleType(name)
    package.init = lambda **settings: calls.append(("init", settings))  # type: ignore[attr-defined]
    package.log = lambda metrics, step: calls.append(("log", {"step": step, **metrics}))  # type: ignore[attr-defined]
    package.finish = lambda: calls.append(("finish", {}))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, package)
    train(recipes.override(tiny, {"train.trackers": name}), tmp_path / "run")
    assert [call for call, _ in calls] == ["init", *["log"] * 12, "finish"]
    assert calls[0][1]["name"] == "run"
    assert [entry["loss"] for _, entry in calls[1:-1]] == losses(tmp_path / "run")


def test_a_tracker_that_is_not_installed_is_one_clear_line(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r"pip install 'fabula\[track\]'"):
        train(recipes.override(tiny, {"train.trackers": "wandb"}), tmp_path / "run")


def test_the_time_left_counts_windows_not_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = recipes.from_table(
        {
            "model": {"context": 64},
            "train": {"steps": 100, "tokens_per_step": 256, "ramp_from": 64, "ramp_fraction": 0.3},
        }
    )
    now = [0.0]
    monkeypatch.setattr("fabula.training.view.time.monotonic", lambda: now[0])
    view = View("run", ramp, bytes_per_token=4.0, peak_flops=None)
    assert view._remaining(1) == "..."
    now[0] = 9.0
    windows = ramp.windows_before(100) - ramp.windows_before(10)
    assert ramp.windows_before(10) == 10
    assert view._remaining(10) == f"{windows // 60}:{windows % 60:02d}"  # a second each, as for the nine before
    assert windows > 3 * 90
