"""An OpenAI-compatible judge on the loopback interface, with faults that a test can order."""

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str, int], str]
"""What it says to (message, number of the request)."""


@dataclass
class FakeJudge:
    """What the judge says, how it misbehaves, and what it was asked."""

    answer: Answer
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """(status, headers) of the next answers."""
    always: int = 0
    """Status of every answer; 0: the ordered ones."""
    messages: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    lock: Any = field(default_factory=threading.Lock)

    def __enter__(self) -> "FakeJudge":
        judge = self

        class Handler(_Handler):
            fake = judge

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeJudge

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        fake = self.fake
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with fake.lock:
            fake.under_way += 1
            fake.most_under_way = max(fake.most_under_way, fake.under_way)
            fake.bodies.append(body)
            fake.keys.append(self.headers.get("Authorization"))
            number = len(fake.bodies)
            status, headers = (fake.always, {}) if fake.always else fake.faults.pop(0) if fake.faults else (200, {})
        try:
            if self.path != "/v1/chat/completions":
                self._send(404, {}, {"error": {"message": "no such page"}})
            elif status != 200:
                self._send(status, headers, {"error": {"message": f"ordered {status}"}})
            else:
                message = body["messages"][0]["content"]
                with fake.lock:
                    fake.messages.append(message)
                self._send(200, {}, {"choices": [{"message": {"content": fake.answer(message, number)}}]})
        finally:
            with fake.lock:
                fake.under_way -= 1

    def _send(self, status: int, headers: dict[str, str], content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # it asked, and did not wait
            self.wfile.write(body)
