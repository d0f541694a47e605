"""A story begins at once: what takes long to import is not imported before it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

from fabula.native.library import library, why_not
from tests.tiny import tiny_checkpoint

SLOW = ("torch", "transformers", "pyarrow", "scipy", "matplotlib", "huggingface_hub", "httpx", "httpx2", "requests")
STUDIO = ("fastapi", "pydantic", "uvicorn")
PRINTING = ("rich",)


def imported(code: str, watched: tuple[str, ...]) -> list[str]:
    """Return which of the watched packages a new process has imported after running `code`."""
    ending = f"; import sys; print('imported:', *(name for name in {watched!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code + ending], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.rpartition("imported:")[2].split()


@pytest.mark.parametrize(
    "module",
    [
        "fabula.cli",
        "fabula.generation",
        "fabula.generation.storyteller",
        "fabula.generation.native",
        "fabula.model.folder",
        "fabula.model.resolve",
        "fabula.corpus.tokenizer",
    ],
)
def test_a_module_on_the_way_to_a_story_imports_nothing_slow(module: str) -> None:
    assert imported(f"import {module}", SLOW + PRINTING + STUDIO) == []


def test_the_command_line_is_understood_without_what_prints_help() -> None:
    code = "from fabula.cli import _parser; _parser().parse_args(['generate', 'Once upon a time'])"
    assert imported(code, SLOW + PRINTING + STUDIO) == []


def test_a_story_is_told_by_the_kernel_without_pytorch(tmp_path: Path) -> None:
    if library() is None:
        pytest.skip(f"no native kernel: {why_not()}")
    model = tiny_checkpoint(tmp_path / "model")
    told = f"['generate', 'Once', '--model', {str(model)!r}, '--device', 'cpu', '--max-new-tokens', '3']"
    assert imported(f"from fabula.cli import main; main({told})", SLOW) == []


def test_a_storyteller_needs_nothing_that_prints(tmp_path: Path) -> None:
    if library() is None:
        pytest.skip(f"no native kernel: {why_not()}")
    model = tiny_checkpoint(tmp_path / "model")
    code = f"import fabula.generation as g; next(g.load({str(model)!r}, backend='native').stream('Once'))"
    assert imported(code, SLOW + PRINTING) == []


def test_a_studio_is_imported_without_pytorch() -> None:
    assert imported("import fabula.studio.serving", ("torch", "transformers", "scipy", "matplotlib")) == []
