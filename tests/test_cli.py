"""The command line as a user meets it: in its own process, with its exit status and its one line of error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fabula
from fabula import recipe as recipes
from fabula.cli import main
from tests.tiny import tiny_checkpoint

STORIES = [
    f"One day, a {animal} found a {thing}. It was very {feeling}. The end."
    for animal in ("cat", "dog", "bird")
    for thing in ("ball", "hat", "key", "shell")
    for feeling in ("happy", "sad", "proud")
]


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    root = str(Path(fabula.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    command = [sys.executable, "-m", "fabula", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


def assert_one_clear_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("fabula: ")
    for part in parts:
        assert part in lines[0]


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    path = tmp_path / "stories.txt"
    path.write_text("\n<|endoftext|>\n".join(STORIES), encoding="utf-8")
    return path


@pytest.fixture
def recipe(tmp_path: Path, stories: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(f"""
        [corpus]
        source = ["{stories}"]
        [tokenizer]
        vocab_size = 300
        [model]
        hidden = 16
        layers = 1
        heads = 2
        intermediate = 24
        context = 32
        [train]
        steps = 4
        tokens_per_step = 64
        micro_batch = 2
        device = "cpu"
        compile = "off"
        [series]
        steps = [0]
        """)
    return path


def test_help_is_quick_to_import() -> None:
    code = (
        "import sys, fabula.cli; print([m for m in ('torch', 'numpy', 'pyarrow', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["corpus"],
        ["corpus", "build"],
        ["corpus", "show"],
        ["corpus", "storyworld"],
        ["train"],
        ["evaluate"],
        ["generate"],
        ["verify"],
    ],
)
def test_every_command_has_help(command: list[str]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_train_help_explains_every_field() -> None:
    help_text = run("train", "--help").stdout
    for name, sentence in recipes.field_help().items():
        assert f"--{name}" in help_text
        assert sentence.split()[0] in help_text


def test_the_whole_line(recipe: Path, stories: Path, tmp_path: Path) -> None:
    fields = ("--tokenizer.vocab_size", "300", "--corpus.validation_fraction", "0.3")
    built = run("corpus", "build", str(stories), "--out", "store", *fields, "--json", cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["splits"]["train"]["stories"] > 0
    shown = run("corpus", "show", "store", "--json", cwd=tmp_path)
    assert json.loads(shown.stdout) == json.loads(built.stdout)
    assert "stories" in run("corpus", "show", "store", cwd=tmp_path).stdout

    trained = run("train", str(recipe), "--corpus", "store", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "runs" / "mine" / "checkpoints" / "step-00004").is_dir()

    assert "all well" in run("verify", "runs/mine", cwd=tmp_path).stdout
    assert json.loads(run("verify", "store", "--json", cwd=tmp_path).stdout)["problems"] == []

    evaluated = run("evaluate", "runs/mine", "--json", cwd=tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    figures = json.loads(evaluated.stdout)
    assert (
        0 < figures["nats_per_token_interval"][0] <= figures["nats_per_token"] <= figures["nats_per_token_interval"][1]
    )
    assert figures["stories_in_training"] == 0
    on_files = json.loads(run("evaluate", "runs/mine", "--corpus", str(stories), "--json", cwd=tmp_path).stdout)
    assert on_files["stories"] == len(STORIES)
    assert on_files["stories_in_training"] == len(STORIES) - figures["stories"]

    told = run("generate", "One day", "--model", "runs/mine", "--max-new-tokens", "5", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("One day")
    assert "5 tokens" in told.stderr or "end-of-text" in told.stderr
    both = json.loads(
        run("generate", "One day", "--model", "runs/mine", "--n", "2", "--seed", "7", "--json", cwd=tmp_path).stdout
    )
    assert [story["seed"] for story in both["stories"]] == [7, 8]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["trian"], ["trian"]),
        (["train"], ["recipe"]),
        (["train", "nanno"], ["did you mean 'nano'?"]),
        (["train", "nano", "--model.hiden", "3"], ["--model.hiden", "model.hidden"]),
        (["train", "nano", "--model.hidden"], ["--model.hidden needs a value"]),
        (["train", "nano", "--train.steps", "many"], ["train.steps = 'many' must be a whole number"]),
        (["train", "nano", "--model.layers", "-2"], ["model.layers = -2 must be at least 1"]),
        (["train", "nano", "--model.heads", "5"], ["model.heads = 5 must divide model.hidden = 192"]),
        (["train", "nano", "--tokenizer.vocab_size", "70000"], ["tokenizer.vocab_size = 70000", "at most 65535"]),
        (["train", "nano", "--corpus", "missing.txt"], ["missing.txt"]),
        (["train", "nano", "--corpus", "."], ["."]),
        (["train", "nano", "--train.device", "gpu"], ["train.device = 'gpu'"]),
        (["corpus", "build", "missing.txt", "--out", "store"], ["missing.txt"]),
        (["corpus", "build", "folder.txt", "--out", "store"], ["folder.txt"]),
        (["corpus", "build", "photo.txt", "--out", "store"], ["photo.txt", "text"]),
        (["corpus", "build", "empty.txt", "--out", "store"], ["empty.txt"]),
        (["corpus", "build", "one.txt", "--out", "store"], ["one.txt", "single story"]),
        (["corpus", "build", "stories.txt", "--out", "stories.txt"], ["stories.txt"]),
        (["corpus", "build", "story.pdf", "--out", "store"], ["story.pdf", ".txt"]),
        (["corpus", "show", "missing"], ["missing"]),
        (["corpus", "show", "folder.txt"], ["folder.txt", "not a token store"]),
        (["evaluate", "missing"], ["missing"]),
        (["evaluate", "model", "--corpus", "missing.txt"], ["missing.txt"]),
        (["evaluate", "model"], ["--corpus"]),
        (["generate", "Hello", "--model", "stories.txt"], ["stories.txt is a file"]),
        (["generate", "Hello", "--model", "folder.txt"], ["folder.txt"]),
        (["generate", "Hello", "--model", "model", "--temperature", "-1"], ["temperature = -1"]),
        (["generate", "Hello", "--model", "model", "--temperature", "nan"], ["temperature = nan"]),
        (["generate", "Hello", "--model", "model", "--top-p", "1.5"], ["top_p = 1.5"]),
        (["generate", "Hello", "--model", "model", "--n", "0"], ["n = 0"]),
        (["generate", "Hello " * 500, "--model", "model"], ["context"]),
        (["study"], ["RUN_OR_MODEL"]),
        (["study", "missing"], ["missing"]),
        (["study", "folder.txt"], ["folder.txt"]),
        (["study", "model"], ["--corpus"]),
        (["study", "model", "--corpus", "missing"], ["missing", "not a token store"]),
        (["study", "model", "--corpus", "stories.txt"], ["stories.txt", "not a token store"]),
        (["study", "model", "--suite", "fats"], ["--suite", "fast"]),
        (["study", "model", "--items", "3"], ["--items = 3 must be at least 30"]),
        (["study", "model", "--probes", "gramar", "--corpus", "missing"], ["unknown probe 'gramar'", "grammar"]),
        (["study", "model", "model", "--corpus", "missing"], ["--out"]),
        (["study", "model", "model", "--audit"], ["--audit takes one checkpoint"]),
        (["study", "model", "--audit"], ["--corpus"]),
        (["study", "model", "--judge", "http://127.0.0.1:1"], ["--judge-model"]),
        (["export", "model"], ["--to"]),
        (["export", "model", "--to", "gguff"], ["card"]),
        (["export", "model", "--to", "card"], ["model"]),
        (["export", "missing", "--to", "lm-eval"], ["missing"]),
        (["verify", "missing"], ["missing"]),
        (["verify", "model", "--train.steps", "3"], ["--train.steps"]),
    ],
)
def test_mistakes(
    arguments: list[str],
    parts: list[str],
    tmp_path: Path,
    stories: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "photo.txt").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "one.txt").write_text("One day, a cat sat.\n")
    (tmp_path / "story.pdf").write_text("x")
    tiny_checkpoint(tmp_path / "model")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    assert_one_clear_line(subprocess.CompletedProcess(arguments, ended.value.code, said.out, said.err), *parts)
    assert sorted(tmp_path.rglob("*")) == before, "nothing may be left behind"


def test_no_gpu(recipe: Path, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    done = run("train", str(recipe), "--train.device", "cuda", cwd=tmp_path)
    assert_one_clear_line(done, "device 'cuda'", "cpu or auto")
    assert not (tmp_path / "runs").exists()


def test_resuming_with_another_recipe(recipe: Path, tmp_path: Path) -> None:
    assert run("train", str(recipe), cwd=tmp_path).returncode == 0
    done = run("train", str(recipe), "--train.steps", "8", cwd=tmp_path)
    assert_one_clear_line(done, "train.steps: 4 -> 8", "--out")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("option", ["size=256k", "ro"])
def test_a_full_disk_and_a_read_only_one(option: str, recipe: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        reason = "read-only" if option == "ro" else "disk is full"
        for command in (
            ["train", str(recipe), "--out", str(disk / "run"), "--model.hidden", "128", "--model.intermediate", "512"],
            ["corpus", "build", "stories.txt", "--out", str(disk / "store")],
        ):
            if option != "ro" and command[0] == "corpus":
                (disk / "filler").write_bytes(b"x" * sum(1024 for _ in range(_free(disk) // 1024 - 4)))
            done = run(*command, cwd=tmp_path)
            assert done.returncode == 2, done.stderr
            assert "Traceback" not in done.stderr
            assert reason in done.stderr.strip().splitlines()[-1]
            assert not list(disk.rglob("*.tmp")), "nothing half-written may be left"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize
