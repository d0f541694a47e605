"""`/studio/runs`: a run's curves while it trains and afterwards, from the run's own files."""

import asyncio
import math
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.model.resolve import training_store
from fabula.studio.catalog import Catalog, Run
from fabula.studio.curves import MetricsFile
from fabula.studio.errors import READING, StudioError
from fabula.studio.evidence import Evidence, finite
from fabula.studio.teller import Teller

NO_STUDY = "this run has not been studied yet: fabula study RUN"


class Watched:
    """One run, and what is known of its files so far."""

    def __init__(self, run: Run) -> None:
        self.metrics = MetricsFile(run.folder / "metrics.jsonl")
        self.evidence = Evidence(run.folder)
        self.bits_of_nat = _bits_of_nat(run.folder)

    def rows(self, after: int | None) -> tuple[dict[str, list[float | None]], int]:
        """Return the columns of the steps after `after` (None: of all, thinned), and the newest step."""
        curves = self.metrics.curves()
        shown = curves.thinned() if after is None else curves.after(after).thinned()
        columns = {name: [finite(value) for value in column.tolist()] for name, column in shown.columns.items()}
        columns["step"] = [int(step) for step in shown.columns["step"]]
        bits = self.bits_of_nat
        columns["bits_per_byte"] = [None if loss is None or bits is None else loss * bits for loss in columns["loss"]]
        return columns, curves.last_step


class Columns(BaseModel):
    """Columns of one length; null where a step has no value."""

    step: list[int]
    loss: list[float | None] = Field(description="Of training, nats per token.")
    bits_per_byte: list[float | None] = Field(description="The same, where the run's corpus is still here.")
    learning_rate: list[float | None]
    tokens_per_second: list[float | None]
    seconds: list[float | None] = Field(description="Since the training began.")


class CheckpointEntry(BaseModel):
    """A checkpoint of the run."""

    model: str = Field(description="Its id.")
    step: int


Point = list[float | None]
"""Step, value, low and high of its 95 % interval."""


class MetricsAnswer(BaseModel):
    """A run's curves."""

    rows: Columns
    last_step: int = Field(description="The newest step; smaller than `after` when the run was taken up earlier.")
    held_out: list[Point] = Field(description="Held-out bits per byte of studied checkpoints: step, value, low, high.")
    steps: int = Field(description="The run's whole length.")
    live: bool = Field(description="Whether it is being trained.")
    checkpoints: list[CheckpointEntry]


class ProbeEntry(BaseModel):
    """A probe through training."""

    probe: str
    title: str
    claim: str = Field(description="What the reference card says emerges.")
    sentence: str = Field(description="What is asked of the model.")
    unit: str
    chance: float
    baseline: float | None = Field(description="The best simple rule on the same questions.")
    window: tuple[int, int] | None = Field(description="Steps in which the card places the claim.")
    points: list[Point] = Field(description="Step, value, low, high.")


class StudyAnswer(BaseModel):
    """What a study found."""

    probes: list[ProbeEntry]


def router(catalog: Catalog, teller: Teller) -> APIRouter:
    """Return the routes; the teller has no part in them."""
    routes = APIRouter(tags=["watch"])
    known: dict[str, Watched] = {}

    def watched(run: Run) -> Watched:
        if run.id not in known:
            known[run.id] = Watched(run)
        return known[run.id]

    @routes.get("/studio/runs/{run_id}/metrics", responses=READING, response_model=MetricsAnswer)
    async def metrics(run_id: str, after: Annotated[int | None, Query(ge=0, le=2**53)] = None) -> dict[str, Any]:
        """Return a run's curves: at most 2,000 points at first, then what has come after a step."""
        run = catalog.run(run_id)

        def read() -> dict[str, Any]:
            files = watched(run)
            rows, last_step = files.rows(after)
            held_out = [point.to_json() for point in files.evidence.held_out()]
            return {"rows": rows, "last_step": last_step, "held_out": held_out}

        checkpoints = [{"model": id, "step": catalog.model(id).step} for id in run.models]
        return {**await asyncio.to_thread(read), "steps": run.steps, "live": run.live, "checkpoints": checkpoints}

    @routes.get("/studio/runs/{run_id}/study", responses=READING, response_model=StudyAnswer)
    async def study(run_id: str) -> dict[str, Any]:
        """Return what a study measured on the run's checkpoints; 404 before there is one."""
        run = catalog.run(run_id)
        probes = await asyncio.to_thread(lambda: watched(run).evidence.probes(run.steps))
        if not probes:
            raise StudioError(404, NO_STUDY, code="no_study")
        return {"probes": probes}

    return routes


def _bits_of_nat(run: Path) -> float | None:
    """Return how many bits per byte a nat per token is on the run's own corpus; None when that isn't here any more."""
    try:
        store = training_store(run)
        if store is None:
            return None
        split = TokenStore.open(store).train
        return float(split.tokens / (split.story_bytes.sum() * math.log(2)))
    except (UserError, OSError, KeyError, TypeError):
        return None
