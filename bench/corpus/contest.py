"""The comparison: each contender in a process of its own, from the text to the tokens, in turn, round after round."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.corpus.worker import DONE
from bench.process import ROOT
from fabula.terminal import progress, say

BETWEEN_LOOKS = 0.05
"""Seconds between two looks at the processes' memory."""


@dataclass(frozen=True)
class Contender:
    """One way from text to tokens."""

    name: str
    engine: str
    encoders: tuple[str, ...] = ()
    """For Fabula: the candidates of `fabula.corpus.fast_tokenizer` that it may use."""


CONTENDERS = (
    Contender("fabula, extra `fast`", "fabula", ("gigatoken",)),
    Contender("fabula, no extra", "fabula", ("fabula",)),
    Contender("fabula, `tokenizers` alone", "fabula"),
    Contender("datasets.map", "datasets"),
)


@dataclass
class Record:
    """What was measured of one contender."""

    name: str
    missing: str | None = None
    """Why it didn't take part."""
    version: str = ""
    seconds: list[float] = field(default_factory=list)
    """From the text to tokens on the disk, imports not counted, once a round."""
    memory: list[int] = field(default_factory=list)
    """Most bytes that the process and its children held together: each page divided among those that share it."""
    digest: str = ""
    """Of the tokens of all stories."""
    tokens: int = 0
    stories: int = 0


def compare(
    contenders: list[Contender], text: Path, tokenizer: Path, folder: Path, rounds: int, processes: int
) -> list[Record]:
    """Measure all contenders; one that can't take part is out, with the reason on record.

    Raises:
        SystemExit: two contenders made different tokens of the text.
    """
    records = {entry: Record(entry.name) for entry in contenders}
    with progress("taking turns", rounds * len(contenders), "builds") as advance:
        for round_ in range(rounds):
            for place in range(len(contenders)):
                entry = contenders[(place + round_) % len(contenders)]
                if not records[entry].missing:
                    spec = {"text": str(text), "tokenizer": str(tokenizer), "processes": processes}
                    _measure(entry, records[entry], spec, folder)
                advance(1)
    different = {record.digest for record in records.values() if record.digest}
    if len(different) > 1:
        raise SystemExit(f"bench: not the same tokens: { {record.name: record.digest for record in records.values()} }")
    return list(records.values())


def _measure(entry: Contender, record: Record, spec: dict[str, Any], folder: Path) -> None:
    place = folder / "output"
    place.mkdir()
    try:
        found = _run({**spec, "engine": entry.engine, "encoders": entry.encoders, "folder": str(place)}, folder / "log")
    finally:
        shutil.rmtree(place)
    if "missing" in found:
        record.missing = found["missing"]
        say(f"{entry.name}: {record.missing}")
        return
    record.seconds.append(found["seconds"])
    record.memory.append(max(found["peak"], found["together"]))
    for name in ("version", "digest", "tokens", "stories"):
        setattr(record, name, found[name])


def _run(spec: dict[str, Any], log: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.corpus.worker", json.dumps(spec)]
    done = Path(spec["folder"]) / DONE
    together = 0
    with (
        log.open("ab") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT) as process,
    ):
        try:
            while process.poll() is None and not done.exists():
                together = max(together, sum(map(_share, _family(process.pid))))
                time.sleep(BETWEEN_LOOKS)
            process.wait()
        finally:
            process.kill()
        assert process.stdout is not None
        answer = process.stdout.read()
    if not answer:
        lines = log.read_text(errors="replace").strip().splitlines()
        return {"missing": f"its process ended with status {process.returncode}: {(lines or [''])[-1]}"}
    found: dict[str, Any] = json.loads(answer)
    return {**found, "together": together}


def _family(process: int) -> Iterator[int]:
    """Yield a process and all that it started (Linux; elsewhere nothing)."""
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = tasks.read_text().split()
        except OSError:  # it ended meanwhile
            continue
        for child in children:
            yield from _family(int(child))
    if Path("/proc").exists():
        yield process


def _share(process: int) -> int:
    """Return the bytes that a process holds, its share of what it has in common with others."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
