"""The engine: many stories told together, each as if it were told alone.

One step reads once for all stories: the last token of every story that is being told, with a draft's guesses after it,
and parts of the prompts that are still to be read. Stories come and go between steps.
"""

import time
from collections import deque
from types import TracebackType

from tokenizers import Tokenizer

from fabula.generation.backend import Backend, Draw, Drawn, Feed
from fabula.generation.characters import Characters
from fabula.generation.drafts import Draft
from fabula.generation.drafts.pace import Pace
from fabula.generation.guessing import Guessing
from fabula.generation.story import OpenStory, Request, Steer, StopReason, Story

__all__ = ["Engine", "Request", "Steer", "StopReason", "Story"]

POSITIONS = 32_768
"""Positions reserved for all stories together, unless one alone needs more."""
PROMPT_TOKENS = 256
"""Prompt tokens read in one step: so a long prompt holds up the stories being told by little."""
FAIR_SHARE = 4
"""One prompt takes at most this part of a step's prompt tokens while others want them."""


class Engine:
    """Tells stories with one backend, first come, first served.

    On a backend that is `exact`, the same model, prompt tokens, sampling and seed give the same story to the last bit:
    whatever else is told at the same time, whenever it comes or goes, however prompts are cut, with any draft or none
    (tests/generation/test_engine.py). On other backends the same noise decides the draws, from logits that are equal up
    to rounding; a story may then part from its twin where two tokens are almost equally likely to be drawn.

    A story ends with an end-of-text, with one of its stop texts, after `max_new_tokens`, or where the context of the
    model is full. With `Sampling.past_context = "slide"` it goes on there: the model keeps the lead and the newest half
    of its other positions and reads those again from the beginning. Penalties and bans go on to count all of the story.

    A step that raises ends every story and gives their slots back; the engine can be used again.
    """

    def __init__(
        self,
        backend: Backend,
        tokenizer: Tokenizer,
        end_of_text: tuple[int, ...],
        *,
        draft: Draft | None = None,
        pace: Pace | None = None,
        most: int = 64,
        positions: int = POSITIONS,
        prompt_tokens: int = PROMPT_TOKENS,
    ) -> None:
        """Begin with no story.

        Args:
            backend: who computes.
            tokenizer: turns tokens into characters.
            end_of_text: the tokens that end a story.
            draft: guesses the next tokens, so that one step yields several.
            pace: how many it guesses, learned on the way; None: nothing is known yet.
            most: stories told at once.
            positions: positions of keys and values reserved at once; a story that needs more is told alone.
            prompt_tokens: prompt tokens read in one step.
        """
        assert most > 0
        assert prompt_tokens > 0
        self.backend = backend
        self.end_of_text = end_of_text
        self.most = most
        self.positions = positions
        self.prompt_tokens = prompt_tokens
        self._guessing = Guessing(draft, pace or Pace(), backend.vocab_size) if draft else None
        self._characters = Characters(tokenizer)
        self._waiting: deque[Story] = deque()
        self._open: dict[Story, OpenStory] = {}
        self._reserved = 0

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def busy(self) -> bool:
        """Whether a story is being told or waits."""
        return bool(self._open or self._waiting)

    def submit(self, request: Request) -> Story:
        """Take a story; it waits its turn.

        Raises:
            UserError: a request that can't be told. No story that was taken fails later by itself.
        """
        request.check(self.backend.context, self.backend.vocab_size)
        story = Story(request)
        self._waiting.append(story)
        return story

    def cancel(self, story: Story) -> None:
        """End a story now, with what has come so far; nothing happens to one that has stopped."""
        if story in self._open:
            self._open[story].stop("cancelled")
            self._close(self._open[story])
        elif story.stop_reason is None:
            self._waiting.remove(story)
            story.stop_reason = "cancelled"

    def close(self) -> None:
        """Cancel every story."""
        for story in [*self._open, *self._waiting]:
            self.cancel(story)

    def step(self) -> list[Story]:
        """Move every story that is being told on by one token, or several with a draft; return those that moved."""
        try:
            self._admit()
            return self._move()
        except BaseException:
            self.close()
            raise

    def _admit(self) -> None:
        while self._waiting and len(self._open) < self.most:
            needed = self._capacity(self._waiting[0])
            if self._open and self._reserved + needed > self.positions:
                return
            try:
                slot = self.backend.open(needed)
            except MemoryError:
                if not self._open:
                    raise
                return  # until a story that is being told has ended
            story = self._waiting.popleft()
            characters = self._characters.begin(story.request.tokens[story.request.lead :])
            self._open[story] = OpenStory(story, slot, characters, self.backend.context)
            self._reserved += needed

    def _capacity(self, story: Story) -> int:
        """Return the positions that a story may need; its last token needs none."""
        longest = len(story.request.tokens) + story.request.sampling.max_new_tokens - 1
        return min(longest, self.backend.context)

    def _move(self) -> list[Story]:
        if self._guessing:
            self._guessing.guess(self._open.values())
        self._share()
        feeds: list[Feed] = []
        drawing: list[OpenStory] = []
        for one in self._open.values():
            if one.unread > 1 and not one.share:
                continue
            feed = one.feed()
            feeds.append(feed)
            if feed.wanted:
                drawing.append(one)
        if not feeds:
            return []
        began = time.perf_counter()
        rows = self.backend.read(feeds)
        drawn = self._draw(drawing, rows)
        if self._guessing and all(len(feed.tokens) == feed.wanted for feed in feeds):
            self._guessing.timed(rows, time.perf_counter() - began)
        start = 0
        for one in drawing:
            stop = start + 1 + one.guessed
            self._take(one, drawn[start:stop])
            start = stop
        return [one.story for one in drawing]

    def _share(self) -> None:
        """Share a step's prompt tokens: everybody a fair part first, then the rest, first come, first served."""
        reading = [one for one in self._open.values() if one.unread > 1]
        left = self.prompt_tokens
        for one in reading:
            one.share = min(one.unread, max(1, self.prompt_tokens // FAIR_SHARE), left)
            left -= one.share
        for one in reading:
            more = min(one.unread - one.share, left)
            one.share += more
            left -= more

    def _draw(self, drawing: list[OpenStory], rows: int) -> list[Drawn]:
        """Draw a token from every row, as if all guesses were right."""
        draws: list[Draw] = []
        for one in drawing:
            draws += one.draws(len(draws))
        assert len(draws) == rows
        return self.backend.draw(draws) if draws else []

    def _take(self, one: OpenStory, drawn: list[Drawn]) -> None:
        guessed, accepted = one.guessed, one.story.accepted
        tokens = one.take(drawn, self.end_of_text)
        if self._guessing:
            self._guessing.judge(one, guessed, one.story.accepted - accepted)
        if one.story.stop_reason:
            self._close(one)
        elif self._guessing:
            self._guessing.tell(one, tokens)

    def _close(self, one: OpenStory) -> None:
        del self._open[one.story]
        self._reserved -= self._capacity(one.story)
        self.backend.close(one.slot)
        if self._guessing:
            self._guessing.close(one)
