"""A small Hugging Face hub on the loopback interface, with faults that a test can order."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

LARGE = 1_000
"""Files from this size are large: announced with their SHA-256 and served from another host, like the hub's LFS."""


@dataclass
class FakeHub:
    """What the hub holds, how it misbehaves, and what it was asked."""

    files: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    """(`datasets/owner/name` or `owner/name`, revision, file) to content."""
    cut_after: list[int] = field(default_factory=list)
    """For the next transfers: after how many bytes the connection breaks."""
    corrupt: int = 0
    """How many of the next transfers have a wrong byte."""
    refuse_transfers: bool = False
    """Whether transfers (not announcements) fail."""
    transfers: list[tuple[str, str | None]] = field(default_factory=list)
    """File content asked for: hash and Range header."""
    requests: int = 0

    def __enter__(self) -> "FakeHub":
        hub = self

        class Handler(_Handler):
            fake = hub

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def etag(content: bytes) -> str:
    if len(content) >= LARGE:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeHub

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        self.fake.requests += 1
        path = unquote(self.path.partition("?")[0]).strip("/")
        if path.startswith("transfer/"):
            self._content({etag(content): content for content in self.fake.files.values()}[path[9:]], body)
            return
        if path.startswith("api/models/"):
            self._describe(path.removeprefix("api/models/"))
            return
        repository, _, rest = path.partition("/resolve/")
        revision, _, file = rest.partition("/")
        content = self.fake.files.get((repository, revision, file))
        if content is not None:
            self._announce(content, revision, body)
        elif any(key[:2] == (repository, revision) for key in self.fake.files):
            self._missing("EntryNotFound", revision)
        elif any(key[0] == repository for key in self.fake.files):
            self._missing("RevisionNotFound")
        else:
            self._missing("RepoNotFound")

    def _describe(self, path: str) -> None:
        """Answer what a model repository is (`owner/name/revision/REVISION`) or holds (`owner/name/tree/REVISION`)."""
        owner, name, kind, revision = [*path.split("/"), "", "", ""][:4]
        repository = f"{owner}/{name}"
        held = {file: data for (of, at, file), data in self.fake.files.items() if (of, at) == (repository, revision)}
        if not held:
            self._missing("RepoNotFound")
            return
        tree = [
            {"type": "file", "path": file, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for file, data in held.items()
        ]
        model = {"id": repository, "sha": revision, "siblings": [{"rfilename": file} for file in held], "tags": []}
        content = json.dumps(tree if kind == "tree" else model).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _announce(self, content: bytes, revision: str, body: bool) -> None:
        if len(content) < LARGE and body:
            self._content(content, body)
            return
        self.send_response(302 if len(content) >= LARGE else 200)
        self.send_header("X-Repo-Commit", revision)
        if len(content) >= LARGE:
            self.send_header("X-Linked-Etag", f'"{etag(content)}"')
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("ETag", '"of-the-pointer"')
            self.send_header("Location", f"http://localhost:{self.fake.port}/transfer/{etag(content)}")
            self.send_header("Content-Length", "0")
        else:
            self.send_header("ETag", f'"{etag(content)}"')
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()

    def _missing(self, code: str, revision: str | None = None) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        if revision:
            self.send_header("X-Repo-Commit", revision)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _content(self, content: bytes, body: bool) -> None:
        wanted = self.headers.get("Range")
        self.fake.transfers.append((etag(content), wanted))
        if self.fake.refuse_transfers:
            self.close_connection = True
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        part = content[start:]
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if self.fake.corrupt:
            self.fake.corrupt -= 1
            part = bytes([part[0] ^ 1]) + part[1:]
        if self.fake.cut_after:
            part = part[: self.fake.cut_after.pop(0)]
            self.close_connection = True
        if body:
            self.wfile.write(part)
