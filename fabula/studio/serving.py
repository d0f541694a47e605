"""A running studio: its socket, its signals, and an end that lets stories finish."""

import asyncio
import errno
import logging
import os
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from fabula.errors import UserError
from fabula.studio.app import create_app
from fabula.studio.catalog import Catalog
from fabula.studio.connections import PatientConnection
from fabula.studio.security import MOST_HEADER_BYTES, Access
from fabula.studio.teller import Teller

GRACE_SECONDS = 5.0
"""In which stories that are being told may come to their end when the studio is stopped."""
LAST_WORDS_SECONDS = 2
"""In which the last answers are written after that."""
TICK_SECONDS = 0.05
BACKLOG = 512


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; port 0 takes any that is free.

    Raises:
        UserError: it is taken, not allowed, or no address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        raise UserError(f"--host {host}: no address of that name") from None
    opened = socket.socket(family, kind, protocol)
    try:
        if os.name != "nt":  # there it would let two programs have one port
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        reasons = {
            errno.EADDRINUSE: f"port {port} is taken; choose another --port (0: any that is free)",
            errno.EACCES: f"port {port} is not allowed; choose a --port above 1023",
            errno.EADDRNOTAVAIL: f"--host {host} is no address of this machine",
        }
        raise UserError(
            reasons.get(error.errno or 0, f"can't listen at {host}, port {port}: {error.strerror}")
        ) from None
    opened.setblocking(False)
    return opened


class Studio(uvicorn.Server):
    """Serves until it is told to stop; then takes nothing new, and lets what is told come to its end for a while."""

    def __init__(self, config: uvicorn.Config, teller: Teller, ready: Callable[[], None], grace: float) -> None:
        super().__init__(config)
        self._teller = teller
        self._ready = ready
        self._grace = grace
        self.forced = False
        """Whether somebody couldn't wait for the end."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully at the first signal, at once at a second one."""
        self.forced = self.forced or self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what is new, wait for what is told, then end it with an error."""
        for server in self.servers:
            server.close()
        self._teller.refuse()
        until = time.monotonic() + self._grace
        while not self._teller.idle and time.monotonic() < until and not self.forced:
            await asyncio.sleep(TICK_SECONDS)
        await self._teller.close()
        log = logging.getLogger("uvicorn.error")
        level = log.level
        log.setLevel(logging.CRITICAL)  # who doesn't read the last words is cut off: no bug that a log needs to tell
        await super().shutdown(sockets)
        log.setLevel(level)


def studio(
    catalog: Catalog,
    teller: Teller,
    access: Access,
    *,
    ready: Callable[[], None] = lambda: None,
    grace: float = GRACE_SECONDS,
    connection: type[PatientConnection] = PatientConnection,
) -> Studio:
    """Return a studio that can be run.

    Args:
        catalog: what is served.
        teller: who tells.
        access: who is let in.
        ready: called when requests are answered.
        grace: seconds for stories to come to their end when it is stopped.
        connection: with its limits.
    """
    config = uvicorn.Config(
        create_app(catalog, teller, access),
        http=connection,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
        timeout_graceful_shutdown=LAST_WORDS_SECONDS,
    )
    return Studio(config, teller, ready, grace)


def serve(
    catalog: Catalog, listening: socket.socket, access: Access, *, threads: int, ready: Callable[[], None]
) -> bool:
    """Serve at a socket of `bound_socket` until a signal comes (Ctrl-C, SIGTERM); returns whether it ended gracefully.

    `threads` are the native kernel's, 0: one for each core; the rest is as for `studio`.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a bug's traceback, not every client's mistakes
    served = studio(catalog, Teller(catalog, threads=threads), access, ready=ready)
    served.run([listening])
    return not served.forced
