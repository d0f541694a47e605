"""`fabula serve` as a user meets it: in its own process, with its one line, its signals and its end."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import fabula
from fabula.cli import main
from fabula.errors import UserError
from fabula.studio.serving import bound_socket
from tests.studio.folders import tiny_run

PATIENCE = 60.0
MODEL = "storyteller"


@contextlib.contextmanager
def serving(*arguments: str, cwd: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a studio; yield its process and the address that it printed."""
    environment = {**os.environ, "PYTHONPATH": str(Path(fabula.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "fabula", "serve", *arguments, "--port", "0", "--threads", "1"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"Fabula studio: (http://\S+)\n", line)
        assert found, line + process.stderr.read() if not found and process.stderr else line
        yield process, found[1]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextlib.contextmanager
def asking(
    page: str, method: str, path: str, body: object = None, **headers: str
) -> Iterator[http.client.HTTPResponse]:
    """Ask at an address; yields the answer, whose body is still to be read."""
    with contextlib.closing(http.client.HTTPConnection(urlsplit(page).netloc, timeout=PATIENCE)) as client:
        content = None if body is None else json.dumps(body)
        client.request(method, path, content, {"Content-Type": "application/json", **headers} if body else headers)
        with client.getresponse() as answer:
            yield answer


def ask(page: str, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
    """Ask at an address; returns status and body."""
    with asking(page, method, path, body, **headers) as answer:
        return answer.status, answer.read().decode()


@contextlib.contextmanager
def long_story(page: str) -> Iterator[http.client.HTTPResponse]:
    """Begin stories that take longer than anybody waits for here."""
    sampling = {"max_new_tokens": 4096, "past_context": "slide", "temperature": 2.0, "top_p": 1.0}
    with asking(page, "POST", "/studio/stories", {"models": [MODEL] * 8, "sampling": sampling}) as answer:
        assert answer.status == 200
        assert answer.readline().startswith(b"event: token")
        yield answer


@pytest.mark.skipif(os.name == "nt", reason="signals are sent")
def test_a_studio_serves_and_ends_stories_with_a_last_word(tmp_path):
    with serving(MODEL, cwd=tmp_path) as (process, page):
        assert page == f"http://127.0.0.1:{urlsplit(page).port}/"
        health = json.loads(ask(page, "GET", "/health")[1])
        assert (health["status"], health["models"]) == ("ok", 1)
        asked = {"model": MODEL, "prompt": "One day", "max_tokens": 8, "temperature": 0, "repetition_penalty": 1}
        told = json.loads(ask(page, "POST", "/v1/completions", asked)[1])["choices"][0]["text"]
        assert told.startswith(",")
        with long_story(page) as story:
            process.send_signal(signal.SIGTERM)
            rest = story.read().decode()
        assert rest.endswith("event: done\ndata: {}\n\n")
        ends = re.findall(r"event: (end|error)\ndata: (.*)\n", rest)
        assert len(ends) == 8
        assert {json.loads(data)["message"] for name, data in ends if name == "error"} <= {"the studio was stopped"}
        output, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert output == ""
        assert errors.splitlines() == ["serving storyteller; Ctrl-C stops"]


@pytest.mark.skipif(os.name == "nt", reason="signals are sent")
def test_who_cannot_wait_interrupts_twice(tmp_path):
    with serving(MODEL, cwd=tmp_path) as (process, page):
        with long_story(page):
            process.send_signal(signal.SIGINT)
            deadline = time.monotonic() + PATIENCE
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                while time.monotonic() < deadline:  # until nothing new is taken
                    ask(page, "GET", "/health")
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode in (0, 130), "0 where the stories had ended before the second signal"
        assert "Traceback" not in errors


def test_without_arguments_all_there_is_is_served_and_elsewhere_a_token_is_needed(tmp_path):
    tiny_run(tmp_path / "runs" / "brook", 10)
    with serving("--host", "0.0.0.0", cwd=tmp_path) as (_, page):
        found = re.fullmatch(r"http://127\.0\.0\.1:\d+/#token=([\w-]{32})", page)
        assert found
        assert ask(page, "GET", "/")[0] == 200
        assert ask(page, "GET", "/v1/models")[0] == 401
        _, listed = ask(page, "GET", "/v1/models", Authorization=f"Bearer {found[1]}")
        assert [model["id"] for model in json.loads(listed)["data"]] == [MODEL, "brook/step-00010"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["no-such-run"], ["no model 'no-such-run'"]),
        ([".", MODEL], ["neither a run", "nor a model folder"]),
        ([MODEL, "--port", "65536"], ["--port 65536", "between 0 and 65,535"]),
        ([MODEL, "--port", "http"], ["--port", "invalid int value"]),
        ([MODEL, "--threads", "-1"], ["--threads = -1", "at least 0"]),
        ([MODEL, "--token", "two words"], ["--token", "without spaces"]),
        ([MODEL, "--token", ""], ["--token", "printable"]),
        ([MODEL, "--host", "no.such.host.invalid"], ["--host no.such.host.invalid", "no address"]),
        ([MODEL, "--host", "192.0.2.1"], ["--host 192.0.2.1", "no address of this machine"]),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys, arguments, parts):
    monkeypatch.chdir(tmp_path)
    line = mistake(capsys, "serve", *arguments)
    for part in parts:
        assert part in line


def test_a_token_may_come_from_the_environment(monkeypatch, capsys):
    monkeypatch.setenv("FABULA_STUDIO_TOKEN", "two words")
    assert "--token must be printable" in mistake(capsys, "serve", MODEL)


def test_a_port_that_is_taken_is_said_before_anything_is_served(capsys):
    with bound_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} is taken" in mistake(capsys, "serve", MODEL, "--port", str(port))


def mistake(capsys, *arguments: str) -> str:
    """Run a command that ends with status 2; returns its one line."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    (line,) = errors.strip().splitlines()
    return line


def test_an_address_of_the_other_family_can_be_served():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with contextlib.suppress(UserError), bound_socket("::1", 0) as six:
        assert six.family == socket.AF_INET6
    with bound_socket("localhost", 0) as named:
        assert named.getsockname()[1] > 0
