"""`/studio/stories`, `/studio/models`, `/studio/export`: what the page tells, chooses from, and takes away."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from fabula.errors import UserError
from fabula.generation.own_sampling import own_sampling
from fabula.generation.sampling import Sampling
from fabula.generation.writing.steps import Step
from fabula.generation.writing.tree import Tree
from fabula.studio.catalog import Catalog, Model, Run
from fabula.studio.errors import ASKING, READING
from fabula.studio.knobs import SamplingFields, SamplingForm, knobs
from fabula.studio.leaving import EventStream
from fabula.studio.teller import End, Order, Stream, Teller, together

MOST_MODELS = 40
MOST_ALTERNATIVES = 10
LONGEST_PROMPT = 100_000
"""Characters; no model here reads as many tokens as they are."""
LARGEST_TOKEN = 2**31 - 1
MOST_BRANCHES = 500
"""Of an exported tree."""
EVENTS: dict[str, Any] = {"text/event-stream": {}}

Token = Annotated[int, Field(strict=True, ge=0, le=LARGEST_TOKEN)]


class StoriesRequest(BaseModel):
    """`POST /studio/stories`: one prompt, told by some models."""

    model_config = ConfigDict(extra="forbid")

    models: list[Annotated[str, Field(max_length=500)]] = Field(
        min_length=1, max_length=MOST_MODELS, description="Ids of `GET /studio/models`; one story each."
    )
    prompt: str = Field("", max_length=LONGEST_PROMPT, description="How the stories begin.")
    after: list[Token] = Field(
        [], max_length=LONGEST_PROMPT, description="Tokens of the story so far, where one model goes on with it."
    )
    sampling: SamplingFields = Field(default_factory=SamplingFields)  # type: ignore[valid-type]
    alternatives: int = Field(
        0, strict=True, ge=0, le=MOST_ALTERNATIVES, description="The most probable tokens wanted beside each token."
    )


class ExportRequest(BaseModel):
    """`POST /studio/export`: a tree of stories as a file."""

    model_config = ConfigDict(extra="forbid")

    tree: dict[str, Any] = Field(description="As `fabula.generation.writing.tree.Tree.to_json` describes it.")
    form: Literal["markdown", "json"] = "markdown"


class ModelEntry(BaseModel):
    """A model that can tell."""

    id: str
    label: str = Field(description="For people.")
    run: str | None = Field(description="The id of its run, where that is served too.")
    step: int | None = Field(description="Optimizer steps behind it; null where it is no checkpoint.")
    tokens: int | None = Field(description="Tokens that it has learned from, where known.")
    parameters: int
    context: int = Field(description="Tokens that it reads at most.")
    vocabulary: int
    end_of_text: list[int] = Field(description="The tokens that end a story.")


class PhaseEntry(BaseModel):
    """One of the reference card's five phases, scaled to a run."""

    name: str
    start: int
    end: int


class RunEntry(BaseModel):
    """A run with its checkpoints."""

    id: str
    label: str
    steps: int
    phases: list[PhaseEntry]
    models: list[str] = Field(description="Ids, by step.")
    live: bool = Field(description="Whether it is being trained.")
    has_study: bool


class Models(BaseModel):
    """`GET /studio/models`."""

    models: list[ModelEntry]
    runs: list[RunEntry]
    default: str = Field(description="The id of the model that tells when none is chosen; empty: there is none yet.")
    sampling: dict[str, Any] = Field(
        description="Each parameter: `default` (the default model's own), `low`, `high`, `sentence`, `choices`."
    )


def router(catalog: Catalog, teller: Teller) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["studio"])

    @routes.get("/studio/models", responses=READING)
    async def models() -> Models:
        """Return what is served, and how stories can be drawn."""
        default = catalog.default
        return Models(
            models=[_model_entry(model) for model in catalog.models()],
            runs=[_run_entry(run) for run in catalog.runs()],
            default=default,
            sampling=knobs(own_sampling(catalog.model(default).folder) if default else Sampling()),
        )

    @routes.post(
        "/studio/stories",
        response_class=StreamingResponse,
        responses={**ASKING, 200: {"content": EVENTS, "description": "Events token, end, error, and one done."}},
    )
    async def stories(asked: StoriesRequest) -> EventStream:
        """Tell a story by each model, all at once; the seed is the same for all of them.

        Events: `token` {story, steps}, `end` {story, stop_reason, tokens, seconds}, `error` {story, message}, and
        `done` {} last. `story` is a place in `models`.
        """
        form: SamplingForm = asked.sampling
        if asked.after and len(asked.models) > 1:
            raise UserError("after: the tokens of a story mean something to one model only; name one")
        sampling = form.sampling()
        orders = [
            Order(id, asked.prompt, after=tuple(asked.after), sampling=sampling, alternatives=asked.alternatives)
            for id in asked.models
        ]
        streams = await teller.tell_all(orders)

        async def close() -> None:
            for stream in streams:
                stream.cancel()

        return EventStream(_events(streams), close)

    @routes.post(
        "/studio/export",
        response_class=Response,
        responses={
            **ASKING,
            200: {
                "content": {"text/markdown": {"schema": {"type": "string"}}, "application/json": {"schema": {}}},
                "description": "The file.",
            },
        },
    )
    def export(asked: ExportRequest) -> Response:
        """Return a tree of stories as a file."""
        branches = asked.tree.get("branches")
        if isinstance(branches, list) and len(branches) > MOST_BRANCHES:
            raise UserError(f"a tree of {len(branches):,} branches: at most {MOST_BRANCHES:,}")
        tree = Tree.from_json(asked.tree)
        if asked.form == "json":
            try:
                text = json.dumps(tree.to_json(), ensure_ascii=False, allow_nan=False)
            except ValueError:
                raise UserError("this is not a tree of stories: a probability in it is no finite number") from None
            return _attachment(text, "application/json", "story.json")
        return _attachment(tree.to_markdown(), "text/markdown; charset=utf-8", "story.md")

    return routes


async def _events(streams: Sequence[Stream]) -> AsyncIterator[str]:
    """Write what comes of some stories as server-sent events."""
    async for news in together(streams):
        parts = [part for place, steps, end in news for part in _of_one(place, steps, end)]
        yield "".join(parts) or ": waiting\n\n"
    yield event("done", {})


def _of_one(place: int, steps: Sequence[Step], end: End | None) -> list[str]:
    parts = []
    if steps:
        parts.append(event("token", {"story": place, "steps": [asdict(step) for step in steps]}))
    if end and end.error:
        parts.append(event("error", {"story": place, "message": end.error}))
    elif end:
        values = {"stop_reason": end.stop_reason, "tokens": end.tokens, "seconds": end.seconds}
        parts.append(event("end", {"story": place, **values}))
    return parts


def event(name: str, data: Mapping[str, Any]) -> str:
    """Return one server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"


def _attachment(text: str, kind: str, name: str) -> Response:
    return Response(
        text.encode("utf-8", "replace"),
        media_type=kind,
        headers={"Content-Disposition": f"attachment; filename={name}"},
    )


def _model_entry(model: Model) -> ModelEntry:
    values = {name: getattr(model, name) for name in ModelEntry.model_fields}
    return ModelEntry(**{**values, "end_of_text": list(model.end_of_text)})


def _run_entry(run: Run) -> RunEntry:
    values = {name: getattr(run, name) for name in RunEntry.model_fields}
    phases = [PhaseEntry(name=phase.name, start=phase.start, end=phase.end) for phase in run.phases]
    return RunEntry(**{**values, "phases": phases, "models": list(run.models)})
