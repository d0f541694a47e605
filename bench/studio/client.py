"""A client of few lines, so that it takes little of the cores that it shares with the studio."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

END = b"\r\n\r\n"
TEXT, NO_TEXT = b'"text":"', b'"text":""'
"""In an event that brings some, and in one that brings none: a token that completes no character, or an end."""
LONGEST = 1 << 20
TIMEOUT = 120.0
"""Seconds without a byte after which an answer is given up."""


class BrokenAnswerError(RuntimeError):
    """The studio's answer isn't one, or ended before its end."""


@dataclass(frozen=True)
class Address:
    """Where the studio listens."""

    host: str
    port: int
    token: str = ""

    def request(self, path: str, content: dict[str, Any] | None = None) -> bytes:
        """Return a request's bytes: a POST where it has content."""
        body = b"" if content is None else json.dumps(content).encode()
        lines = [
            f"{'GET' if content is None else 'POST'} {path} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            "Connection: close",
        ]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        if content is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join(lines).encode() + END + body


class Exchange:
    """One request and its answer, on a connection of its own."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.status = 0
        self.headers: dict[str, str] = {}

    async def __aenter__(self) -> "Exchange":
        self._reader, self._writer = await asyncio.open_connection(
            self._address.host, self._address.port, limit=LONGEST
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._writer.transport.abort()

    async def send(self, request: bytes) -> None:
        """Send a request and read the head of its answer.

        Raises:
            BrokenAnswerError: there is none.
        """
        self._writer.write(request)
        try:
            await self._writer.drain()
            head = await asyncio.wait_for(self._reader.readuntil(END), TIMEOUT)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise BrokenAnswerError(f"no answer: {error!r}") from None
        first, *lines = head[: -len(END)].decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the body's parts as they were sent.

        Raises:
            BrokenAnswerError: it ends before its end.
        """
        try:
            if self.headers.get("transfer-encoding") != "chunked":
                yield await asyncio.wait_for(self._reader.readexactly(int(self.headers["content-length"])), TIMEOUT)
                return
            while size := int(await asyncio.wait_for(self._reader.readuntil(b"\r\n"), TIMEOUT), 16):
                yield (await self._reader.readexactly(size + 2))[:-2]
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise BrokenAnswerError(f"the answer breaks off: {error!r}") from None

    async def body(self) -> bytes:
        """Return the whole body."""
        return b"".join([part async for part in self.parts()])


async def get(address: Address, path: str) -> tuple[int, bytes]:
    """Return a page's status and body."""
    async with Exchange(address) as exchange:
        await exchange.send(address.request(path))
        return exchange.status, await exchange.body()


@dataclass
class Streamed:
    """A story as it came."""

    status: int
    retry_after: float = 0.0
    tokens: int = 0
    finished: bool = False
    """Whether it came to its own end."""
    first: float = 0.0
    """Seconds from the request to the first text."""
    gaps: tuple[float, ...] = ()
    """Seconds between two events with text."""


async def stream(address: Address, content: dict[str, Any]) -> Streamed:
    """Ask for a story and read all of it.

    Raises:
        BrokenAnswerError: it ends before its end, or with an error.
    """
    async with Exchange(address) as exchange:
        begun = time.perf_counter()
        await exchange.send(address.request("/v1/completions", content))
        if exchange.status != 200:
            return Streamed(exchange.status, float(exchange.headers.get("retry-after", 1)))
        times: list[float] = []
        last = b""
        rest = b""
        async for part in exchange.parts():
            *events, rest = (rest + part).split(b"\n\n")
            now = time.perf_counter()
            for event in events:
                if event == b"data: [DONE]":
                    return _streamed(begun, times, json.loads(last.removeprefix(b"data: ")))
                last = event if event.startswith(b"data:") else last
                if TEXT in event and NO_TEXT not in event:
                    times.append(now)
        raise BrokenAnswerError("a stream without its end")


def _streamed(begun: float, told: list[float], last: dict[str, Any]) -> Streamed:
    """Return what came: the times of all events with text, and the last event, which counts tokens."""
    if "usage" not in last:
        raise BrokenAnswerError(f"a stream ends with {last}")
    gaps = tuple(later - earlier for earlier, later in itertools.pairwise(told))
    first = told[0] - begun if told else 0.0
    return Streamed(200, tokens=last["usage"]["completion_tokens"], finished=True, first=first, gaps=gaps)
