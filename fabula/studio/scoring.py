"""Texts read for their probabilities, between the steps of the stories that are told meanwhile."""

import asyncio
from collections.abc import Generator, Sequence

from fabula.generation.backend import Drawn
from fabula.generation.storyteller import Storyteller
from fabula.generation.writing.reading import read_in_parts
from fabula.studio.teller import Teller

_closing: set[asyncio.Task[None]] = set()
"""So that nobody collects them before they are done."""


async def scored(teller: Teller, model: str, tokens: Sequence[int], alternatives: int = 0) -> list[Drawn]:
    """Return what `fabula.generation.writing.reading.read_tokens` does; stories go on after every part of the text.

    Raises:
        UnknownNameError, BusyError, StoppingError, FailedError: as `Teller.ask`.
    """
    found: list[Drawn] = []
    parts: Generator[list[Drawn], None, None] | None = None

    def read_on(storyteller: Storyteller) -> list[Drawn] | None:
        nonlocal parts
        if parts is None:  # it keeps its backend, even if the model leaves memory and comes again
            parts = read_in_parts(storyteller.backend, tokens, alternatives)
        return next(parts, None)

    try:
        while (part := await teller.ask(model, read_on)) is not None:
            found += part
    except BaseException:
        if parts is not None:  # the asker has left: what is held for the text goes, on the thread that reads
            task = asyncio.ensure_future(teller.ask(model, lambda _: parts.close()))
            _closing.add(task)
            task.add_done_callback(_closed)
        raise
    return found


def _closed(task: asyncio.Task[None]) -> None:
    _closing.discard(task)
    if not task.cancelled():
        task.exception()  # a studio that stops gives everything back anyhow
