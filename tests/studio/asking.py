"""Requests to an ASGI application, byte for byte, without a socket."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """The error's message, after checking its form."""
        error = json.loads(self.body)["error"]
        assert set(error) == {"message", "type", "code", "param"}
        assert "\n" not in error["message"]
        return str(error["message"])


async def asked(
    app: Any,
    path: str = "/",
    method: str = "GET",
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    body: bytes | list[bytes] = b"",
    server: tuple[str, int] = ("127.0.0.1", 8000),
) -> Answer:
    """Ask; the Host header is ours unless another is named."""
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
    if not any(name.lower() == "host" for name, _ in pairs):
        pairs.append(("host", "127.0.0.1:8000"))
    parts = [body] if isinstance(body, bytes) else list(body)
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for place, part in enumerate(parts):
        inbox.put_nowait({"type": "http.request", "body": part, "more_body": place + 1 < len(parts)})
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
        "server": server,
        "client": ("127.0.0.1", 50000),
        "state": {},
    }
    await app(scope, inbox.get, send)
    start, *rest = sent
    found = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], found, b"".join(message.get("body", b"") for message in rest))


def ask(app: Any, *arguments: Any, **named: Any) -> Answer:
    """Ask from a test that has no event loop."""
    return asyncio.run(asked(app, *arguments, **named))
