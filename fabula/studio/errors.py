"""What a studio answers when it can't do what was asked: one line, in the form that OpenAI's clients read."""

import math
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from fabula.errors import UserError
from fabula.studio.catalog import UnknownNameError
from fabula.studio.teller import BusyError, FailedError, StoppingError

KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
LONGEST = 500
"""Characters of a message: what was sent is quoted in some, and may be long."""
MOST_NAMED = 3
"""Fields of one request that a message names."""


class StudioError(Exception):
    """An answer other than success; becomes `{"error": {...}}`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        type: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.type = type
        self.headers = headers or {}


class ErrorLine(BaseModel):
    """What went wrong."""

    message: str = Field(description="One line for a person.")
    type: str = Field(description="`invalid_request_error`, `rate_limit_error`, `server_error`, ...")
    code: str | None = Field(default=None, description="For programs, where there is one: `model_not_found`, ...")
    param: str | None = Field(default=None, description="Always null; OpenAI's clients look for it.")


class ErrorBody(BaseModel):
    """Every answer that isn't a success."""

    error: ErrorLine


DESCRIPTIONS = {
    400: "What was sent can't be used.",
    401: "The token is missing or wrong.",
    403: "Sent by another site's page.",
    404: "No such model, run or page.",
    405: "Not with this method.",
    413: "The body is larger than 1 MiB.",
    421: "The Host header names no address of this studio.",
    422: "What was sent is not of the documented form.",
    429: "Too many wait; Retry-After says for how many seconds.",
    431: "Address and headers are larger than 16 KiB.",
    503: "The studio is stopping, or the model failed.",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return these error answers as FastAPI's `responses` takes them."""
    return {status: {"model": ErrorBody, "description": DESCRIPTIONS[status]} for status in sorted(set(statuses))}


READING = documented(400, 401, 403, 404, 421, 422, 431)
"""What may be answered to any GET."""
ASKING = documented(400, 401, 403, 404, 413, 421, 422, 429, 431, 503)
"""What may be answered to any POST that a model works on."""


def error_content(status: int, message: str, code: str | None = None, type: str | None = None) -> dict[str, Any]:
    """Return an error's JSON."""
    kind = type or KINDS.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    line = " ".join(message.split())
    # What was sent may hold half a surrogate pair, which no UTF-8 can carry.
    line = line.encode("utf-8", "replace").decode()
    line = line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."
    return ErrorBody(error=ErrorLine(message=line, type=kind, code=code)).model_dump()


def error_response(
    status: int,
    message: str,
    code: str | None = None,
    type: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Return an error as a response."""
    return JSONResponse(error_content(status, message, code, type), status, headers=headers)


def add_error_handlers(app: FastAPI) -> None:
    """Make every error of an application one line in OpenAI's form."""

    @app.exception_handler(StudioError)
    async def studio_error(request: Request, error: StudioError) -> JSONResponse:
        return error_response(error.status, error.message, error.code, error.type, error.headers)

    @app.exception_handler(UnknownNameError)
    async def unknown(request: Request, error: UnknownNameError) -> JSONResponse:
        return error_response(404, str(error), "model_not_found")

    @app.exception_handler(UserError)
    async def user_error(request: Request, error: UserError) -> JSONResponse:
        return error_response(400, str(error))

    @app.exception_handler(BusyError)
    async def busy(request: Request, error: BusyError) -> JSONResponse:
        headers = {"Retry-After": str(math.ceil(error.retry_after))}
        return error_response(429, str(error), "too_many_requests", headers=headers)

    @app.exception_handler(StoppingError)
    async def stopping(request: Request, error: StoppingError) -> JSONResponse:
        return error_response(503, str(error), "stopping")

    @app.exception_handler(FailedError)
    async def failed(request: Request, error: FailedError) -> JSONResponse:
        return error_response(503, str(error), "failed")

    @app.exception_handler(RequestValidationError)
    async def not_of_the_form(request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        status = 400 if any(one["type"] == "json_invalid" for one in found) else 422
        return error_response(status, _sentence(found))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        return error_response(error.status_code, str(error.detail), headers=dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> JSONResponse:  # its traceback goes to the log
        return error_response(500, "something went wrong here; the studio's log says what", "bug")


def _sentence(found: Sequence[Any]) -> str:
    """Say which fields are wrong, and how."""
    parts = []
    for one in found[:MOST_NAMED]:
        place = ".".join(str(part)[:60] for part in one["loc"] if part not in ("body", "query", "path", "header"))
        detail = f": {one['ctx']['error']}" if one["type"] == "json_invalid" and one.get("ctx") else ""
        parts.append((f"{place}: " if place and not detail else "") + f"{one['msg']}{detail}")
    more = len(found) - MOST_NAMED
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")
