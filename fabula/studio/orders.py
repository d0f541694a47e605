"""What a request wants told, and how it hears of it: orders, and the streams on which stories come."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from fabula.errors import UserError
from fabula.generation.prompts import Prompts
from fabula.generation.sampling import Sampling
from fabula.generation.story import Request, StopReason
from fabula.generation.writing.steps import Step

MOST_STOPS = 16
LONGEST_STOP = 1_000
"""Characters; every letter of a story is looked at once for each stop text."""
LARGEST_SEED = 2**62
SLIDES = 4
"""A story that slides past its model's context may be this many contexts long."""


class BusyError(Exception):
    """Too many wait already."""

    def __init__(self, retry_after: float) -> None:
        """Say in how many seconds those that wait now will have had their turn."""
        super().__init__(f"too many stories wait already; try again in {retry_after:.0f} s")
        self.retry_after = retry_after


class StoppingError(Exception):
    """The studio is being stopped and takes nothing new."""

    def __init__(self) -> None:
        super().__init__("the studio is stopping")


class FailedError(Exception):
    """A story that could not be told to its end; the message is one line."""


@dataclass(frozen=True)
class Order:
    """A story that a request wants; ln p of every token always comes with it."""

    model: str
    prompt: str = ""
    """How it begins."""
    tokens: tuple[int, ...] | None = None
    """Instead of `prompt`: its tokens, with what the model puts before every prompt."""
    after: tuple[int, ...] = ()
    """Tokens of the story so far, where it goes on from some place of another one."""
    sampling: Sampling = field(default_factory=Sampling)
    seed: int | None = None
    """This story's own; None: `sampling.seed`."""
    alternatives: int = 0
    """How many of the most probable tokens are wanted with every token."""

    def check(self, prompts: Prompts) -> None:
        """Make sure that it doesn't ask for too much.

        Raises:
            UserError: it does.
        """
        sampling = self.sampling
        if len(sampling.stop) > MOST_STOPS or any(len(stop) > LONGEST_STOP for stop in sampling.stop):
            raise UserError(f"stop: at most {MOST_STOPS} texts of at most {LONGEST_STOP:,} characters each")
        longest = SLIDES * prompts.context
        if sampling.past_context == "slide" and sampling.max_new_tokens > longest:
            raise UserError(f"max_new_tokens = {sampling.max_new_tokens:,} must be at most {longest:,} with 'slide'")
        if self.seed is not None and self.seed > LARGEST_SEED:
            raise UserError(f"seed = {self.seed} must be at most {LARGEST_SEED}")

    def request(self, prompts: Prompts, before: tuple[int, ...]) -> Request:
        """Return what the engine is asked; `before` are the tokens of `prompt`, or `tokens`.

        Raises:
            UserError: its model can't tell it.
        """
        lead = tuple(prompts.lead)
        led = len(lead) if before[: len(lead)] == lead else 0
        seed = self.sampling.seed if self.seed is None else self.seed
        tokens = (*before, *self.after)
        request = Request(tokens, led, self.sampling, seed, None, self.alternatives, probabilities=True)
        request.check(prompts.context, prompts.vocab_size)
        return request


def requests_of(orders: Sequence[Order], prompts: Sequence[Prompts]) -> list[Request]:
    """Return what the engines are asked; models that share a vocabulary read a prompt once.

    Raises:
        UserError: an order that can't be told.
    """
    read: dict[tuple[Prompts, str], tuple[int, ...]] = {}
    requests = []
    for order, its in zip(orders, prompts, strict=True):
        order.check(its)
        tokens = order.tokens
        if tokens is None:
            if (its, order.prompt) not in read:
                read[its, order.prompt] = tuple(its.encode(order.prompt))
            tokens = read[its, order.prompt]
        requests.append(order.request(its, tokens))
    return requests


@dataclass(frozen=True)
class End:
    """How a story ended."""

    stop_reason: StopReason
    tokens: int
    """Drawn in all."""
    seconds: float
    """From the reading of its prompt to its last token."""
    error: str | None = None
    """One line, where it could not be told to its end."""


class Mailbox:
    """What has come of one story and wasn't taken yet; only the event loop touches it.

    A reader may be as slow as it likes: a story is bounded (`Order.check`), so what waits for its reader is too.
    """

    def __init__(self, bell: asyncio.Event) -> None:
        self.bell = bell
        """Rings when something came; the stories of one request share it."""
        self.steps: list[Step] = []
        self.end: End | None = None

    def put(self, steps: Sequence[Step], end: End | None) -> None:
        """Take what the computing thread has sent."""
        if self.end is None:  # nothing comes after a cancellation
            self.steps += steps
            self.end = end
            self.bell.set()


class Stream:
    """A story as it comes, for one reader.

    `async for steps in stream` gives the tokens that have come since the last ones; it raises `FailedError` where the
    story could not be told to its end. A stream that is left, closed or forgotten cancels its story.
    """

    def __init__(self, mailbox: Mailbox, cancel: Callable[[], None]) -> None:
        self._mailbox = mailbox
        self._cancel = cancel

    def __del__(self) -> None:
        self.cancel()

    async def __aenter__(self) -> "Stream":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    @property
    def end(self) -> End | None:
        """How the story ended; None while it is told. Tokens may still wait to be taken."""
        return self._mailbox.end

    def take(self) -> tuple[Step, ...]:
        """Return what has come since the last call, without waiting."""
        steps, self._mailbox.steps = tuple(self._mailbox.steps), []
        return steps

    def cancel(self) -> None:
        """End the story within one step; nothing happens to one that has ended."""
        if self._mailbox.end is None:
            self._mailbox.end = End("cancelled", 0, 0.0)
            self._mailbox.bell.set()
            self._cancel()

    async def __aiter__(self) -> AsyncIterator[tuple[Step, ...]]:
        try:
            while True:
                steps = self.take()
                if steps:
                    yield steps
                elif self.end is None:
                    self._mailbox.bell.clear()
                    await self._mailbox.bell.wait()
                elif self.end.error:
                    raise FailedError(self.end.error)
                else:
                    return
        finally:
            self.cancel()


async def together(
    streams: Sequence[Stream], patience: float = 15.0
) -> AsyncIterator[list[tuple[int, tuple[Step, ...], End | None]]]:
    """Yield what has come of several stories of one request: each with its place, its new tokens, and its end.

    Every end comes once, after the story's last tokens; after the last end the iterator stops. An empty list says that
    nothing has come for `patience` seconds. An iterator that is closed cancels what hasn't ended.
    """
    if not streams:
        return
    bell = streams[0]._mailbox.bell
    left = list(range(len(streams)))
    try:
        while left:
            bell.clear()
            news = [(place, streams[place].take(), streams[place].end) for place in left]
            news = [one for one in news if one[1] or one[2]]
            if news:
                left = [place for place in left if streams[place].end is None]
                yield news
                continue
            try:
                async with asyncio.timeout(patience):
                    await bell.wait()
            except TimeoutError:
                yield []
    finally:
        for stream in streams:
            stream.cancel()
