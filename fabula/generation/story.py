"""A story on its way: what was asked for, what has come, and what the model has read of it."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fabula.errors import UserError
from fabula.generation.backend import Draw, Drawn, Feed, Tokens
from fabula.generation.characters import CharacterStream
from fabula.generation.sampling import Sampling
from fabula.generation.stops import StopTexts

Steer = Callable[[Tokens], Mapping[int, float]]
"""From the tokens drawn so far (the story, not the prompt) to the bias of the next draw. It must depend on nothing
else, and not keep the array: with a draft it is also asked about tokens that never come."""

StopReason = Literal["end-of-text", "max-new-tokens", "context", "stop-text", "cancelled"]

NO_BIAS: Mapping[int, float] = {}
_numbers = itertools.count()


@dataclass(frozen=True)
class Request:
    """A story that somebody wants."""

    tokens: tuple[int, ...]
    """The prompt, led by what the model's folder puts before every prompt."""
    lead: int
    """How many of them are that lead: no penalty counts them."""
    sampling: Sampling
    seed: int
    """This story's own; `sampling.seed` is not looked at."""
    steer: Steer | None = None
    alternatives: int = 0
    """How many of the most probable tokens are wanted with every draw."""
    probabilities: bool = False
    """Whether `Drawn.log_probability` is wanted."""

    def check(self, context: int, vocabulary: int) -> None:
        """Make sure that a model with this context and vocabulary can tell it.

        Raises:
            UserError: it can't.
        """
        count = len(self.tokens)
        if not 0 <= self.lead <= count or not count:
            raise UserError(f"a request of {count} tokens, {self.lead} of them the lead: a story needs a beginning")
        if count > context:
            raise UserError(f"the prompt has {count:,} tokens; the model's context holds {context:,}")
        if not 0 <= min(self.tokens) <= max(self.tokens) < vocabulary:
            raise UserError(f"the prompt holds a token that is none of the model's {vocabulary:,}")
        if not 0 <= self.alternatives <= vocabulary:
            raise UserError(f"alternatives = {self.alternatives} must be between 0 and {vocabulary:,}")
        if self.seed < 0:
            raise UserError(f"seed = {self.seed} must be at least 0")
        if self.sampling.past_context == "slide" and self.lead >= context:
            raise UserError(f"past_context = 'slide': a context of {context} has no room beside its lead")


class Story:
    """A story on its way; the engine fills it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.drawn: list[Drawn] = []
        """Every token drawn, the end-of-text included."""
        self.text = ""
        """Whole characters so far, without the prompt and without the stop text. It only grows."""
        self.stop_reason: StopReason | None = None
        self.guessed = 0
        """Draft tokens that the model verified."""
        self.accepted = 0
        """How many of those were right."""
        self.started = 0.0
        """`time.perf_counter` when its turn came."""
        self.stopped = 0.0
        """`time.perf_counter` after its last token."""


class OpenStory:
    """A story being told: its slot, its tokens, and how far the model has read them.

    All tokens of prompt and story stay in one array; contexts of draws are views of it. The model holds the lead and
    all tokens from some place on. Position p of the model is token p where nothing was forgotten; else the lead's
    positions are the lead's tokens and p beyond it is token p + forgotten.
    """

    __slots__ = (
        "_characters",
        "_context",
        "_forgotten",
        "_guesses",
        "_length",
        "_read",
        "_stops",
        "_tokens",
        "number",
        "share",
        "slot",
        "story",
    )

    def __init__(self, story: Story, slot: int, characters: CharacterStream, context: int) -> None:
        """Begin a story in a slot of a model that holds `context` positions."""
        request = story.request
        self.story = story
        self.slot = slot
        self.number = next(_numbers)
        """Its name with a draft, which several engines may share."""
        self.share = 0
        """How many tokens of its prompt the model may read in this step."""
        self._characters = characters
        self._stops = StopTexts(request.sampling.stop) if request.sampling.stop else None
        self._context = context
        self._length = len(request.tokens)
        self._tokens = np.empty(min(self._length + request.sampling.max_new_tokens, context + 1), np.int32)
        self._tokens[: self._length] = request.tokens
        self._read = 0
        self._forgotten = 0
        self._guesses: Sequence[int] = ()
        story.started = time.perf_counter()

    @property
    def unread(self) -> int:
        """How many tokens the model has yet to read before it can draw; 1 while it tells."""
        return self._length - self._forgotten - self._read

    @property
    def guess_room(self) -> int:
        """How many guesses the model can verify: the last token drawn needs no position."""
        sampling = self.story.request.sampling
        positions = self._context - (self._length - self._forgotten)
        return min(positions, sampling.max_new_tokens - len(self.story.drawn) - 1)

    @property
    def guessed(self) -> int:
        """How many guesses stand behind the last token."""
        return len(self._guesses)

    def guess(self, guesses: Sequence[int]) -> None:
        """Suppose that these tokens come next; at most `guess_room`."""
        assert len(guesses) <= self.guess_room
        self._guesses = guesses
        self._make_room(self._length + len(guesses))
        self._tokens[self._length : self._length + len(guesses)] = guesses

    def feed(self) -> Feed:
        """Return what the model reads next: the last token with the guesses after it, or the prompt's next part."""
        start, unread = self._read, self.unread
        if unread == 1:
            self._read = start + 1
            last = int(self._tokens[self._length - 1])
            return Feed(self.slot, start, [last, *self._guesses], 1 + len(self._guesses))
        part = min(unread, self.share)
        self._read = start + part
        return Feed(self.slot, start, self._held(start, start + part), int(part == unread))

    def draws(self, row: int) -> list[Draw]:
        """Return the draws of the rows from `row` on, as if every guess were right."""
        request, story_start = self.story.request, len(self.story.request.tokens)
        drawn = len(self.story.drawn)
        draws = []
        for ahead in range(len(self._guesses) + 1):
            stop = self._length + ahead
            bias = request.steer(self._tokens[story_start:stop]) if request.steer else NO_BIAS
            draw = Draw(
                row=row + ahead,
                sampling=request.sampling,
                context=self._tokens[request.lead : stop],
                prompt_length=story_start - request.lead,
                seed=request.seed,
                index=drawn + ahead,
                bias=bias,
                alternatives=request.alternatives,
                probability=request.probabilities,
            )
            draws.append(draw)
        return draws

    def take(self, drawn: Sequence[Drawn], end_of_text: tuple[int, ...]) -> list[int]:
        """Take the tokens drawn up to the first that wasn't guessed, or that stops the story; return them."""
        guesses, self._guesses = self._guesses, ()
        taken = []
        accepted = 0
        for place, one in enumerate(drawn):
            right = place < len(guesses) and guesses[place] == one.token
            accepted += right
            taken.append(one.token)
            self._append(one, end_of_text)
            if self.story.stop_reason or not right:
                break
        self._read += accepted
        self.story.guessed += len(guesses)
        self.story.accepted += accepted
        if self._length - self._forgotten > self._context and not self.story.stop_reason:
            self._slide()
        return taken

    def stop(self, reason: StopReason) -> None:
        """End the story here."""
        self._write(self._characters.finish())
        if self._stops and not self.story.stop_reason:
            self.story.text += self._stops.finish()
        self.story.stop_reason = self.story.stop_reason or reason
        self.story.stopped = time.perf_counter()

    def _append(self, one: Drawn, end_of_text: tuple[int, ...]) -> None:
        story, sampling = self.story, self.story.request.sampling
        story.drawn.append(one)
        self._make_room(self._length + 1)
        self._tokens[self._length] = one.token
        self._length += 1
        if one.token in end_of_text:
            self.stop("end-of-text")
            return
        self._write(self._characters.push(one.token))
        if story.stop_reason:
            story.stopped = time.perf_counter()
        elif len(story.drawn) == sampling.max_new_tokens:
            self.stop("max-new-tokens")
        elif self._length - self._forgotten > self._context and sampling.past_context == "stop":
            self.stop("context")

    def _write(self, text: str) -> None:
        if not self._stops:
            self.story.text += text
            return
        settled, complete = self._stops.push(text)
        self.story.text += settled
        if complete:
            self.story.stop_reason = "stop-text"

    def _slide(self) -> None:
        """Forget all but the lead and the newest half of the other positions; the model reads those again."""
        lead = self.story.request.lead
        kept = lead + max(1, (self._context - lead) // 2)
        self._forgotten = self._length - kept
        self._read = 0

    def _held(self, start: int, stop: int) -> list[int]:
        """Return the tokens at the model's positions [start, stop)."""
        lead = self.story.request.lead if self._forgotten else 0
        rest = slice(max(start, lead) + self._forgotten, stop + self._forgotten)
        tokens: list[int] = self._tokens[rest].tolist()
        return self._tokens[start : min(stop, lead)].tolist() + tokens if start < lead else tokens

    def _make_room(self, length: int) -> None:
        if length > len(self._tokens):
            grown = np.empty(2 * length, np.int32)
            grown[: self._length] = self._tokens[: self._length]
            self._tokens = grown
