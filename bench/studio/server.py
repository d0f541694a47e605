"""The studio that is driven: one of our own, or one that runs already."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from bench.studio.client import Address, get

STARTED = re.compile(r"https?://[^\s#]+")
PATIENCE = 120.0
"""Seconds for the start."""


@contextlib.asynccontextmanager
async def served(run: str | None, url: str | None, token: str, threads: int, log: Path) -> AsyncIterator[Address]:
    """Yield a studio's address; one of our own is ended afterwards."""
    if url:
        yield _address(url, token)
        return
    command = [sys.executable, "-m", "fabula", "serve", str(run), "--port", "0"]
    if threads:
        command += ["--threads", str(threads)]
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=errors, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    try:
        yield _address(await asyncio.wait_for(_said(process), PATIENCE), token)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await process.wait()
    if process.returncode not in (0, 130):
        raise SystemExit(f"the studio ended with status {process.returncode}; its words are in {log}")


async def figures(address: Address) -> dict[str, float]:
    """Return the studio's own figures, those without labels."""
    status, body = await get(address, "/metrics")
    if status != 200:
        raise SystemExit(f"/metrics answers {status}")
    lines = [line.split(" ") for line in body.decode().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in (line for line in lines if len(line) == 2) if "{" not in name}


async def first_model(address: Address) -> str:
    """Return the id of the model that is asked: the last that is listed."""
    import json

    _, body = await get(address, "/v1/models")
    return str(json.loads(body)["data"][-1]["id"])


async def _said(process: asyncio.subprocess.Process) -> str:
    """Return the address that a studio prints at its start."""
    assert process.stdout is not None
    async for line in process.stdout:
        found = STARTED.search(line.decode())
        if found:
            return found[0]
    raise SystemExit(f"the studio ended at its start, with status {await process.wait()}")


def _address(url: str, token: str) -> Address:
    parts = urlsplit(url)
    if not parts.hostname or not parts.port:
        raise SystemExit(f"{url}: an address with a port is needed, such as http://127.0.0.1:8000")
    return Address(parts.hostname, parts.port, token)
