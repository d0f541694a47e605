"""What passes between the event loop and the computing thread: stories and questions one way, news the other."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fabula.generation.settled import Settled
from fabula.generation.story import Request, Story
from fabula.generation.storyteller import Storyteller
from fabula.generation.writing.steps import Alternative, Step
from fabula.studio.catalog import Model
from fabula.studio.orders import End, FailedError, Mailbox
from fabula.studio.shelf import Loaded


@dataclass(eq=False)
class Party:
    """The stories of one request."""

    open: int = 0
    """How many are being told."""


@dataclass(eq=False)
class Telling:
    """A story on its way."""

    number: int
    """By arrival, over stories and questions."""
    party: Party
    model: Model
    request: Request
    mailbox: Mailbox
    arrived: float
    last: float = 0.0
    """When its last token came."""
    story: Story | None = None
    """The engine's, from when it is being told."""
    settled: Settled | None = None
    cancelled: bool = False
    """Whether nobody wants it any more."""

    def begin(self, loaded: Loaded) -> Story:
        """Give the story to its model's engine.

        Raises:
            UserError: it can't be told.
        """
        self.story = loaded.engine.submit(self.request)
        self.settled = Settled(self.story, loaded.characters, loaded.storyteller.end_of_text)
        return self.story

    def new_steps(self, loaded: Loaded) -> list[Step]:
        """Return the tokens that have settled since the last call."""
        assert self.settled is not None
        names = loaded.names
        return [
            Step(one.token, text, one.log_probability, tuple(Alternative(t, names[t], p) for t, p in one.alternatives))
            for text, one in self.settled.new()
        ]

    def end(self) -> End | None:
        """Return how the story ended, if it has."""
        story = self.story
        if story is None or story.stop_reason is None:
            return None
        return End(story.stop_reason, len(story.drawn), story.stopped - story.started)


@dataclass(eq=False)
class Question:
    """Something to ask a model between two steps."""

    number: int
    model: Model
    ask: Callable[[Storyteller], Any]
    answer: asyncio.Future[Any]


@dataclass
class News:
    """What one turn of the computing thread has to say to the event loop."""

    letters: list[tuple[Mailbox, Sequence[Step], End | None]] = field(default_factory=list)
    answers: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = field(default_factory=list)

    def tell(self, telling: Telling, steps: Sequence[Step], end: End | None) -> None:
        """Send what has come of a story."""
        if steps or end:
            self.letters.append((telling.mailbox, steps, end))

    def answer(self, question: Question, loaded: Loaded) -> None:
        """Ask a model a question and send what it answers, or raises."""
        try:
            self.answers.append((question.answer, question.ask(loaded.storyteller), None))
        except Exception as error:
            self.answers.append((question.answer, None, error))

    def fail(self, line: str, tellings: Iterable[Telling], questions: Iterable[Question] = ()) -> None:
        """End stories and questions with an error of one line."""
        for telling in tellings:
            told = len(telling.story.drawn) if telling.story else 0
            self.letters.append((telling.mailbox, (), End("cancelled", told, 0.0, line)))
        self.answers += [(question.answer, None, FailedError(line)) for question in questions]

    def deliver(self) -> None:
        """Hand everything out; in the event loop."""
        for mailbox, steps, end in self.letters:
            mailbox.put(steps, end)
        for answer, value, error in self.answers:
            if answer.done():
                continue
            if error is None:
                answer.set_result(value)
            else:
                answer.set_exception(error)
