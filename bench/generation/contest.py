"""The comparison: all contenders' processes alive, and every measurement taken in turn, round after round.

A machine's speed moves by tens of percent within minutes; contenders that take turns meet the same machine.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.generation.contenders import PRECISIONS, Contender, Precision
from bench.generation.files import Forms
from bench.generation.prompts import Prompts
from bench.process import ContenderError, Process, busy
from fabula.terminal import progress, say

BYTES = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0, "int4": 0.5}
WORKER = "bench.generation.worker"
REST = 0.2
"""Seconds between two measurements, in which the last one's threads stop spinning."""
DISTURBED_TOKENS = 50
"""New tokens of a story that is told while another process keeps a core busy."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    new: int = 200
    """Tokens of a story."""
    stories: int = 8
    """Told side by side."""
    stories_new: int = 64
    """Tokens of each of them."""
    threads: int = 1
    starts: int = 3
    """Times that each contender is started from scratch."""
    disturbed: int = 0
    """Rounds with a busy neighbour."""


@dataclass
class Record:
    """What was measured of one contender."""

    name: str
    precision: Precision
    missing: str | None = None
    """Why it didn't take part, or not to the end."""
    computes: str = ""
    version: str = ""
    weight_bytes: int = 0
    starts: list[dict[str, float]] = field(default_factory=list)
    """Seconds: `total` from the process's start to the first token, of which `import` and `load`."""
    memory: dict[str, int] = field(default_factory=dict)
    """Bytes: `story` and `story_share` after one story, `peak` and `share` after everything."""
    story: list[dict[str, float]] = field(default_factory=list)
    """One story: tok/s of decoding and seconds to the first token."""
    prompt: list[dict[str, float]] = field(default_factory=list)
    """One long prompt: its tok/s."""
    stories: list[dict[str, float]] = field(default_factory=list)
    """Several stories side by side: their tok/s together."""
    disturbed: list[dict[str, float]] = field(default_factory=list)
    """tok/s `quiet` and with a busy neighbour."""
    tokens: list[list[int]] = field(default_factory=list)
    """The stories of `story`."""


class Contest:
    """Contenders, their processes, and what was measured of them."""

    def __init__(self, entries: list[Contender], forms: Forms, prompts: Prompts, plan: Plan, log: Path) -> None:
        self.forms, self.prompts, self.plan, self.log = forms, prompts, plan, log
        self.records = {entry: Record(entry.name, entry.precision) for entry in entries}
        self.running: dict[Contender, Process] = {}
        self.reading: dict[Precision, list[float]] = {}
        """Bytes per second at which weights of that precision can be read, once a round."""
        self._reader: Process | None = None

    def run(self) -> None:
        """Measure everything."""
        try:
            with progress("starting contenders", len(self.records), "contenders") as advance:
                for entry in self.records:
                    self._attempt(entry, self._start)
                    advance(1)
            self._start_reader()
            with progress("taking turns", self.plan.rounds * 3 * len(self.running), "measurements") as advance:
                for round_ in range(self.plan.rounds):
                    self._read()
                    for measure in (self._story, self._prompt, self._stories):
                        for entry in self._in_turn(round_):
                            self._attempt(entry, lambda entry: measure(entry, round_))  # noqa: B023 - called at once
                            advance(1)
            self._disturb()
            for entry in list(self.running):
                self._attempt(entry, self._remember)
            self._restart()
        finally:
            for process in [*self.running.values(), *([self._reader] if self._reader else [])]:
                process.close()

    def to_json(self) -> dict[str, Any]:
        """Return what was measured."""
        return {
            "plan": vars(self.plan),
            "weights_read_per_token": self.forms.read_weights,
            "bytes_per_second": self.reading,
            "contenders": [vars(record) for record in self.records.values()],
        }

    def _attempt(self, entry: Contender, do: Callable[[Contender], None]) -> None:
        """Do something with a contender; one that fails is out, with the reason on record."""
        try:
            do(entry)
        except ContenderError as reason:
            self.records[entry].missing = str(reason)
            say(f"{entry.name}: {reason}")
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

    def _begin(self, entry: Contender) -> Process:
        """Start a process, have it tell one token, and note how long that took."""
        spec = self.forms.spec(entry, self.plan.threads)
        python = self.forms.python(entry)
        process = Process(WORKER, spec, python, self.log)
        try:
            process.ask(do="tell", prompts=self.prompts.beginnings(0, 1), new=1)
        except ContenderError:
            process.close()
            raise
        total = time.perf_counter() - process.begun
        self.records[entry].starts.append({"total": total, **process.loaded["seconds"]})
        return process

    def _start(self, entry: Contender) -> None:
        record = self.records[entry]
        process = self.running[entry] = self._begin(entry)
        for name in ("computes", "version", "weight_bytes"):
            setattr(record, name, process.loaded[name])
        process.ask(do="tell", prompts=self.prompts.beginnings(0, 1), new=self.plan.new if entry.compiles else 8)
        found = process.ask(do="memory")
        record.memory = {"story": found["peak"], "story_share": found["share"]}
        process.ask(do="tell", prompts=[self.prompts.long(0)], new=1)
        several = self.prompts.beginnings(0, self.plan.stories)
        process.ask(do="tell", prompts=several, new=self.plan.stories_new if entry.compiles else 4)

    def _start_reader(self) -> None:
        sizes = [int(self.forms.read_weights * BYTES[precision]) for precision in PRECISIONS]
        spec = {"engine": "reading", "sizes": sizes, "threads": self.plan.threads}
        self._reader = Process(WORKER, spec, self.forms.own_python, self.log)

    def _read(self) -> None:
        assert self._reader is not None
        for precision in sorted({entry.precision for entry in self.running}, key=PRECISIONS.index):
            size = int(self.forms.read_weights * BYTES[precision])
            rate = self._reader.ask(do="read", bytes=size)["bytes_per_second"]
            self.reading.setdefault(precision, []).append(rate)

    def _tell(self, entry: Contender, prompts: list[list[int]], new: int) -> tuple[dict[str, float], list[list[int]]]:
        told = self.running[entry].ask(do="tell", prompts=prompts, new=new)
        tokens = told.pop("tokens")
        if [len(story) for story in tokens] != [new] * len(prompts):
            raise ContenderError(f"asked for {new} tokens, told {[len(story) for story in tokens]}")
        if new > 1:
            seconds = told["total"] - told["first"]
            told["speed"] = (new * len(prompts) - told["first_tokens"]) / seconds
        return told, tokens

    def _story(self, entry: Contender, round_: int) -> None:
        told, tokens = self._tell(entry, self.prompts.beginnings(round_, 1), self.plan.new)
        self.records[entry].story.append(told)
        self.records[entry].tokens += tokens

    def _prompt(self, entry: Contender, round_: int) -> None:
        prompt = self.prompts.long(round_)
        told, _ = self._tell(entry, [prompt], 1)
        self.records[entry].prompt.append({**told, "speed": len(prompt) / told["total"]})

    def _stories(self, entry: Contender, round_: int) -> None:
        told, _ = self._tell(entry, self.prompts.beginnings(round_, self.plan.stories), self.plan.stories_new)
        self.records[entry].stories.append(told)

    def _disturb(self) -> None:
        total = self.plan.disturbed * len(self.running)
        with progress("with a busy neighbour", total, "measurements") as advance:
            for round_ in range(self.plan.disturbed):
                for entry in self._in_turn(round_):
                    self._attempt(entry, lambda entry: self._disturbed(entry, round_))  # noqa: B023 - called at once
                    advance(1)

    def _disturbed(self, entry: Contender, round_: int) -> None:
        prompts = self.prompts.beginnings(round_, 1)
        new = self.plan.new if entry.compiles else DISTURBED_TOKENS  # the length that it was compiled for
        quiet, _ = self._tell(entry, prompts, new)
        neighbour = busy()
        try:
            time.sleep(REST)
            disturbed, _ = self._tell(entry, prompts, new)
        finally:
            neighbour.kill()
            neighbour.wait()
        self.records[entry].disturbed.append({"quiet": quiet["speed"], "disturbed": disturbed["speed"]})

    def _remember(self, entry: Contender) -> None:
        self.records[entry].memory.update(self.running[entry].ask(do="memory"))

    def _restart(self) -> None:
        """Start those that start fast again from scratch, in turn, the others' processes asleep."""
        entries = [entry for entry in self.running if not entry.compiles]
        with progress("starting from scratch", (self.plan.starts - 1) * len(entries), "starts") as advance:
            for _ in range(self.plan.starts - 1):
                for entry in entries:
                    self._attempt(entry, lambda entry: self._begin(entry).close())
                    advance(1)
