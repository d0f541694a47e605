"""What a person sees while something long is running. Everything here goes to standard error."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

QUIET_SECONDS = 2.0
"""Work that ends sooner shows nothing."""
PLAIN_SECONDS = 10.0
"""Between two progress lines when standard error is not a terminal."""


@cache
def console() -> "Console":
    """Return the console on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def say(message: str) -> None:
    """Print one line for the person at the terminal."""
    console().print(message, markup=False, soft_wrap=True)


_hushed: list[bool] = []


def hush() -> None:
    """Show no progress from this process: the one that started it does."""
    _hushed.append(True)


@contextlib.contextmanager
def progress(doing: str, total: float | None = None, unit: str = "") -> Iterator[Callable[[float], None]]:
    """Show how far some work is, with an ETA when `total` is known; yields `advance(amount)`.

    On a terminal a bar appears after two seconds; elsewhere a plain line every ten seconds.
    """
    if _hushed:
        yield lambda _: None
    elif console().is_terminal:
        with _bar(doing, total, unit) as advance:
            yield advance
    else:
        yield _plain_lines(doing, total, unit)


@contextlib.contextmanager
def _bar(doing: str, total: float | None, unit: str) -> Iterator[Callable[[float], None]]:
    from rich import progress as rich_progress

    columns = [
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.TextColumn("{task.completed:,.0f}" + ("/{task.total:,.0f}" if total else "") + f" {unit}"),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TextColumn("ETA"),
        rich_progress.TimeRemainingColumn(),
    ]
    bar = rich_progress.Progress(*columns, console=console(), transient=True)
    task = bar.add_task(doing, total=total)
    started = time.monotonic()
    shown = False

    def advance(amount: float) -> None:
        nonlocal shown
        if not shown and time.monotonic() - started > QUIET_SECONDS:
            bar.start()
            shown = True
        bar.advance(task, amount)

    try:
        yield advance
    finally:
        if shown:
            bar.stop()


def _plain_lines(doing: str, total: float | None, unit: str) -> Callable[[float], None]:
    started = last = time.monotonic()
    done = 0.0

    def advance(amount: float) -> None:
        nonlocal last, done
        done += amount
        now = time.monotonic()
        if now - last < PLAIN_SECONDS:
            return
        last = now
        line = f"{doing}: {done:,.0f}"
        if total and done:
            line += f"/{total:,.0f} {unit}, {(now - started) * (total - done) / done:.0f} s left"
        else:
            line += f" {unit}"
        print(line, file=sys.stderr, flush=True)  # noqa: T201

    return advance
