"""`/health` and `/metrics`: what a person and a monitor ask a running studio."""

import os
import sys
import time
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

import fabula
from fabula.studio.catalog import Catalog
from fabula.studio.figures import CONTENT_TYPE, exposition
from fabula.studio.teller import Teller

STATM = Path("/proc/self/statm")


def router(catalog: Catalog, teller: Teller) -> APIRouter:
    """Return the routes; the application's state has the `requests` that were counted."""
    routes = APIRouter(tags=["state"])
    started = time.monotonic()

    @routes.get("/health", responses={503: {"description": "The computing thread has stopped: start again."}})
    async def health() -> JSONResponse:
        """Say whether stories can be told."""
        values: dict[str, Any] = {
            "status": "ok" if teller.alive else "stopped",
            "version": fabula.__version__,
            "models": len(catalog.models()),
            "uptime_seconds": time.monotonic() - started,
        }
        return JSONResponse(values, 200 if teller.alive else 503)

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}, "description": "Prometheus's text format, version 0.0.4."}},
    )
    async def metrics(request: Request) -> Response:
        """Return all figures since the start."""
        more = {
            "fabula_uptime_seconds": ("Since the start.", time.monotonic() - started),
            "process_resident_memory_bytes": ("Memory in use.", float(resident_bytes())),
        }
        text = exposition(teller.figures, request.app.state.requests, more)
        return Response(text, headers={"content-type": CONTENT_TYPE})

    return routes


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM; where the system doesn't say, the most it ever was."""
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # bytes there, KiB elsewhere
