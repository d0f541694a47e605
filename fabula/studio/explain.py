"""`/studio/read` and `/studio/attention`: what surprised a model in a text, and where it looks."""

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from fabula.errors import UserError
from fabula.generation.backend import Drawn
from fabula.generation.characters import Characters
from fabula.generation.prompts import Prompts
from fabula.generation.writing.steps import alternative, token_texts
from fabula.studio.catalog import Catalog
from fabula.studio.errors import ASKING
from fabula.studio.orders import BusyError
from fabula.studio.scoring import scored
from fabula.studio.stories import LONGEST_PROMPT
from fabula.studio.teller import Teller
from fabula.study.text import sentence_spans

if TYPE_CHECKING:
    from fabula.studio.attention import Attentive

ALTERNATIVES = 5
MOST_WAITING = 8
"""Questions about attention that wait for one another."""
START = "start"
"""What stands for the end-of-text in front of a text."""


class ReadRequest(BaseModel):
    """A text to be read."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(max_length=500, description="An id of `GET /studio/models`.")
    text: str = Field(min_length=1, max_length=LONGEST_PROMPT, description="A story, or a part of one.")


class AttentionRequest(ReadRequest):
    """A token of a text whose attention is wanted."""

    token: int = Field(ge=0, le=2**31 - 1, description="Which token of the text, counted from 0.")


class AlternativeAnswer(BaseModel):
    """A token that could stand at some place."""

    token: int
    text: str = Field(description="As written alone; U+FFFD where that is no whole character.")
    log_probability: float


class TokenAnswer(BaseModel):
    """A token of the text."""

    token: int
    text: str = Field(description="What it adds to the text; joined, these are the text.")
    log_probability: float = Field(description="ln p after all tokens before it, in nats.")
    alternatives: list[AlternativeAnswer] = Field(description="The most probable tokens of its place.")


class SentenceAnswer(BaseModel):
    """A sentence of the text."""

    text: str
    first: int = Field(description="Its first token, counted from 0.")
    last: int = Field(description="Its last token.")
    nats: float = Field(description="Its surprise: -ln p of all its tokens.")
    nats_per_token: float


class ReadAnswer(BaseModel):
    """A text as a model finds it."""

    tokens: list[TokenAnswer]
    sentences: list[SentenceAnswer]


class AttentionAnswer(BaseModel):
    """Where one token looks."""

    tokens: list[str] = Field(description="What it can see: `start`, the tokens before it, and itself.")
    layers: list[list[list[float]]] = Field(description="By layer and head a weight for each of them; they add to 1.")


def router(catalog: Catalog, teller: Teller) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["explain"])
    looking = Looking()

    @routes.post("/studio/read", responses={**ASKING, 200: {"model": ReadAnswer}}, response_model=None)
    async def read(asked: ReadRequest) -> JSONResponse:
        """Return how probable a model found each token of a text, and how surprising each sentence."""
        tokens = await _encoded(catalog, asked)
        found = await scored(teller, asked.model, tokens, ALTERNATIVES)
        return JSONResponse(reading(catalog.prompts(asked.model), asked.text, tokens, found))

    @routes.post("/studio/attention", responses={**ASKING, 200: {"model": AttentionAnswer}}, response_model=None)
    async def attention(asked: AttentionRequest) -> JSONResponse:
        """Return how a token looks at those before it and at itself: by layer and head weights that add up to 1."""
        prompts = catalog.prompts(asked.model)
        tokens = await _encoded(catalog, asked)
        lead = len(prompts.lead)
        if asked.token >= len(tokens) - lead:
            raise UserError(f"token = {asked.token}: the text has {len(tokens) - lead} tokens, counted from 0")
        seen = tokens[: lead + asked.token + 1]
        layers = await looking.weights(catalog.model(asked.model).folder, seen)
        characters = Characters(prompts.tokenizer).begin([])
        texts = [START] * lead + [characters.push(token) for token in seen[lead:]]
        return JSONResponse({"tokens": texts, "layers": layers})

    return routes


async def _encoded(catalog: Catalog, asked: ReadRequest) -> list[int]:
    return await asyncio.to_thread(catalog.prompts(asked.model).encode, asked.text)


class Looking:
    """Questions about attention: answered one by one on a thread of their own, by a few at most waited for."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "fabula-looking")
        self._attentive: Attentive | None = None
        self._waiting = 0

    async def weights(self, folder: Any, tokens: Sequence[int]) -> list[list[list[float]]]:
        """Return the last token's attention weights, see `fabula.studio.attention`.

        Raises:
            BusyError: too many wait.
        """
        if self._waiting >= MOST_WAITING:
            raise BusyError(retry_after=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._compute, folder, tokens)
        finally:
            self._waiting -= 1

    def _compute(self, folder: Any, tokens: Sequence[int]) -> list[list[list[float]]]:
        from fabula.studio.attention import Attentive  # here: it brings PyTorch

        if self._attentive is None:
            self._attentive = Attentive()
        return self._attentive.weights(folder, tokens)


def reading(prompts: Prompts, text: str, tokens: Sequence[int], drawn: Sequence[Drawn]) -> dict[str, Any]:
    """Return a text's tokens and sentences with their probabilities.

    Args:
        prompts: of the model that read it.
        text: the text.
        tokens: its tokens, led by what stands before every text.
        drawn: what the model found of all of them but the first.
    """
    lead = len(prompts.lead)
    found = drawn[lead - 1 :]
    texts = token_texts(prompts, [], tokens[lead:])
    return {
        "tokens": [
            {
                "token": one.token,
                "text": added,
                "log_probability": one.log_probability,
                "alternatives": [
                    {"token": other.token, "text": other.text, "log_probability": other.log_probability}
                    for other in (alternative(prompts, *beside) for beside in one.alternatives)
                ],
            }
            for one, added in zip(found, texts, strict=True)
        ],
        "sentences": sentences(text, texts, [one.log_probability for one in found]),
    }


def sentences(text: str, texts: Sequence[str], log_probabilities: Sequence[float]) -> list[dict[str, Any]]:
    """Return each sentence with its first and last token and its surprise, -ln p, in nats.

    A token belongs to the sentence in which its first letter stands; blanks between two sentences to the first. A
    sentence that shares its only token with the one before it is left out.
    """
    spans = sentence_spans(text)
    starts = [0, *accumulate(map(len, texts))]
    marks = [start + _blanks(added) for start, added in zip(starts, texts, strict=False)]
    found = []
    for number, (start, stop) in enumerate(spans):
        low = 0 if number == 0 else start
        high = spans[number + 1][0] if number + 1 < len(spans) else math.inf
        inside = [place for place, mark in enumerate(marks) if low <= mark < high]
        if inside:
            nats = -math.fsum(log_probabilities[place] for place in inside)
            found.append(
                {
                    "text": text[start:stop],
                    "first": inside[0],
                    "last": inside[-1],
                    "nats": nats,
                    "nats_per_token": nats / len(inside),
                }
            )
    return found


def _blanks(text: str) -> int:
    """Return how many blanks stand before a text's first letter; 0 when it has none."""
    return len(text) - len(text.lstrip()) if text.strip() else 0
