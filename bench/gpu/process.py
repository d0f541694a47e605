"""The worker's process, seen from the one that gives out jobs."""

import json
import queue
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.gpu.plan import Job
from bench.gpu.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


class Worker:
    """A process that outlives its jobs' failures; one that dies or takes too long is replaced."""

    def __init__(self, log: Path) -> None:
        """Name the file for what the process prints; it starts with its first job."""
        self.log = log
        self.process: subprocess.Popen[str] | None = None
        self.lines: queue.Queue[str] = queue.Queue()

    def do(self, job: Job, settings: Settings, seconds: float) -> dict[str, Any]:
        """Return `{"result": ...}` or `{"failed": reason}`, after `seconds` at the latest."""
        process = self._started()
        assert process.stdin is not None
        request = {"part": job.part, "given": job.given, "settings": asdict(settings)}
        try:
            print(json.dumps(request), file=process.stdin, flush=True)
            line = self.lines.get(timeout=seconds)
        except BrokenPipeError:
            line = ""
        except queue.Empty:
            self.close()
            return {"failed": f"took longer than {seconds:.0f} s"}
        if not line:
            status = process.wait()
            self.close()
            return {"failed": f"its process ended with status {status}; see {self.log.name}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self.process = None

    def _started(self) -> subprocess.Popen[str]:
        if self.process is None:
            with self.log.open("ab") as errors:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "bench.gpu.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    cwd=ROOT,
                    text=True,
                )
            self.lines = queue.Queue()
            threading.Thread(target=_copy, args=(self.process.stdout, self.lines), daemon=True).start()
        return self.process


def _copy(stream: Any, lines: "queue.Queue[str]") -> None:
    """Hand on a stream's lines, and an empty one at its end."""
    try:
        for line in stream:
            lines.put(line)
    except ValueError:  # closed, because the process was given up
        return
    lines.put("")
