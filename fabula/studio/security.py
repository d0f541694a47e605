"""Who may ask, and how much: pure ASGI, in front of everything else.

Pages of other sites run in the same browser and can send requests to this address. So the Host header must name this
machine (a rebound DNS name doesn't), a request that says where it comes from must come from the very page that this
studio served, and what is served may neither be embedded nor read elsewhere. On any address but loopback a token is
needed besides.
"""

import hashlib
import hmac
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fabula.studio.errors import error_response

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]@/\s]+)(?::[0-9]{1,5})?")
"""A name or an address with, perhaps, a port."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
PUBLIC = frozenset({"/", "/health", "/favicon.ico"})
"""Answered without a token: the page, which asks for it, and whether the studio works."""
PUBLIC_FOLDER = "/page/"
BODY_LIMIT = 1 << 20
"""Bytes."""
VERSIONS = ("1.0", "1.1")
MOST_HEADER_BYTES = 16 * 1024
"""Of a request's address and headers together."""
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
NEVER_KEPT = {"Cache-Control": "no-store"}
"""Of answers that don't say how long they may be kept: stories and figures are nobody else's."""


@dataclass(frozen=True)
class Access:
    """Who is let in."""

    hosts: frozenset[str] = LOOPBACK
    """Names of this machine, lower case, as a Host header has them before the port."""
    token: str | None = None
    """What has to be sent as `Authorization: Bearer TOKEN`; None: nothing."""

    @classmethod
    def on(cls, host: str, token: str | None = None, names: Iterable[str] = ()) -> "Access":
        """Return who is let in at an address; `names` are other names under which this machine is reached."""
        own = {_bracketed(host), *map(_bracketed, names)}
        if host in ("0.0.0.0", "::"):  # every address of this machine
            own |= {socket.gethostname(), f"{socket.gethostname()}.local"}
        return cls(LOOPBACK | {name.lower() for name in own}, token)

    def knows(self, host: str, address: str) -> bool:
        """Say whether a Host header names this machine; `address` is the one at which the connection came in.

        The port is not looked at: an SSH tunnel has another one at its other end, and a page can't choose the name
        that its browser sends without owning it.
        """
        name = _without_port(host.lower())
        return name in self.hosts or (bool(address) and name == _bracketed(address))


class Guard:
    """Refuses who may not ask; gives every answer the headers that keep it to its own page."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access
        self._token = _digest(access.token) if access.token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                for name, value in NEVER_KEPT.items():
                    headers.setdefault(name, value)
            await send(message)

        await (self._refusal(scope) or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["http_version"] not in VERSIONS or ("content-length" in headers and "transfer-encoding" in headers):
            # The second is how a request is hidden inside another one from a proxy (RFC 9112, 6.1).
            return error_response(400, "this is not HTTP/1.1 as it is spoken here", headers={"Connection": "close"})
        if _size(scope) > MOST_HEADER_BYTES:
            return error_response(431, f"address and headers are larger than {MOST_HEADER_BYTES:,} bytes")
        server = scope.get("server") or ("", 0)
        host = headers.get("host", "")
        if not self._access.knows(host, str(server[0])):
            return error_response(421, "the Host header names no address of this studio; --allow-host NAME adds one")
        public = scope["path"] in PUBLIC or scope["path"].startswith(PUBLIC_FOLDER)
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"{scheme}://{host.lower()}" for scheme in ("http", "https")}:
            return error_response(403, "sent by another site's page")
        if not public and headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return error_response(403, "sent by another site's page")
        if public or self._token is None or self._right(headers.get("authorization", "")):
            return None
        message = "a token is needed: Authorization: Bearer TOKEN, as fabula serve printed it"
        return error_response(401, message, headers={"WWW-Authenticate": "Bearer"})

    def _right(self, authorization: str) -> bool:
        """Compare a token with ours in a time that says nothing about either."""
        scheme, _, sent = authorization.partition(" ")
        assert self._token is not None
        return scheme.lower() == "bearer" and hmac.compare_digest(_digest(sent.strip()), self._token)


class BodyLimit:
    """Reads a request's body before anything works on it; refuses one that is larger than a limit.

    Whoever takes too long over it is cut off by the connection (`fabula.studio.connections`).
    """

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose body has come."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        too_large = error_response(413, f"the body is larger than {self._limit:,} bytes")
        announced = Headers(scope=scope).get("content-length", "0").lstrip("0")
        if len(announced) > len(str(self._limit)) or (announced.isdecimal() and int(announced) > self._limit):
            await too_large(scope, receive, send)
            return
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > self._limit:
                await too_large(scope, receive, send)
                return
            if not message.get("more_body", False):
                break
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()  # says when the client has left
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, replay, send)


def _size(scope: Scope) -> int:
    headers = sum(len(name) + len(value) for name, value in scope["headers"])
    return headers + len(scope["path"]) + len(scope["query_string"])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _bracketed(host: str) -> str:
    """Return a host as a URL has it."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _without_port(host: str) -> str:
    """Return a Host header's name; empty where it is no host."""
    found = HOST.fullmatch(host)
    return found[1] if found else ""
