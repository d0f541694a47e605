"""Clients that are slow, loud, or no HTTP at all: they are cut off, and everybody else is answered."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest

from fabula.studio.connections import PatientConnection
from fabula.studio.files import page_files
from tests.studio.folders import tiny_run
from tests.studio.live import Live, live
from tests.tiny import one_thread as one_thread

HEADERS, BODY, STUCK = 0.4, 0.6, 0.6
PATIENCE = 10.0
MOST = 12
MORE_THAN_SYSTEMS_HOLD = 20_000_000
"""Bytes: what is written and not read stays in the system's buffers, some megabytes of it."""
HOST = "Host: 127.0.0.1\r\n"


class Hasty(PatientConnection):
    """The same limits, for people who can't wait."""

    most = MOST
    header_seconds = HEADERS
    body_seconds = BODY
    stuck_seconds = STUCK


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> Iterator[Live]:
    with live(tiny_run(tmp_path_factory.mktemp("runs") / "brook", 1), connection=Hasty) as studio:
        yield studio


@pytest.fixture(autouse=True)
def everybody_else_is_answered(studio) -> Iterator[None]:
    yield
    deadline = time.monotonic() + PATIENCE
    while True:  # places of those that were cut off are free in a moment
        with connected(studio) as client:
            answer = exchange(client, f"GET /health HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")
        if answer.startswith("HTTP/1.1 200"):
            break
        assert time.monotonic() < deadline, answer
    assert studio.teller.alive


@contextlib.contextmanager
def connected(studio: Live) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(studio.url.rpartition(":")[2])), PATIENCE) as client:
        yield client


def exchange(client: socket.socket, request: str | bytes) -> str:
    """Send a request and return all that comes until the connection is closed."""
    client.sendall(request.encode() if isinstance(request, str) else request)
    return rest(client)


def rest(client: socket.socket) -> str:
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65_536):
            parts.append(part)
    return b"".join(parts).decode()


def drip(client: socket.socket, text: bytes) -> bool:
    """Send bytes one by one, each well before any clock runs out; says whether the connection was closed meanwhile."""
    client.settimeout(HEADERS / 4)
    for byte in text:
        try:
            client.sendall(bytes([byte]))
            while client.recv(65_536):  # what is left of an answer
                continue
        except TimeoutError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            return True
        return True
    return False


def test_headers_that_never_end_are_not_waited_for(studio):
    with connected(studio) as client:
        assert drip(client, b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"x" * 30)


def test_a_connection_that_says_nothing_is_closed(studio):
    with connected(studio) as client:
        assert rest(client) == ""


def test_a_second_request_has_no_more_time_than_the_first(studio):
    with connected(studio) as client:
        client.sendall(f"GET /health HTTP/1.1\r\n{HOST}\r\n".encode())
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        assert drip(client, b"GET /health HTTP/1.1\r\nX-Slow: " + b"x" * 30)


def test_a_body_that_never_ends_is_not_waited_for(studio):
    head = f"POST /studio/read HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    with connected(studio) as client:
        client.sendall(head.encode())
        assert drip(client, b"{" + b" " * 30)


def test_a_body_that_is_refused_is_not_read_for_ever_either(studio):
    head = f"POST /studio/read HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
    with connected(studio) as client:
        client.sendall(head.encode())
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while time.monotonic() < began + PATIENCE:
                client.sendall(chunk)
        assert time.monotonic() < began + PATIENCE


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_answered(studio, announced):
    size = 2**20 + 1
    length = f"Content-Length: {size}\r\n" if announced else "Transfer-Encoding: chunked\r\n"
    body = b"x" * size if announced else b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"
    with connected(studio) as client:
        head = f"POST /studio/read HTTP/1.1\r\n{HOST}{length}Content-Type: application/json\r\n\r\n"
        client.sendall(head.encode() + body)
        client.sendall(f"GET /health HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n".encode())
        answers = rest(client)
    assert answers.startswith("HTTP/1.1 413")
    assert "1,048,576 bytes" in answers
    assert answers.count("HTTP/1.1") == 2, "the connection goes on with the next request"


def test_a_reader_who_never_reads_is_cut_off(studio):
    name, file = max(page_files().items(), key=lambda item: len(item[1].content))
    requests = f"GET /page/{name} HTTP/1.1\r\n{HOST}\r\n" * (MORE_THAN_SYSTEMS_HOLD // len(file.content))
    with connected(studio) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(requests.encode())
        deadline = time.monotonic() + PATIENCE
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while time.monotonic() < deadline:
                client.sendall(b"\r\n")
                time.sleep(0.05)
        assert time.monotonic() < deadline


def test_more_connections_than_there_are_places_are_turned_away(studio):
    with contextlib.ExitStack() as stack:
        for _ in range(MOST):
            stack.enter_context(connected(studio))
        with connected(studio) as one_more:
            answer = rest(one_more)
    assert answer.startswith("HTTP/1.1 503")
    assert "retry-after: 1" in answer.lower()
    assert json.loads(answer.partition("\r\n\r\n")[2])["error"]["type"] == "server_error"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 40_000 + b"\r\nConnection: close\r\n\r\n",
        b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\0b\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"GET /health HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n\r\n\0",
    ],
)
def test_what_is_no_http_is_refused(studio, request_bytes):
    with connected(studio) as client:
        answer = exchange(client, request_bytes)
    assert not answer or answer.split(" ")[1] in ("400", "421", "431")
    assert '{"error":' in answer or not answer


@pytest.mark.parametrize(
    "headers", ["Upgrade: websocket\r\nConnection: Upgrade, close\r\n", "Expect: 100-continue\r\nConnection: close\r\n"]
)
def test_what_is_not_spoken_here_does_no_harm(studio, headers):
    with connected(studio) as client:
        answer = exchange(client, f"GET /health HTTP/1.1\r\n{HOST}{headers}\r\n")
    assert "HTTP/1.1 200" in answer


def test_an_old_client_without_a_host_is_refused(studio):
    with connected(studio) as client:
        assert exchange(client, "GET /health HTTP/1.0\r\n\r\n").startswith("HTTP/1.1 421")


def test_requests_sent_all_at_once_are_answered_in_turn(studio):
    with connected(studio) as client:
        one = f"GET /health HTTP/1.1\r\n{HOST}\r\n"
        answer = exchange(client, one * 5 + one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
    assert answer.count("HTTP/1.1 200") == 6


def test_a_client_that_leaves_in_the_middle_leaves_no_story_behind(studio):
    story = {"models": ["brook/step-00001"], "sampling": {"max_new_tokens": 190, "past_context": "slide"}}
    body = json.dumps(story)
    request = f"POST /studio/stories HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n"
    for _ in range(8):
        with connected(studio) as client:
            client.sendall(f"{request}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            assert client.recv(100).startswith(b"HTTP/1.1 200")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    deadline = time.monotonic() + PATIENCE
    while not studio.teller.idle:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not studio.teller._open
