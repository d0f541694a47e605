"""The page's own files: a fixed list, read once when the studio starts."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fabula.studio.errors import READING, StudioError

FOLDER = Path(__file__).parent / "page"
INDEX = "index.html"
ICON = "icon.svg"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}
"""What is served, by its ending; other files of the folder are not."""


@dataclass(frozen=True)
class PageFile:
    """A file as it is sent."""

    content: bytes
    type: str
    etag: str


def page_files(folder: Path = FOLDER) -> dict[str, PageFile]:
    """Return the page's files by their names, `vendor/uPlot.js` for one in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in TYPES:
            content = path.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            found[path.relative_to(folder).as_posix()] = PageFile(content, TYPES[path.suffix], etag)
    return found


def router(files: dict[str, PageFile]) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["page"], include_in_schema=False)

    @routes.api_route("/", methods=["GET", "HEAD"], responses=READING)
    async def index(request: Request) -> Response:
        """Return the page."""
        return _sent(request, files, INDEX)

    @routes.api_route("/favicon.ico", methods=["GET", "HEAD"], responses=READING)
    async def icon(request: Request) -> Response:
        """Return the icon, where a browser looks for it unasked."""
        return _sent(request, files, ICON)

    @routes.api_route("/page/{name:path}", methods=["GET", "HEAD"], responses=READING)
    async def file(request: Request, name: str) -> Response:
        """Return one of the page's files."""
        return _sent(request, files, name)

    return routes


def _sent(request: Request, files: dict[str, PageFile], name: str) -> Response:
    file = files.get(name)
    if file is None:
        raise StudioError(404, "the page has no such file", code="not_found")
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.type, headers=headers)
