"""The contest: all contenders' processes alive, each asleep until its turn, one step after the other, round by round.

A machine's speed moves by tens of percent within minutes; contenders that take turns meet the same machine.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.process import ContenderError, Process
from bench.training.contenders import CLONED, KEPT, LIMITS, Contender
from bench.training.data import Data
from bench.training.sizes import LEARNING_RATE, WEIGHT_DECAY, Size
from fabula.errors import UserError
from fabula.recipe import to_toml
from fabula.terminal import progress, say

WORKER = "bench.training.worker"
REST = 0.05
"""Seconds between two turns, in which the last one's threads stop spinning (libgomp's give up after milliseconds)."""
SPARE_MEMORY = 2 << 30
"""Bytes that must be left before another contender is started."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int = 10
    steps: int = 1
    """Steps in a turn."""
    warm_up: int = 3
    """Steps before the first round, after the very first one."""
    threads: int = 1
    starts: int = 1
    """Times that each contender is started again when everything is compiled."""


@dataclass
class Record:
    """What was measured of one contender."""

    name: str
    program: str
    precision: str
    feed: str
    compiled: bool
    kept: bool
    missing: str | None = None
    """Why it didn't take part, or not to the end."""
    version: str = ""
    parameters: int = 0
    matrix_weights: int = 0
    """Weights that a token is multiplied with."""
    start_cold: float | None = None
    """Seconds from the process's start to the end of its first step, nothing compiled before."""
    starts_warm: list[float] = field(default_factory=list)
    """The same, with everything compiled before."""
    losses: list[float] = field(default_factory=list)
    """Nats a target, from the first step on."""
    rounds: list[dict[str, float]] = field(default_factory=list)
    """By round: `seconds`, and of the batches `targets`, `useful`, `attended`."""
    peak_memory: int = 0
    """Bytes resident at most."""
    idle_cpu_seconds: float = 0.0
    """Of processor time while others had their turns, in the last round."""


class Contest:
    """Contenders, their processes, and what was measured of them."""

    def __init__(
        self,
        entries: list[Contender],
        size: Size,
        data: Data,
        plan: Plan,
        sources: Mapping[str, str],
        python: str,
        log: Path,
    ) -> None:
        """Take what to compare; `sources` are the clones by engine, `python` the interpreter of all."""
        self.size, self.data, self.plan, self.log = size, data, plan, log
        self.sources, self.python = sources, python
        self.records = {
            entry: Record(entry.name, entry.program, entry.precision, entry.feed, entry.compiled, entry.kept)
            for entry in [*LIMITS, *entries]
        }
        self.running: dict[Contender, Process] = {}

    def run(self) -> None:
        """Measure everything."""
        try:
            with progress("starting contenders", len(self.records), "contenders") as advance:
                for entry in self.records:
                    self._attempt(entry, self._start)
                    advance(1)
            with progress("taking turns", self.plan.rounds * len(self.running), "turns") as advance:
                for round_ in range(self.plan.rounds):
                    for entry in self._in_turn(round_):
                        self._attempt(entry, self._turn)
                        advance(1)
            for entry in list(self.running):
                self._attempt(entry, self._remember)
            self._stop()
            self._restart()
        finally:
            self._stop()

    def to_json(self) -> dict[str, Any]:
        """Return what was measured."""
        return {
            "size": self.size.name,
            "shape": self.size.shape(),
            "batch": {"windows": self.size.rows, "story_rows": self.data.story_rows},
            "plan": vars(self.plan),
            "contenders": [vars(record) for record in self.records.values()],
        }

    def _attempt(self, entry: Contender, do: Callable[[Contender], None]) -> None:
        """Do something with a contender; one that fails is out, with the reason on record."""
        try:
            do(entry)
        except ContenderError as error:
            self.records[entry].missing = str(error)
            say(f"{entry.name}: {error}")
            if entry in self.running:
                self.running.pop(entry).close()
        time.sleep(REST)

    def _in_turn(self, round_: int) -> Iterator[Contender]:
        """Yield those that still run, each round beginning with another one."""
        entries = list(self.running)
        for place in range(len(entries)):
            entry = entries[(place + round_) % len(entries)]
            if entry in self.running:
                yield entry

    def _begin(self, entry: Contender) -> tuple[Process, float]:
        """Start a process; returns it with the seconds until the end of its first step."""
        if entry.engine in CLONED and not self.sources.get(entry.engine):
            raise ContenderError("nobody said where it is (see --help)")
        compiled = self.data.folder / entry.name.replace(" ", "-")
        variables = {"TORCHINDUCTOR_CACHE_DIR": str(compiled), **(KEPT if entry.kept else {})}
        process = Process(WORKER, self._spec(entry), self.python, self.log, variables)
        return process, time.perf_counter() - process.begun

    def _spec(self, entry: Contender) -> dict[str, Any]:
        packing = "stream" if entry.feed == "windows" else "stories"
        recipe = self.size.whole_recipe(
            [str(self.data.store)], packing, entry.precision, compiled=entry.compiled, threads=self.plan.threads
        )
        return {
            "engine": entry.engine,
            "precision": entry.precision,
            "feed": entry.feed,
            "compiled": entry.compiled,
            "kept": entry.kept,
            "threads": self.plan.threads,
            "rows": self.size.rows,
            "story_rows": self.data.story_rows,
            "end_of_text": self.data.end_of_text,
            "data": str(self.data.folder),
            "shape": self.size.shape(),
            "source": self.sources.get(entry.engine),
            "learning_rate": LEARNING_RATE,
            "weight_decay": WEIGHT_DECAY,
            "recipe": to_toml(recipe),
        }

    def _start(self, entry: Contender) -> None:
        if _available_memory() < SPARE_MEMORY:
            raise UserError(
                f"memory is short before {entry.name} is started: take fewer at a time, or smaller batches "
                "(--only, --without, --windows)"
            )
        record = self.records[entry]
        process, record.start_cold = self._begin(entry)
        self.running[entry] = process
        for name in ("version", "parameters", "matrix_weights"):
            setattr(record, name, process.loaded[name])
        record.losses += process.loaded["losses"]
        if self.plan.warm_up:
            record.losses += process.ask(do="turn", steps=self.plan.warm_up)["losses"]

    def _turn(self, entry: Contender) -> None:
        answer = self.running[entry].ask(do="turn", steps=self.plan.steps)
        record = self.records[entry]
        record.losses += answer.pop("losses")
        record.rounds.append({**answer, "seconds": sum(answer["seconds"])})

    def _remember(self, entry: Contender) -> None:
        found = self.running[entry].ask(do="memory")
        self.records[entry].peak_memory = found["peak"]
        self.records[entry].idle_cpu_seconds = found["idle_cpu_seconds"]

    def _restart(self) -> None:
        """Start everybody again, alone on the machine, what it compiles being compiled."""
        entries = [entry for entry, record in self.records.items() if record.rounds and entry not in LIMITS]
        with progress("starting again", self.plan.starts * len(entries), "starts") as advance:
            for _ in range(self.plan.starts):
                for entry in entries:
                    process, seconds = self._begin(entry)
                    process.close()
                    self.records[entry].starts_warm.append(seconds)
                    advance(1)

    def _stop(self) -> None:
        while self.running:
            self.running.popitem()[1].close()


def _available_memory() -> int:
    """Return the bytes that new processes may use (Linux; elsewhere it is not known and taken for plenty)."""
    file = Path("/proc/meminfo")
    if not file.exists():
        return 1 << 60
    line = next(line for line in file.read_text().splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024
