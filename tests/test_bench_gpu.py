"""The GPU's measurements: what can be shown without one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.gpu import __main__ as command
from bench.gpu import data, ladder, race, trace
from bench.gpu.flops import executed_flops, scores
from bench.gpu.plan import WORK, Job, plan
from bench.gpu.process import ROOT, Worker
from bench.gpu.settings import Settings
from bench.gpu.tables import markdown
from bench.gpu.trace import Span
from fabula import recipe as recipes
from fabula.corpus.packing import Batch, StoryPacking
from fabula.model.config import LlamaConfig
from fabula.model.llama import Llama

SHAPE = LlamaConfig(100, 32, 2, 2, 2, 48, 16, tied=False)
PARTS = [part for part in WORK if part != "machine"]
SETTINGS = Settings("", 100, "cpu", smoke=True, steps=2, seconds=1, race_minutes=0.1)


def batch(boundaries: list[int] | None) -> Batch:
    tokens = np.zeros((2, 16), np.int64)
    return Batch(tokens, tokens, None, None if boundaries is None else np.array(boundaries, np.int32))


@pytest.mark.parametrize(
    ("boundaries", "expected"),
    [(None, 2 * 16 * 17 / 2), ([0, 16, 32, 32], 2 * 16 * 17 / 2), ([0, 5, 16, 32], 5 * 6 / 2 + 11 * 12 / 2 + 136)],
)
def test_scores_are_those_of_causal_attention_in_documents(boundaries: list[int] | None, expected: float) -> None:
    assert scores(batch(boundaries)) == expected


def test_what_is_executed_is_what_the_model_needs_and_the_scores_once_more() -> None:
    plain = batch(None)
    needed = Llama(SHAPE).flops_per_token(8.5) * plain.tokens.size
    again = 2 * SHAPE.layers * SHAPE.hidden * scores(plain)
    assert executed_flops(SHAPE, 100, [plain]) == pytest.approx(needed + again)
    filled_up = 6 * 28 * SHAPE.hidden * plain.tokens.size
    assert executed_flops(SHAPE, 128, [plain]) == pytest.approx(needed + again + filled_up)
    assert executed_flops(SHAPE, 100, [plain], whole_squares=True) > executed_flops(SHAPE, 100, [plain])


def test_a_profile_counts_idle_time_and_waits() -> None:
    spans = [
        Span("cudaStreamSynchronize", 0, 9, on_device=False),
        Span("cudaMemcpyAsync", 0, 1, on_device=False),
        Span("Memcpy DtoH (Device -> Pinned)", 30, 40, on_device=True),
        Span("triton_red_fused", 0, 10, on_device=True),
        Span("sm90_xmma_gemm_bf16", 5, 20, on_device=True),
        Span("flash_bwd_kernel", 12, 15, on_device=True),
    ]
    found = trace.summary(spans)
    assert found["waits"] == {"cudaStreamSynchronize": 1, "Memcpy DtoH": 1}
    assert found["idle_share"] == pytest.approx(10 / 40)  # 20 to 30
    assert found["device_share"] == pytest.approx(
        {"matrix products": 15 / 38, "compiled": 10 / 38, "copies": 10 / 38, "attention": 3 / 38}
    )
    assert trace.summary([])["idle_share"] is None


def test_every_part_is_planned_and_what_matters_comes_first() -> None:
    jobs = plan(PARTS, 16, [24.0, 12.0])
    assert {job.part for job in jobs} == set(WORK)
    assert len({(job.part, job.name) for job in jobs}) == len(jobs)
    assert [job.part for job in jobs[:4]] == ["machine", "checks", "ceiling", "product"]
    assert [job.name for job in jobs if job.part == "ladder"] == [rung.name for rung in ladder.RUNGS]
    assert {job.part for job in plan(["ladder"], 16, [])} == {"machine", "ladder"}


def test_each_rung_changes_something() -> None:
    ways = [{**vars(rung), "name": ""} for rung in ladder.RUNGS]
    assert all(way not in ways[:number] for number, way in enumerate(ways))


def test_random_stories_are_a_corpus_to_train_on(tmp_path: Path) -> None:
    store = data.random_store(tmp_path / "store", 512, 20)
    assert store.vocab_size == 512
    tokens = store.train.read(0, store.train.tokens)
    assert tokens.max() == 511 == store.end_of_text_id
    assert (tokens[store.train.offsets[1:] - 1] == 511).all()
    assert StoryPacking(store.train, 64, "key", 511).windows > 8


@pytest.mark.slow
def test_a_worker_that_fails_dies_or_hangs_is_answered_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(tmp_path / "log")
    try:
        assert worker.do(Job("peer", "x", 60, {"name": "nobody", "micro_batch": 1}), SETTINGS, 60).keys() == {"failed"}
        process = worker.process
        assert process is not None
        process.kill()
        assert "ended with status" in worker.do(Job("machine", "m", 60), SETTINGS, 60)["failed"]
        assert "took longer" in worker.do(Job("machine", "m", 60), SETTINGS, 0.01)["failed"]
        assert worker.do(Job("machine", "m", 60), SETTINGS, 60)["result"]["versions"]["torch"]
    finally:
        worker.close()


def test_what_is_measured_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Pretender(Worker):
        def do(self, job: Job, settings: Settings, seconds: float) -> dict[str, Any]:
            asked.append(job.name)
            return {"failed": "today"} if job.name == "second" else {"result": {}}

    monkeypatch.setattr(command, "Worker", Pretender)
    found: dict[str, Any] = {"parts": {}, "not_reached": [], "smoke": True}
    jobs = [Job("ladder", "first", 1), Job("ladder", "second", 1)]
    monkeypatch.setattr(command, "write", lambda found, out: None)
    for _ in range(2):
        command.measure(jobs, SETTINGS, found, tmp_path, deadline=float("inf"))
    assert asked == ["first", "second", "second"]
    command.measure([*jobs, Job("ladder", "third", 1)], SETTINGS, found, tmp_path, deadline=0.0)
    assert found["not_reached"] == ["ladder, second", "ladder, third"]
    assert "third" not in asked


@pytest.mark.parametrize("name", ["test-1", "test-1-fast"])
def test_the_race_gives_every_recipe_as_many_tokens(name: str) -> None:
    positions = 50_000_000
    recipe = race.shortened(recipes.load(name), positions)
    given = recipe.windows_before(recipe.train.steps) * recipe.model.context
    assert positions <= given < positions + 2 * recipe.train.tokens_per_step


def test_the_memory_of_a_rung_decides_where_the_search_begins() -> None:
    rungs = {
        f"micro-batch {size}": {"result": {"micro_batch": size, "peak_bytes": size * 2**30}} for size in (2, 8, 32)
    }
    found = {"parts": {"ladder": rungs}}
    assert [command.expected_micro_batch(found, size) for size in (24, 12, 4)] == [8, 8, 2]
    assert command.expected_micro_batch({"parts": {}}, 12) == 16


@pytest.mark.slow
def test_everything_runs_on_a_cpu_with_a_tiny_model(tmp_path: Path) -> None:
    arguments = ["--dry-run", "--out", str(tmp_path), "--steps", "2", "--seconds", "0.1", "--race-minutes", "1e-4"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.gpu", *arguments, "--parts", *PARTS, "--minutes", "30"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    failed = {
        f"{part}, {name}": answer["failed"]
        for part, answers in found["parts"].items()
        for name, answer in answers.items()
        if "failed" in answer
    }
    assert all("linear_cross_entropy" in name for name in failed), failed  # PyTorch has it from 2.13 on
    assert found["parts"].keys() == set(WORK)
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == markdown(found)
    assert "mean nothing" in done.stdout
