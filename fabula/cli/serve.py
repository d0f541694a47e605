"""`fabula serve`: the studio's page and API."""

import argparse
import os
import threading
from typing import Any

from fabula.cli.parser import RUNS, at_least, command, needs_extra
from fabula.errors import UserError
from fabula.terminal import say

DEFAULT_PORT = 8000
LARGEST_PORT = 65_535
LOOPBACK = ("127.0.0.1", "localhost", "::1")
TOKEN_BYTES = 24
TOKEN_VARIABLE = "FABULA_STUDIO_TOKEN"
"""Other users of a machine can read a command line, not this."""
SHOWN_RUNS = 5

EXAMPLES = """Examples:
  fabula serve                                  the storyteller in the box, and every run under runs/
  fabula serve runs/nano                        a run: compare its checkpoints, watch it while it trains
  fabula serve models/series storyteller        a packed series (unpacked once), and a model
  fabula serve runs/a runs/b --port 0 --open    two runs side by side, in the browser at once

The page is at the address that is printed. Other programs use the same address:
  curl http://127.0.0.1:8000/v1/completions -H 'Content-Type: application/json' \\
       -d '{"model": "storyteller", "prompt": "One day", "max_tokens": 60}'
  OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")     with the openai library
  http://127.0.0.1:8000/openapi.json says what there is; /metrics is for Prometheus.

Only this machine can reach it. From another one, either a tunnel (ssh -L 8000:localhost:8000 HOST), or
--host 0.0.0.0: then everybody needs the token that is printed; it crosses the network unencrypted.
Ctrl-C stops it: stories that are being told get some seconds to end.
"""


def add_serve(commands: Any) -> None:
    """Declare `fabula serve`."""
    serve = command(
        commands,
        "serve",
        serve_studio,
        "Open the studio: a page to write, compare, watch and explain, and an OpenAI-compatible API.",
        epilog=EXAMPLES,
    )
    serve.add_argument(
        "models",
        nargs="*",
        metavar="RUN_OR_MODEL",
        help="runs (all their checkpoints), packed series, checkpoint folders, Llama folders, hub names, "
        f"`storyteller`; nothing else is served (default: storyteller and every run under {RUNS}/)",
    )
    serve.add_argument(
        "--port", type=int, default=DEFAULT_PORT, metavar="N", help=f"(default: {DEFAULT_PORT}; 0: any that is free)"
    )
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1, only this machine)"
    )
    serve.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name under which this machine is reached, a proxy's for instance (may be repeated)",
    )
    serve.add_argument(
        "--token",
        default=os.environ.get(TOKEN_VARIABLE),
        help="what clients must send as `Authorization: Bearer TOKEN` "
        f"(default: ${TOKEN_VARIABLE}; without that none on 127.0.0.1, and a new one elsewhere)",
    )
    serve.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads (default: 0, as many as cores)")
    serve.add_argument("--open", action="store_true", help="open the page in the browser")


def serve_studio(parsed: argparse.Namespace) -> None:
    """`fabula serve`."""
    at_least("--threads", parsed.threads, 0)
    if not 0 <= parsed.port <= LARGEST_PORT:
        raise UserError(f"--port {parsed.port} must be between 0 and {LARGEST_PORT:,}")
    if parsed.token is not None and not _usable(parsed.token):
        raise UserError("--token must be printable ASCII without spaces")
    with needs_extra("studio"):
        from fabula.studio import serving
        from fabula.studio.catalog import Catalog
        from fabula.studio.security import Access
    from fabula.model.resolve import STORYTELLER

    catalog = Catalog(parsed.models or [STORYTELLER], None if parsed.models else RUNS)
    token = parsed.token or (None if parsed.host in LOOPBACK else _new_token())
    listening = serving.bound_socket(parsed.host, parsed.port)
    address = _address(parsed.host, listening.getsockname()[1])
    page = f"{address}/" + (f"#token={token}" if token else "")

    def ready() -> None:
        print(f"Fabula studio: {page}", flush=True)
        _say_what(catalog)
        if parsed.open:
            import webbrowser

            threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()  # some browsers are waited for

    access = Access.on(parsed.host, token, parsed.allow_host)
    if not serving.serve(catalog, listening, access, threads=parsed.threads, ready=ready):
        raise KeyboardInterrupt


def _usable(token: str) -> bool:
    return bool(token) and all("!" <= letter <= "~" for letter in token)


def _new_token() -> str:
    import secrets

    return secrets.token_urlsafe(TOKEN_BYTES)


def _address(host: str, port: int) -> str:
    """Return where the page is, as a browser on this machine finds it."""
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{here}:{port}"


def _say_what(catalog: Any) -> None:
    """Say on standard error which models tell."""
    runs = catalog.runs()
    single = [model.id for model in catalog.models() if model.run is None]
    parts = [f"{run.id} ({len(run.models)} checkpoints{', training' if run.live else ''})" for run in runs]
    shown = [*single, *parts[:SHOWN_RUNS]]
    more = f" and {len(parts) - SHOWN_RUNS} runs more" if len(parts) > SHOWN_RUNS else ""
    say(f"serving {', '.join(shown)}{more}; Ctrl-C stops")
