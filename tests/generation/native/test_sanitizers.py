"""The kernel under the sanitizers, with models, feeds and draws made at random (fuzz_kernel.c)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fabula.native.build import BuildError, Sanitizer, build, find_compiler

DRIVER = Path(__file__).with_name("fuzz_kernel.c")
CASES: dict[Sanitizer, int] = {"none": 2000, "address": 300, "thread": 150}
"""How many each runs; without a sanitizer the kernel is compiled as it is for use."""


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", CASES)
def test_random_models_are_read_exactly_and_in_bounds(tmp_path: Path, sanitizer: Sanitizer) -> None:
    try:
        find_compiler()
    except BuildError as error:
        pytest.skip(str(error))
    program = tmp_path / "fuzz_kernel"
    try:
        build(program, driver=DRIVER, sanitizer=sanitizer)
    except BuildError as error:
        if sanitizer != "none" and "link" in str(error):
            pytest.skip(f"the compiler has no library for the {sanitizer} sanitizer: {error}")
        raise
    # Programs for the thread sanitizer don't start where the system spreads addresses further than they expect.
    fixed = ["setarch", "-R"] if sys.platform == "linux" and shutil.which("setarch") else []
    command = [*fixed, str(program), "1", str(CASES[sanitizer])]
    environment = {**os.environ, "TSAN_OPTIONS": "halt_on_error=1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-8000:]
    assert done.stdout == f"{CASES[sanitizer]} cases from seed 1\n"
