"""A run's curves: read while they are written, thinned without losing what matters, and what a study added."""

import json
import math

import httpx2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.files import to_json, write_text
from fabula.studio.curves import COLUMNS, EXTREMES, Curves, MetricsFile
from fabula.studio.evidence import Evidence, _window
from fabula.study.analysis.rules import Rules
from fabula.study.probes import CLAIMS, probe
from fabula.study.results import Result, write_results
from fabula.training.series import REFERENCE_STEPS
from tests.studio.folders import tiny_run
from tests.studio.live import live
from tests.tiny import STORIES, tiny_store, tiny_tokenizer

LENGTH = 40


def line(step, **changes):
    values = {"loss": 3.0 - step / 100, "learning_rate": 1e-3, "tokens_per_second": 1e4, "seconds": step / 10}
    return json.dumps({"step": step, "tokens": 100 * step, **values, **changes}) + "\n"


def lines(*steps, **changes):
    return "".join(line(step, **changes) for step in steps)


def steps(file):
    return file.curves().columns["step"].tolist()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_only_whole_lines_are_read_and_each_once(path, monkeypatch):
    file = MetricsFile(path)
    assert steps(file) == []
    path.write_text(lines(1, 2) + line(3)[:20])
    assert steps(file) == [1, 2]
    with path.open("a") as growing:
        growing.write(line(3)[20:])
        growing.flush()
        assert steps(file) == [1, 2, 3]
        read = []
        monkeypatch.setattr(json, "loads", lambda text, loads=json.loads: read.append(text) or loads(text))
        growing.write(line(4))
        growing.flush()
        assert steps(file) == [1, 2, 3, 4]
        assert steps(file) == [1, 2, 3, 4]
    assert len(read) == 1


def test_a_resumed_run_is_read_anew(path):
    file = MetricsFile(path)
    path.write_text(lines(1, 2, 3, 4))
    assert steps(file) == [1, 2, 3, 4]
    write_text(path, lines(1, 2))  # as RunFolder.open_metrics does
    assert steps(file) == [1, 2]
    with path.open("a") as growing:
        growing.write(line(3, loss=9.0))
    assert steps(file) == [1, 2, 3]
    assert file.curves().columns["loss"][-1] == 9.0


def test_another_text_in_the_same_file_is_noticed(path):
    file = MetricsFile(path)
    path.write_text(lines(1, 2, 3))
    assert steps(file) == [1, 2, 3]
    with path.open("r+") as same:
        same.write(lines(5, 6, 7, 8))
    assert steps(file) == [5, 6, 7, 8]
    path.unlink()
    assert steps(file) == []


def test_what_is_no_line_of_metrics_is_passed_over(path):
    path.write_text('[]\n{"step": "x"}\n\n{"loss": 1}\nnothing\n{"step": 1e400}\n' + line(4, loss=None) + line(5))
    curves = MetricsFile(path).curves()
    assert curves.columns["step"].tolist() == [4, 5]
    assert math.isnan(curves.columns["loss"][0])


def test_steps_that_are_done_again_replace_the_first_ones(path):
    path.write_text(lines(1, 2, 3, 4) + lines(3, 4, 5, loss=1.0))
    assert MetricsFile(path).curves().columns["loss"].tolist() == [2.99, 2.98, 1.0, 1.0, 1.0]


@settings(deadline=None)
@given(st.integers(1, 3_000), st.integers(20, 400), st.integers(0, 2**32 - 1), st.floats(0, 0.5))
def test_thinning_keeps_the_first_the_last_and_the_extremes(count, most, seed, holes):
    chance = np.random.default_rng(seed)
    columns = {name: chance.standard_normal(count) for name in COLUMNS} | {"step": np.arange(count) + 1.0}
    columns["loss"][chance.random(count) < holes] = math.nan
    thinned = Curves(columns).thinned(most)
    kept = thinned.columns["step"].astype(int) - 1
    assert len(kept) <= most
    assert len(kept) == count or count > most
    assert kept[0] == 0
    assert kept[-1] == count - 1
    assert (np.diff(kept) > 0).all()
    for name in EXTREMES:
        found, whole = thinned.columns[name], columns[name]
        assert np.array_equal(found, whole[kept], equal_nan=True)
        if not np.isnan(whole).all():
            assert (np.nanmin(found), np.nanmax(found)) == (np.nanmin(whole), np.nanmax(whole))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with metrics, checkpoints and a corpus, not studied yet."""
    folder = tmp_path_factory.mktemp("runs") / "pond"
    tiny_run(folder, 0, 20, length=LENGTH)
    store = tiny_store(folder.parent / "store", STORIES, STORIES[:1])
    (folder / "run.json").write_text(to_json({"corpus": {"path": str(store), "hash": "abc"}}))
    (folder / "metrics.jsonl").write_text(lines(*range(1, 20)) + line(20, loss=None))
    return folder


@pytest.fixture(scope="module")
def client(run):
    with live(run) as studio, httpx2.Client(base_url=studio.url) as client:
        yield client


def row(step, value, low=None, high=None, probe="grammar", measure="value", condition="", **changes):
    values = {
        "series": "pond", "group": "pond", "seed": 0, "step": step, "tokens": 1, "probe": probe, "condition": condition,
        "measure": measure, "value": value, "low": low, "high": high, "n": 9, "clusters": 9, "chance": 0.5,
        "baseline": None, "baseline_name": None, "ceiling": None, "above": None, "above_low": None, "above_high": None,
    }  # fmt: skip
    return Result(**{**values, **changes})


def test_the_curves_of_a_run(client):
    found = client.get("/studio/runs/pond/metrics").json()
    assert (found["last_step"], found["steps"], found["live"]) == (20, LENGTH, True)
    assert found["checkpoints"] == [{"model": f"pond/step-{step:05d}", "step": step} for step in (0, 20)]
    rows = found["rows"]
    assert set(rows) == {"step", "loss", "bits_per_byte", "learning_rate", "tokens_per_second", "seconds"}
    assert rows["step"] == [*range(1, 21)]
    assert rows["loss"] == [*(3.0 - step / 100 for step in range(1, 20)), None]
    text = sum(len(story.encode()) for story in STORIES)
    tokens = sum(len(tiny_tokenizer().encode(story).ids) + 1 for story in STORIES)
    nats = [loss for loss in rows["loss"] if loss is not None]
    assert rows["bits_per_byte"] == pytest.approx([*(n * tokens / text / math.log(2) for n in nats), None])


def test_only_later_steps_are_sent_again(client):
    assert client.get("/studio/runs/pond/metrics?after=18").json()["rows"]["step"] == [19, 20]
    gone_back = client.get("/studio/runs/pond/metrics?after=25").json()
    assert (gone_back["rows"]["step"], gone_back["last_step"]) == ([], 20)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/studio/runs/lake/metrics", 404),
        ("/studio/runs/..%2Fpond/metrics", 404),
        ("/studio/runs/pond/metrics?after=-1", 422),
        ("/studio/runs/pond/metrics?after=x", 422),
        ("/studio/runs/lake/study", 404),
    ],
)
def test_what_is_not_there(client, path, status):
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_study_appears_when_it_is_there(client, run):
    missing = client.get("/studio/runs/pond/study")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "no_study")
    assert client.get("/studio/runs/pond/metrics").json()["held_out"] == []
    (run / "study").mkdir()
    rows = [
        row(20, 0.8, 0.7, 0.9, baseline=0.6),
        row(0, 0.5, 0.4, 0.6),
        row(0, 0.1, measure="margin"),
        row(0, 0.1, condition="far"),
        row(0, math.nan, probe="cause"),
        row(20, 2.0, 1.9, 2.1, probe="ladder", measure="nats_per_byte"),
    ]
    write_results(run / "study" / "results.parquet", rows)
    grammar, cause = client.get("/studio/runs/pond/study").json()["probes"]
    assert grammar["points"] == [[0, 0.5, 0.4, 0.6], [20, 0.8, 0.7, 0.9]]
    assert grammar["sentence"] == probe("grammar").question
    assert (grammar["chance"], grammar["baseline"]) == (0.5, 0.6)
    assert grammar["window"] == [0, round(LENGTH * 250 / REFERENCE_STEPS)]
    assert cause["points"] == [[0, None, None, None]]
    assert cause["window"] is None
    ((step, *bits),) = client.get("/studio/runs/pond/metrics").json()["held_out"]
    assert step == 20
    assert bits == pytest.approx([value / math.log(2) for value in (2.0, 1.9, 2.1)])


def test_of_a_study_of_several_runs_only_ones_own_rows_count(tmp_path):
    (tmp_path / "pond" / "study").mkdir(parents=True)
    rows = [row(0, 0.5), row(0, 0.9, series="lake")]
    write_results(tmp_path / "pond" / "study" / "results.parquet", rows)
    assert [found.value for found in Evidence(tmp_path / "pond").rows()] == [0.5]


def test_windows_are_those_of_the_rules():
    rules = Rules.load()
    for claim in CLAIMS:
        expected = rules.window(claim.name, REFERENCE_STEPS)
        assert _window(claim, REFERENCE_STEPS) == (None if expected is None else list(expected))
