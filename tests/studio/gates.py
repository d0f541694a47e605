"""A teller whose steps a test lets through one by one, and whose models fail when a test wants it."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from fabula.generation.storyteller import Storyteller
from fabula.studio import shelf
from fabula.studio.catalog import Catalog
from fabula.studio.teller import Teller

PATIENCE = 20.0


class Gate:
    """Stands before every reading of every model; open until a test shuts it."""

    def __init__(self) -> None:
        self._steps = threading.Semaphore(0)
        self._open = threading.Event()
        self._open.set()
        self.slots: dict[str, int] = {}
        """Keys and values that are reserved, by model."""
        self.most_loaded = 0
        self.read: list[str] = []
        """Models in the order in which they read."""
        self.fails: dict[str, Exception] = {}
        """What a model raises at its next reading."""

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()
        self._steps.release()

    def step(self, count: int = 1) -> None:
        """Let some readings through a shut gate."""
        self._steps.release(count)

    def pass_through(self, model: str) -> None:
        self.read.append(model)
        if not self._open.is_set():
            assert self._steps.acquire(timeout=PATIENCE)
        if model in self.fails:
            raise self.fails.pop(model)


class GatedBackend:
    """A backend behind a gate."""

    def __init__(self, backend, model: str, gate: Gate) -> None:
        self._backend, self._model, self._gate = backend, model, gate

    def __getattr__(self, name: str):
        return getattr(self._backend, name)

    def open(self, capacity: int) -> int:
        slot = self._backend.open(capacity)
        self._gate.slots[self._model] = self._gate.slots.get(self._model, 0) + 1
        return slot

    def close(self, slot: int) -> None:
        self._backend.close(slot)
        self._gate.slots[self._model] -= 1

    def read(self, feeds) -> int:
        self._gate.pass_through(self._model)
        return self._backend.read(feeds)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    load = shelf.load_model

    def load_behind_it(model, threads: int) -> Storyteller:
        storyteller = load(model, 1)
        storyteller.backend = GatedBackend(storyteller.backend, model.id, gate)
        return storyteller

    monkeypatch.setattr(shelf, "load_model", load_behind_it)
    return gate


def play(catalog: Catalog, scene: Callable[[Teller], Awaitable[None]], gate: Gate | None = None, **settings) -> None:
    """Run a scene with a teller, in an event loop of its own."""

    async def run() -> None:
        async with working(catalog, gate, **settings) as teller:
            async with asyncio.timeout(PATIENCE):
                await scene(teller)

    asyncio.run(run())


@contextlib.asynccontextmanager
async def working(catalog: Catalog, gate: Gate | None = None, **settings) -> AsyncIterator[Teller]:
    teller = Teller(catalog, threads=1, **settings)
    teller.start()
    try:
        yield teller
    finally:
        if gate:
            gate.open()
        await teller.close()
        assert not teller.alive


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread brings about."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)
