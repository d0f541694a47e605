"""What no browser or client sends: each must be refused, or cut off, and the studio must answer others meanwhile."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.studio.client import Address, get

PATIENCE = 15.0
"""Seconds for an answer to a request that is complete."""
LORIS_PATIENCE = 90.0
"""Seconds after which a connection that never completes its request must be closed."""
LORIS_CLIENTS = 100
CLOSED = 0
"""Stands for a connection that was closed without an answer."""


@dataclass(frozen=True)
class Attack:
    """Bytes to send, and the answers that are right."""

    name: str
    content: bytes
    allowed: tuple[int, ...]


@dataclass(frozen=True)
class Outcome:
    """How an attack went."""

    name: str
    answer: int
    """The status; 0: closed without one; -1: neither in time."""
    right: bool
    alive: bool
    """Whether the studio answered /health after it."""


@dataclass(frozen=True)
class Loris:
    """Slow clients that hold connections open."""

    clients: int
    closed: int
    """How many the studio cut off."""
    seconds: float
    """Until the last of them was."""
    slowest_health: float
    """Seconds of the slowest answer to /health meanwhile; infinite when one failed."""


def attacks(address: Address, model: str) -> list[Attack]:
    """Return the attacks."""
    host = f"Host: {address.host}:{address.port}"
    own = [host, *([f"Authorization: Bearer {address.token}"] if address.token else [])]
    good = json.dumps({"model": model, "prompt": "Once", "max_tokens": 1}).encode()
    kind = "Content-Type: application/json"

    def post(body: bytes, *more: str, length: int | None = None, path: str = "/v1/completions") -> bytes:
        size = f"Content-Length: {len(body) if length is None else length}"
        return _lines(f"POST {path} HTTP/1.1", *own, kind, size, *more) + body

    def health(*lines: str, target: str = "/health", headers: Sequence[str] = own) -> bytes:
        return _lines(f"GET {target} HTTP/1.1", *headers, *lines)

    def chunked(body: bytes, *more: str) -> bytes:
        return _lines("POST /v1/completions HTTP/1.1", *own, kind, "Transfer-Encoding: chunked", *more) + body

    whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(good), good)
    bad, refused = (400, 422), (400, 403, 421)
    return [
        Attack("a good request, for comparison", post(good), (200,)),
        Attack("a body of 64 MiB, announced", post(b"", length=64 << 20), (413, CLOSED)),
        Attack("a body of 4 MiB, sent", post(b" " * (4 << 20)), (413, CLOSED)),
        Attack("a body of 4 MiB in chunks", chunked(b"10000\r\n%s\r\n" % (b" " * 65536) * 64), (413, CLOSED)),
        Attack("a body of bad UTF-8", post(b'{"model":"\xff\xfe","prompt":"\xc3"}'), bad),
        Attack("half a surrogate pair", post(good.replace(b"Once", b"\\ud800")), bad),
        Attack("no JSON", post(b"{"), bad),
        Attack("a hundred thousand brackets", post(b"[" * 100_000), bad),
        Attack("a number of ten thousand digits", post(good.replace(b"1}", b"1" * 10_000 + b"}")), bad),
        Attack("NaN as temperature", post(good.replace(b"1}", b'1,"temperature":NaN}')), bad),
        Attack("a path as model", post(good.replace(model.encode(), b"../../etc/passwd")), (404,)),
        Attack("another site's Host", health(headers=["Host: evil.example"]), refused),
        Attack("no Host", health(headers=[]), (*refused, CLOSED)),
        Attack("two Hosts", health("Host: evil.example"), (*refused, CLOSED)),
        Attack("our Host in a longer one", health(headers=[f"{host}.evil.example"]), refused),
        Attack("another site's Origin", post(good, "Origin: http://evil.example"), refused),
        Attack("Origin null", post(good, "Origin: null"), refused),
        Attack("another site's address as target", health(target="http://evil.example/health"), (*refused, 404)),
        Attack("two lengths", post(good, "Content-Length: 3"), (400, CLOSED)),
        Attack("length and chunks", chunked(whole, "Content-Length: 3"), (400, CLOSED)),
        Attack("chunks and length", post(whole, "Transfer-Encoding: chunked", length=3), (400, CLOSED)),
        Attack("an unknown coding", chunked(whole, "Transfer-Encoding: gzip"), (400, 501, CLOSED)),
        Attack("a coding with a tab", post(whole, "Transfer-Encoding:\tchunked", length=3), (400, CLOSED)),
        Attack("a negative length", post(good, length=-1), (400, CLOSED)),
        Attack("a length with a sign", post(good).replace(b"Length: ", b"Length: +"), (400, CLOSED)),
        Attack("a chunk's size that is none", chunked(b"zz\r\n"), (400, CLOSED)),
        Attack("a chunk of 2^80 bytes", chunked(b"100000000000000000000\r\n"), (400, 413, CLOSED)),
        Attack("a folded header", health("X-Folded: one\r\n two"), (200, 400, CLOSED)),
        Attack("a folded Host", health(headers=["Host: evil.example", f" {host}"]), (*refused, CLOSED)),
        Attack("a blank before a colon", health("X-Blank : one"), (400, CLOSED)),
        Attack("a header with a zero byte", health("X-Zero: a\0b"), (400, CLOSED)),
        Attack("a header of 256 KiB", health("X-Long: " + "a" * (256 << 10)), (400, 431, CLOSED)),
        Attack("ten thousand headers", health(*(f"X-{n}: {n}" for n in range(10_000))), (400, 431, CLOSED)),
        Attack("a target of 256 KiB", health(target="/" + "a" * (256 << 10)), (400, 404, 414, 431, CLOSED)),
        Attack("a folder above the page's", health(target="/page/../../pyproject.toml"), (400, 404)),
        Attack("the same, encoded", health(target="/page/%2e%2e/%2e%2e/pyproject.toml"), (400, 404)),
        Attack("a run's id with a zero byte", health(target="/studio/runs/%00/metrics"), (400, 404)),
        Attack("bad UTF-8 as an id", health(target="/v1/models/%ff%fe"), (400, 404)),
        Attack("an unknown method", health().replace(b"GET", b"BREW"), (400, 405, CLOSED)),
        Attack("TRACE", health().replace(b"GET", b"TRACE"), (400, 405, CLOSED)),
        Attack("an upgrade to a socket", health("Connection: Upgrade", "Upgrade: websocket"), (200, 400, 404, CLOSED)),
        Attack("HTTP/9.9", health().replace(b"HTTP/1.1", b"HTTP/9.9"), (400, 505, CLOSED)),
        Attack("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), (400, CLOSED)),
    ]


async def attack(address: Address, model: str) -> list[Outcome]:
    """Try every attack; one after the other."""
    found = []
    for one in attacks(address, model):
        answer = await _answer(address, one.content)
        found.append(Outcome(one.name, answer, answer in one.allowed, await _alive(address)))
    return found


async def loris(address: Address, clients: int = LORIS_CLIENTS) -> Loris:
    """Hold connections open with requests that come a byte at a time: half of them in the head, half in the body."""
    begun = time.perf_counter()
    closed: list[float] = []
    head = f"GET /health HTTP/1.1\r\nHost: {address.host}:{address.port}\r\nX-Slow: ".encode()
    body = _lines(
        "POST /v1/completions HTTP/1.1",
        f"Host: {address.host}:{address.port}",
        f"Authorization: Bearer {address.token or 'none'}",
        "Content-Type: application/json",
        "Content-Length: 100000",
    )

    async def drip(number: int) -> None:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            writer.write(body if number % 2 else head)
            while time.perf_counter() - begun < LORIS_PATIENCE:
                writer.write(b"a")
                await writer.drain()
                try:
                    async with asyncio.timeout(0.5):
                        while await reader.read(4096):
                            pass
                        closed.append(time.perf_counter() - begun)
                        return
                except TimeoutError:
                    continue
        except ConnectionError:
            closed.append(time.perf_counter() - begun)
        finally:
            writer.close()

    dripping = asyncio.gather(*(drip(number) for number in range(clients)))
    slowest = 0.0
    while not dripping.done():
        asked = time.perf_counter()
        slowest = max(slowest, time.perf_counter() - asked if await _alive(address) else float("inf"))
        await asyncio.sleep(0.25)
    await dripping
    return Loris(clients, len(closed), max(closed, default=float("nan")), slowest)


async def _answer(address: Address, content: bytes) -> int:
    """Send bytes and return the answer's status."""
    reader, writer = await asyncio.open_connection(address.host, address.port, limit=1 << 20)
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(content)
            sending = asyncio.ensure_future(writer.drain())
            try:
                first = await reader.readline()
            finally:
                sending.cancel()
            return int(first.split()[1]) if first.startswith(b"HTTP/1") else CLOSED
    except ConnectionError:
        return CLOSED
    except TimeoutError:
        return -1
    finally:
        writer.close()


async def _alive(address: Address) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            return (await get(address, "/health"))[0] == 200
    except (OSError, RuntimeError, TimeoutError):
        return False


def _lines(*lines: str) -> bytes:
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
