"""Connections that nobody can hold for nothing: uvicorn's HTTP/1.1 with a clock on every part of it.

A request's headers have to come within some seconds, its body within some more, and an answer has to be read. A client
that is slower is cut off, as one is that opens more connections than there are places for.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from fabula.studio.errors import error_content

MOST_CONNECTIONS = 512
HEADER_SECONDS = 10.0
"""From a connection's opening, or from the first byte of a further request, to the end of the headers."""
BODY_SECONDS = 30.0
"""From the headers to the end of the body."""
STUCK_SECONDS = 60.0
"""For which an answer may find nobody reading it."""


class PatientConnection(H11Protocol):
    """One connection. Its limits stand in the class, so that tests can set others."""

    most = MOST_CONNECTIONS
    header_seconds = HEADER_SECONDS
    body_seconds = BODY_SECONDS
    stuck_seconds = STUCK_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*arguments, **named)
        self._clock: asyncio.TimerHandle | None = None
        self._awaited: type[h11.Request] | type[h11.EndOfMessage] | None = None
        """What the clock runs for: the headers or the body's end."""
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, if there is a place."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._answer_at_once(503, "too many connections; try again in a second", [(b"retry-after", b"1")])
            return
        self._await(h11.Request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._await(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; the clock goes on unless it completed what was awaited."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._look(bool(data))

    def on_response_complete(self) -> None:
        """Get ready for the connection's next request."""
        super().on_response_complete()
        self._look(False)

    def pause_writing(self) -> None:
        """The client doesn't read: wait for it a while."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(self.stuck_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again, or has left."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in the form of all errors."""
        self._answer_at_once(400, msg, [])

    def _look(self, received: bool) -> None:
        """Set the clock for what the client has to send next."""
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._await(h11.EndOfMessage)
        elif state is not h11.IDLE:
            self._await(None)
        elif received or self.conn.trailing_data[0]:
            self._await(h11.Request)
        elif self._awaited is h11.EndOfMessage:
            self._await(None)  # the whole request has come; uvicorn closes an idle connection

    def _await(self, event: type[h11.Request] | type[h11.EndOfMessage] | None) -> None:
        if event is self._awaited:
            return
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        self._awaited = event
        if event is not None:
            seconds = self.header_seconds if event is h11.Request else self.body_seconds
            self._clock = self.loop.call_later(seconds, self.transport.abort)

    def _answer_at_once(self, status: int, message: str, headers: list[tuple[bytes, bytes]]) -> None:
        """Answer without asking the application, and close."""
        import json

        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # it came behind a request that is being answered
            return
        body = json.dumps(error_content(status, message)).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        response = h11.Response(status_code=status, headers=[*head, *headers, (b"connection", b"close")])
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
