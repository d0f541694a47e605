"""An OpenAI-compatible endpoint: one question in, one answer out, with patience for busy servers."""

import http.client
import json
import os
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from fabula.errors import UserError

KEYS = ("FABULA_JUDGE_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the key, the first one first."""
TRY_AGAIN = (408, 409, 429, 500, 502, 503, 504, 529)
"""HTTP answers of servers that are busy or ill for a while."""
LONGEST_WAIT = 60.0
KEPT = "the answers so far are kept: run it again to go on"


class StoppedError(Exception):
    """Another question failed, so this one needs no answer."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another server."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


@dataclass(frozen=True)
class Endpoint:
    """Whom to ask."""

    base_url: str
    """Up to and without `/chat/completions`, such as http://localhost:8000/v1."""
    model: str
    key: str | None = field(default=None, repr=False)
    """Sent as a bearer token; None: nothing is sent."""
    concurrency: int = 4
    """Questions under way at once."""
    timeout: float = 120.0
    """Seconds without a byte until an attempt is given up."""
    attempts: int = 6
    """Times that a busy or silent server is asked."""
    first_wait: float = 1.0
    """Seconds before the second attempt; every further wait is twice as long, or what the server asks for."""

    @classmethod
    def from_environment(cls, base_url: str, model: str, **settings: Any) -> "Endpoint":
        """Return an endpoint with the key that the environment holds, if any.

        Raises:
            UserError: not a web address, or no model's name.
        """
        if not base_url.startswith(("http://", "https://")):
            raise UserError(f"the judge's address {base_url!r} must begin with http:// or https://")
        if not model:
            raise UserError("a judge needs a model's name: --judge-model NAME")
        key = next((value for name in KEYS if (value := os.environ.get(name))), None)
        return cls(base_url, model, key, **settings)

    def complete(self, content: str, stop: threading.Event) -> str:
        """Return the answer to one message, at temperature 0.

        Args:
            content: the message.
            stop: when set, waiting ends with `StoppedError`.

        Raises:
            UserError: the server refuses the question, or still fails after all attempts.
        """
        reason = ""
        for attempt in range(self.attempts):
            if stop.is_set():
                raise StoppedError
            wait = self.first_wait * 2**attempt
            try:
                return self._answer(self._post(content))
            except urllib.error.HTTPError as error:
                with error:
                    reason = f"HTTP {error.code}: {_message(error)}"
                    if error.code not in TRY_AGAIN:
                        raise UserError(self._refusal(error.code, reason)) from None
                    wait = max(wait, _retry_after(error))
            except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
                reason = str(getattr(error, "reason", error)) or type(error).__name__
            if attempt + 1 < self.attempts and stop.wait(min(wait, LONGEST_WAIT)):
                raise StoppedError
        raise UserError(f"the judge at {self.base_url} failed {self.attempts} times, last with {reason}; {KEPT}")

    def _post(self, content: str) -> bytes:
        body = {"model": self.model, "temperature": 0, "messages": [{"role": "user", "content": content}]}
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        url = self.base_url.rstrip("/") + "/chat/completions"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=self.timeout) as response:
            found: bytes = response.read()
            return found

    def _answer(self, body: bytes) -> str:
        try:
            found = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            raise UserError(
                f"{self.base_url} does not answer like an OpenAI-compatible server: {body[:80]!r}"
            ) from None
        return found if isinstance(found, str) else ""

    def _refusal(self, code: int, reason: str) -> str:
        hint = {
            401: f"; set the key in {' or '.join(KEYS)}",
            403: f"; set the key in {' or '.join(KEYS)}",
            404: f"; is {self.base_url} the part before /chat/completions, and {self.model!r} a model there?",
        }
        return f"the judge at {self.base_url} refuses ({reason}){hint.get(code, '')}"


def _message(error: urllib.error.HTTPError) -> str:
    """Return the server's own words, in one short line."""
    try:
        text = error.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return str(error.reason)
    try:
        found = json.loads(text)["error"]
        text = found["message"] if isinstance(found, dict) else str(found)
    except (ValueError, KeyError, TypeError):
        pass
    return " ".join(text.split())[:200] or str(error.reason)


def _retry_after(error: urllib.error.HTTPError) -> float:
    """Return the seconds that the server asks us to wait; 0 when it names none (or a date, which nobody sends)."""
    try:
        return float(error.headers.get("Retry-After", 0))
    except ValueError:
        return 0.0
