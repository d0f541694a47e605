"""A contender's side of the turns: its training loop calls `step` after every step, and waits there for its turn."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from bench.memory import memory
from bench.training.counting import Count


class StoppedError(BaseException):
    """The contest is over; not an `Exception`, so that no training loop takes it for an accident."""


class Pace:
    """Lets a training loop run as many steps as it is asked for, and says how long they took.

    The clock of a step runs from the end of the one before, or from the beginning of the turn: loading data counts.
    """

    def __init__(self, answers: TextIO, requests: TextIO) -> None:
        """Answer on `answers`; the first step is answered without a request."""
        self.answers, self.requests = answers, requests
        self.facts: dict[str, Any] = {}
        """What the engine has to say of itself, sent with the first answer."""
        self.turn = threading.Event()
        """Set while it is this process's turn: threads that load ahead wait for it."""
        self.turn.set()
        self._begin(1)

    def _begin(self, steps: int) -> None:
        self.wanted = steps
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self.total = Count()
        self.clock = time.perf_counter()

    def step(self, loss: float, count: Callable[[], Count]) -> None:
        """Say that a step is done; `count` says what was in its batch, after the clock has stopped.

        Raises:
            StoppedError: there won't be another turn.
        """
        self.seconds.append(time.perf_counter() - self.clock)
        self.losses.append(loss)
        self.total += count()
        if len(self.seconds) == self.wanted:
            self.turn.clear()
            self._answer(seconds=self.seconds, losses=self.losses, **vars(self.total), **self.facts)
            self.facts = {}
            self._wait()
            self.turn.set()
        self.clock = time.perf_counter()

    def _wait(self) -> None:
        before = time.process_time()
        for line in self.requests:
            request = json.loads(line)
            if request["do"] == "memory":
                # Threads that spin while they should sleep would slow the others down: that they don't is on record.
                self._answer(**memory(), idle_cpu_seconds=time.process_time() - before)
            else:
                self._begin(request["steps"])
                return
        self.turn.set()
        raise StoppedError

    def _answer(self, **values: Any) -> None:
        print(json.dumps(values), file=self.answers, flush=True)
