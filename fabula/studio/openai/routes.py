"""The routes of `/v1`."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from fabula.studio.catalog import Catalog, Model
from fabula.studio.errors import ASKING, READING, error_content
from fabula.studio.leaving import EventStream, unless_left
from fabula.studio.openai.answered import ModelAnswer, ModelsAnswer, TokenizeAnswer, told
from fabula.studio.openai.asked import CompletionRequest, TokenizeRequest
from fabula.studio.openai.completions import Completion, chunks, whole
from fabula.studio.openai.logprobs import TokenNames
from fabula.studio.orders import FailedError
from fabula.studio.teller import Teller

log = logging.getLogger(__name__)


def router(catalog: Catalog, teller: Teller) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI's API"])

    @routes.get("/models", responses=READING, response_model=ModelsAnswer)
    async def models() -> dict[str, Any]:
        """List the models, those of a run by step."""
        return {"object": "list", "data": [_model(model) for model in catalog.models()]}

    @routes.get("/models/{model:path}", responses=READING, response_model=ModelAnswer)
    async def model(model: str) -> dict[str, Any]:
        """Return one model; ids may contain slashes."""
        return _model(catalog.model(model))

    @routes.post("/completions", response_model=None, responses={**ASKING, **told()})
    async def completions(asked: CompletionRequest, request: Request) -> Response:
        """Tell stories, or score a text (`echo`, `logprobs`, `max_tokens` = 0)."""
        prompts = catalog.prompts(asked.model)
        names = TokenNames(prompts.tokenizer)
        completion = await asyncio.to_thread(Completion, asked, prompts, teller)
        if asked.stream:
            await _begun(completion, request)
            return EventStream(_events(completion, names), completion.close)

        async def answer() -> dict[str, Any]:
            try:
                await completion.begin()
                return await whole(completion, names)
            finally:
                await completion.close()

        return JSONResponse(await unless_left(request, answer()))

    @routes.post("/tokenize", responses={**ASKING, 200: {"model": TokenizeAnswer}}, response_model=None)
    async def tokenize(asked: TokenizeRequest) -> Response:
        """Return a text's tokens and what each is written as, without the end-of-text that is read before a prompt."""
        prompts = catalog.prompts(asked.model)
        names = TokenNames(prompts.tokenizer)

        def tokens() -> list[int]:
            return list(prompts.tokenizer.encode(asked.text, add_special_tokens=False).ids)

        found = await asyncio.to_thread(tokens)
        values = {
            "model": asked.model,
            "count": len(found),
            "context": prompts.context,
            "tokens": [{"token": token, "text": names(token)} for token in found],
        }
        return JSONResponse(values)

    return routes


async def _begun(completion: Completion, request: Request) -> None:
    """Begin a stream while its status can still be an error."""
    try:
        await unless_left(request, completion.begin())
    except BaseException:
        await completion.close()
        raise


async def _events(completion: Completion, names: TokenNames) -> AsyncIterator[str]:
    """Yield a stream's server-sent events."""
    try:
        async for chunk in chunks(completion, names):
            yield ": waiting\n\n" if chunk is None else _event(chunk)
    except FailedError as error:
        yield _event(error_content(503, str(error), "failed"))
        return
    except Exception:
        log.exception("a stream failed")
        yield _event(error_content(500, "something went wrong here; the studio's log says what", "bug"))
        return
    yield "data: [DONE]\n\n"


def _event(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content, ensure_ascii=False, separators=(',', ':'))}\n\n"


def _model(model: Model) -> dict[str, Any]:
    try:
        created = int(model.folder.stat().st_mtime)
    except OSError:  # it has just gone away
        created = 0
    return {
        "id": model.id,
        "object": "model",
        "created": created,
        "owned_by": "fabula",
        "label": model.label,
        "context": model.context,
        "parameters": model.parameters,
    }
