"""A whole studio in a thread of the test: real sockets, real connections."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fabula.studio.catalog import Catalog
from fabula.studio.connections import PatientConnection
from fabula.studio.security import Access
from fabula.studio.serving import bound_socket, studio
from fabula.studio.teller import Teller

PATIENCE = 30.0


@dataclass(frozen=True)
class Live:
    """A running studio."""

    url: str
    teller: Teller

    @contextlib.contextmanager
    def held_up(self, model: str) -> Iterator[None]:
        """Keep the computing thread busy while the block runs."""
        begun, done = threading.Event(), threading.Event()

        def wait(storyteller: object) -> None:
            begun.set()
            done.wait(PATIENCE)

        assert self.teller._loop is not None
        question = asyncio.run_coroutine_threadsafe(self.teller.ask(model, wait), self.teller._loop)
        try:
            assert begun.wait(PATIENCE)
            yield
        finally:
            done.set()
            question.result(PATIENCE)


@contextlib.contextmanager
def live(
    *names: str | Path,
    access: Access | None = None,
    connection: type[PatientConnection] = PatientConnection,
    **settings: Any,
) -> Iterator[Live]:
    """Yield a studio that serves these runs and models; `settings` are the teller's."""
    catalog = Catalog([str(name) for name in names])
    ready = threading.Event()
    teller = Teller(catalog, threads=1, **settings)
    served = studio(catalog, teller, access or Access(), ready=ready.set, grace=0.1, connection=connection)
    listening = bound_socket("127.0.0.1", 0)
    thread = threading.Thread(target=served.run, args=([listening],))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield Live(f"http://127.0.0.1:{listening.getsockname()[1]}", teller)
    finally:
        served.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()
