"""Counts what the studio answers, request by request."""

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fabula.studio.figures import Requests

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OTHER = "other"
"""Label of what no route matched, and of methods that nobody knows: a client must not make up labels."""
LEFT = 499
"""Status of a request whose client left before an answer began, as web servers log it."""


class Counted:
    """An ASGI application that counts the answers of another one.

    A route's label is its template (`/v1/models/{model}`), never the path that was asked for.
    """

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count the answer when it is over."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = LEFT

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception:
            status = 500 if status == LEFT else status
            raise
        finally:
            method = scope["method"] if scope["method"] in METHODS else OTHER
            self._requests.add(method, _route(scope), status)


def _route(scope: Scope) -> str:
    route: Any = scope.get("route")
    return str(getattr(route, "path", OTHER))
