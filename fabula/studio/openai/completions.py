"""Stories as OpenAI's completions: all choices of a request together, whole or as they come."""

import secrets
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fabula.errors import UserError
from fabula.generation.prompts import Prompts
from fabula.generation.story import StopReason
from fabula.generation.writing.steps import Step
from fabula.studio.openai.asked import CompletionRequest
from fabula.studio.openai.logprobs import Logprobs, Scored, TokenNames
from fabula.studio.openai.prompt import Prompt
from fabula.studio.orders import FailedError, Order, Stream, together
from fabula.studio.scoring import scored
from fabula.studio.teller import Teller

FINISHED: dict[StopReason, str] = {
    "end-of-text": "stop",
    "stop-text": "stop",
    "max-new-tokens": "length",
    "context": "length",
}
"""OpenAI's name for why a story ended."""
SEEDS = 2**31
MOST_SCORED = 32_768
"""Tokens of prompts that one request may have scored: their scores are in memory at once."""


@dataclass(frozen=True)
class Part:
    """What has come of one choice since its part before."""

    choice: int
    tokens: tuple[Scored, ...]
    text: str
    finish_reason: str | None = None


class Completion:
    """A request and its choices: the stories of the first prompt, then those of the next.

    `begin`, then `parts`, then `close`, whatever happened.
    """

    def __init__(self, asked: CompletionRequest, prompts: Prompts, teller: Teller) -> None:
        """Read the prompts; `prompts` are the asked model's.

        Raises:
            UserError: a prompt doesn't fit the model, or a parameter is out of range.
        """
        self.asked = asked
        self.id = f"cmpl-{secrets.token_hex(12)}"
        self.created = int(time.time())
        self.given = [Prompt.read(prompt, prompts) for prompt in asked.prompts]
        self.told = 0
        """Tokens of all stories so far."""
        self._sampling = asked.sampling(prompts.context)
        self._teller = teller
        self._streams: list[Stream] = []
        self._echoed: list[tuple[Scored, ...]] = []
        if asked.echo and asked.logprobs is not None:
            wanted = sum(len(given.tokens) for given in self.given)
            if wanted > MOST_SCORED:
                raise UserError(f"the prompts have {wanted:,} tokens; one request may have {MOST_SCORED:,} scored")

    async def begin(self) -> None:
        """Score the prompts where that is wanted, and order the stories.

        Raises:
            BusyError: too many wait.
        """
        if self.asked.echo:
            self._echoed = [await self._score(given) for given in self.given]
        if not self.asked.most_tokens:
            return
        seed = self.asked.seed if self.asked.seed is not None else secrets.randbelow(SEEDS)
        orders = [
            Order(
                self.asked.model,
                tokens=given.tokens,
                sampling=self._sampling,
                seed=seed + number,
                alternatives=self.asked.logprobs or 0,
            )
            for given in self.given
            for number in range(self.asked.stories)
        ]
        self._streams = await self._teller.tell_all(orders)

    async def close(self) -> None:
        """End the stories that are still being told."""
        for stream in self._streams:
            stream.cancel()

    async def parts(self) -> AsyncIterator[Part | None]:
        """Yield all choices' parts, each choice's in order; the last of a choice has its finish reason.

        None says that nothing has come for a while.

        Raises:
            FailedError: a story was not told to its end.
        """
        if self.asked.echo:
            reason = None if self._streams else "length"
            for choice in range(self.choices):
                prompt = choice // self.asked.stories
                yield Part(choice, self._echoed[prompt], self.given[prompt].text, reason)
        async for news in together(self._streams):
            if not news:
                yield None
            for choice, steps, end in news:
                if end and (end.error or end.stop_reason not in FINISHED):
                    raise FailedError(end.error or "the story was ended before its end")
                self.told += len(steps)
                reason = FINISHED[end.stop_reason] if end else None
                yield Part(choice, _scored(steps), "".join(step.text for step in steps), reason)

    @property
    def choices(self) -> int:
        """How many there are."""
        return len(self.given) * self.asked.stories

    def usage(self) -> dict[str, int]:
        """Return OpenAI's count of tokens: those of a prompt once, whatever n is, without a lead that we put there."""
        prompt_tokens = sum(given.own for given in self.given)
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": self.told,
            "total_tokens": prompt_tokens + self.told,
        }

    def head(self) -> dict[str, Any]:
        """Return what every answer and every chunk begins with."""
        return {"id": self.id, "object": "text_completion", "created": self.created, "model": self.asked.model}

    async def _score(self, given: Prompt) -> tuple[Scored, ...]:
        if self.asked.logprobs is None:
            return ()
        return given.scored(await scored(self._teller, self.asked.model, given.tokens, self.asked.logprobs))


async def whole(completion: Completion, names: TokenNames) -> dict[str, Any]:
    """Return the answer to a request that wants everything at once."""
    texts: list[list[str]] = [[] for _ in range(completion.choices)]
    tokens: list[list[Scored]] = [[] for _ in range(completion.choices)]
    reasons: list[str | None] = [None] * completion.choices
    async for part in completion.parts():
        if part is None:
            continue
        texts[part.choice].append(part.text)
        tokens[part.choice] += part.tokens
        reasons[part.choice] = part.finish_reason
    choices = [
        {
            "index": index,
            "text": "".join(texts[index]),
            "logprobs": _logprobs(Logprobs(names), tokens[index], completion.asked),
            "finish_reason": reasons[index],
        }
        for index in range(completion.choices)
    ]
    return {**completion.head(), "choices": choices, "usage": completion.usage()}


async def chunks(completion: Completion, names: TokenNames) -> AsyncIterator[dict[str, Any] | None]:
    """Yield the answer piece by piece, as a stream has it; None when nothing has come for a while."""
    asked, head = completion.asked, completion.head()
    counted = asked.stream_options is not None and asked.stream_options.include_usage
    if counted:
        head["usage"] = None
    lists = [Logprobs(names) for _ in range(completion.choices)]
    async for part in completion.parts():
        if part is None:
            yield None
            continue
        choice = {
            "index": part.choice,
            "text": part.text,
            "logprobs": _logprobs(lists[part.choice], part.tokens, asked) if part.tokens else None,
            "finish_reason": part.finish_reason,
        }
        yield {**head, "choices": [choice]}
    if counted:
        yield {**head, "choices": [], "usage": completion.usage()}


def _logprobs(lists: Logprobs, tokens: Iterable[Scored], asked: CompletionRequest) -> dict[str, Any] | None:
    return None if asked.logprobs is None else lists.part(tokens)


def _scored(steps: Sequence[Step]) -> tuple[Scored, ...]:
    return tuple(
        Scored(step.token, step.text, step.log_probability, [(a.token, a.log_probability) for a in step.alternatives])
        for step in steps
    )
