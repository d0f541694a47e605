"""A contender's process, seen from the one that compares."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class ContenderError(RuntimeError):
    """A contender can't go on; the message is the reason in one line."""


class Process:
    """Starts a worker, which answers once it is ready and stays alive until `close`."""

    def __init__(
        self, worker: str, spec: dict[str, Any], python: str, log: Path, variables: Mapping[str, str] | None = None
    ) -> None:
        """Run the module `worker` with `spec`, and with `variables` in its environment."""
        self.log = log
        self.begun = time.perf_counter()
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [python, "-m", worker, json.dumps(spec)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env={**environment(spec["threads"]), **(variables or {})},
                text=True,
                start_new_session=True,  # control-C stops the comparison, which then ends its processes
            )
        self.loaded = self._answer()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Have it do something and return its answer.

        Raises:
            ContenderError: it couldn't.
        """
        assert self.process.stdin is not None
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise ContenderError("its process ended") from None
        return self._answer()

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise ContenderError(f"its process ended with status {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise ContenderError(answer["failed"])
        return answer


def environment(threads: int) -> dict[str, str]:
    """Return the environment of every process: so many threads, no network."""
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONWARNINGS": "ignore"}
    return {**os.environ, **counts, **quiet}


def busy() -> subprocess.Popen[bytes]:
    """Start a process that keeps one core busy: the last of those that this process may use."""
    loop = (
        "import os\n"
        "if hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})\n"
        "while True: pass"
    )
    return subprocess.Popen([sys.executable, "-c", loop])
