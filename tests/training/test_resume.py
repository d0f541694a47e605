"""2N steps equal N steps, a death, and N more, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fabula import recipe as recipes
from fabula.errors import UserError
from fabula.model.checkpoint import weight_problems
from fabula.model.kernels import instruction_set
from fabula.model.record import checkpoints, read_record
from fabula.recipe import Recipe
from fabula.training.loop import Trainer, train
from fabula.training.run import RunFolder
from fabula.training.step import Step

EXACT = ("step", "tokens", "loss", "learning_rate", "gradient_norm", "skipped")


def stop_after(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the trainer to stop as a signal would, during a step."""
    original = Trainer._step

    def step_and_stop(self: Trainer, number: int, batches: list) -> Step:  # type: ignore[type-arg]
        self.stop_asked = self.stop_asked or number == step
        return original(self, number, batches)

    monkeypatch.setattr(Trainer, "_step", step_and_stop)


def assert_same_run(first: Path, second: Path) -> None:
    for name in ("checkpoints", "resume"):
        last = [sorted((run / name).glob("step-*"))[-1] for run in (first, second)]
        assert last[0].name == last[1].name
        file = "model.safetensors" if name == "checkpoints" else "state.safetensors"
        left, right = (load_file(folder / file) for folder in last)
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left)
    left_metrics, right_metrics = (RunFolder(run).metrics() for run in (first, second))
    assert [[entry[key] for key in EXACT] for entry in left_metrics] == [
        [entry[key] for key in EXACT] for entry in right_metrics
    ]


FAST = {
    "optimizer.kind": "muon",
    "schedule.kind": "trapezoid",
    "train.ramp_from": "128",
    "train.ramp_fraction": "0.8",
    "train.micro_batch": "2",
}


@pytest.mark.parametrize("changes", [{}, FAST, FAST | {"train.precision": "bfloat16"}, {"train.dropout": "0.2"}])
def test_stopped_and_resumed_is_never_stopped(
    changes: dict[str, str],
    tiny: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tiny = recipes.override(tiny, changes)
    train(tiny, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(7, patch)
        train(tiny, tmp_path / "parts")
    assert len(RunFolder(tmp_path / "parts").metrics()) == 7
    assert "saved after step 7" in capsys.readouterr().err
    train(tiny, tmp_path / "parts")
    assert "resuming after step 7" in capsys.readouterr().err
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    train(tiny, tmp_path / "parts")
    assert "is complete" in capsys.readouterr().err


def start(recipe: Recipe, folder: Path, out: Path) -> subprocess.Popen[str]:
    (folder / "tiny.toml").write_text(recipes.to_toml(recipe), encoding="utf-8")
    command = [sys.executable, "-m", "fabula", "train", str(folder / "tiny.toml"), "--out", str(out)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)


def wait_for_steps(run: Path, steps: int, process: subprocess.Popen[str]) -> None:
    while len(RunFolder(run).metrics()) < steps:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.05)


def test_kill_9_loses_nothing(tiny: Recipe, tmp_path: Path) -> None:
    tiny = recipes.override(tiny, {"train.steps": "160", "train.save_every": "10", "series.steps": "0,80"})
    train(tiny, tmp_path / "whole")
    for steps in (15, 70):
        process = start(tiny, tmp_path, tmp_path / "parts")
        wait_for_steps(tmp_path / "parts", steps, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    done = len(RunFolder(tmp_path / "parts").metrics())
    assert 70 <= done < 160
    train(tiny, tmp_path / "parts")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    for folder in checkpoints(tmp_path / "parts" / "checkpoints"):
        assert not weight_problems(folder)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1"])
def test_signals_save_and_exit_cleanly(name: str, tiny: Recipe, tmp_path: Path) -> None:
    tiny = recipes.override(tiny, {"train.steps": "3000", "train.save_every": "3000"})
    process = start(tiny, tmp_path, tmp_path / "run")
    wait_for_steps(tmp_path / "run", 5, process)
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    done = len(RunFolder(tmp_path / "run").metrics())
    assert f"saved after step {done:,}" in errors
    saved = json.loads((tmp_path / "run" / "resume" / f"step-{done:05d}" / "state.json").read_text())
    assert saved["step"] == done


@pytest.mark.parametrize("damage", ["flip", "cut", "no record"])
def test_damaged_state_is_named_and_the_one_before_used(
    damage: str, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tiny, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(9, patch)
        train(tiny, tmp_path / "parts")
    newest = tmp_path / "parts" / "resume" / "step-00009"
    file = newest / "state.safetensors"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "no record":
        (newest / "state.json").unlink()
    else:
        file.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    train(tiny, tmp_path / "parts")
    errors = capsys.readouterr().err
    assert "step-00009" in errors
    assert "resuming after step 8" in errors
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_another_recipe_or_corpus_is_refused(tiny: Recipe, stories: Path, tmp_path: Path) -> None:
    train(tiny, tmp_path / "run")
    with pytest.raises(UserError, match=r"optimizer.learning_rate: 0.01 -> 0.02"):
        train(recipes.override(tiny, {"optimizer.learning_rate": "0.02"}), tmp_path / "run")
    with pytest.raises(UserError, match=r"tokenizer.vocab_size: 320 -> 310"):
        train(recipes.override(tiny, {"tokenizer.vocab_size": "310"}), tmp_path / "run")
    train(recipes.override(tiny, {"train.threads": "2"}), tmp_path / "run")
    with stories.open("a", encoding="utf-8") as file:
        file.write("\n<|endoftext|>\nOne more story.")
    with pytest.raises(UserError, match="another corpus"):
        train(tiny, tmp_path / "run")


def test_another_machine_is_told(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        stop_after(7, patch)
        train(tiny, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    record = json.loads(path.read_text())
    record["machine"] |= {"kernel": "another", "threads": 64, "memory_bytes": 1}
    path.write_text(json.dumps(record))
    train(tiny, tmp_path / "run")
    errors = capsys.readouterr().err
    assert f"(kernel: {instruction_set() or 'none'} (before: another))" in errors
    train(tiny, tmp_path / "run")
    assert "another machine" not in capsys.readouterr().err


def test_a_folder_with_something_else_is_refused(tiny: Recipe, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="holds no run"):
        train(tiny, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_one_process_at_a_time(tiny: Recipe, tmp_path: Path) -> None:
    tiny = recipes.override(tiny, {"train.steps": "3000"})
    process = start(tiny, tmp_path, tmp_path / "run")
    try:
        wait_for_steps(tmp_path / "run", 1, process)
        with pytest.raises(UserError, match="another process"):
            train(tiny, tmp_path / "run")
    finally:
        process.kill()
        process.communicate()


def test_checkpoints_are_what_they_say(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny, tmp_path / "run")
    series = checkpoints(tmp_path / "run" / "checkpoints")
    assert [read_record(folder).step for folder in series] == [0, 5, 12]
    metrics = {entry["step"]: entry for entry in RunFolder(tmp_path / "run").metrics()}
    for folder in series[1:]:
        record = read_record(folder)
        assert record.tokens == metrics[record.step]["tokens"]
        assert record.loss == metrics[record.step]["loss"]
        assert record.corpus_position == tiny.windows_before(record.step)
