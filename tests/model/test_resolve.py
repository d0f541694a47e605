"""What MODEL may be on a command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fabula
from fabula.model.resolve import STORYTELLER, choose_device, last_valid_checkpoint, model_folder, newest_run
from tests.corpus.hub_server import FakeHub
from tests.tiny import tiny_checkpoint


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for step in (0, 5, 10):
        tiny_checkpoint(tmp_path / "run" / "checkpoints" / f"step-{step:05d}", step=step)
    return tmp_path / "run"


def test_a_run_is_its_last_checkpoint(run: Path) -> None:
    assert model_folder(str(run)) == run / "checkpoints" / "step-00010"
    for step in (99_999, 100_000):
        tiny_checkpoint(run / "checkpoints" / f"step-{step:05d}", step=step)
    assert model_folder(str(run)) == run / "checkpoints" / "step-100000"
    assert model_folder(str(run / "checkpoints" / "step-00005")) == run / "checkpoints" / "step-00005"


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "checkpoint.json"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_used(
    file: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = run / "checkpoints" / "step-00010" / file
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert last_valid_checkpoint(run) == run / "checkpoints" / "step-00005"
    assert str(damaged) in capsys.readouterr().err


def test_the_newest_run(run: Path, tmp_path: Path) -> None:
    os.utime(run / "checkpoints" / "step-00010", (1, 1))
    later = tmp_path / "later"
    tiny_checkpoint(later / "checkpoints" / "step-00001")
    os.utime(later / "checkpoints" / "step-00001", (2**33, 2**33))
    assert newest_run(tmp_path) == later
    assert newest_run(tmp_path / "nothing") is None


def test_the_storyteller_is_in_the_package_unless_a_folder_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert model_folder(STORYTELLER) == Path(fabula.__file__).parent / "storyteller"
    mine = tiny_checkpoint(tmp_path / STORYTELLER)
    assert model_folder(STORYTELLER).samefile(mine)


def test_devices() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") in ("cpu", "cuda", "mps")


def test_a_hub_name_is_fetched_from_the_hub(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "tiny")
    files = {("fabula/tiny", "v1", path.name): path.read_bytes() for path in folder.iterdir()}
    with FakeHub(files) as hub:
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_XET": "1",
            "PYTHONPATH": str(Path(fabula.__file__).parents[1]),
        }
        command = [sys.executable, "-m", "fabula", "generate", "One day", "--max-new-tokens", "3", "--model"]
        told = subprocess.run(
            [*command, "fabula/tiny@v1"], capture_output=True, text=True, env=environment, cwd=tmp_path
        )
        assert told.returncode == 0, told.stderr
        assert told.stdout.startswith("One day")
        missing = subprocess.run([*command, "fabula/none"], capture_output=True, text=True, env=environment)
        assert missing.returncode == 2
        assert "no model 'fabula/none'" in missing.stderr
