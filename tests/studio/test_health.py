"""What a monitor reads of a running studio, in the format that Prometheus's own parser takes."""

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import fabula
from fabula.studio import health
from fabula.studio.counting import OTHER
from fabula.studio.figures import CONTENT_TYPE, Histogram, Requests, TellerFigures, exposition
from tests.studio.live import live
from tests.tiny import tiny_checkpoint

MODEL = "brook"


def samples(text):
    """Return each sample by its name and labels, and each family's kind."""
    families = list(text_string_to_metric_families(text))
    found = {(one.name, *sorted(one.labels.items())): one.value for family in families for one in family.samples}
    return found, {family.name: family.type for family in families}


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with live(tiny_checkpoint(tmp_path_factory.mktemp("models") / MODEL)) as studio:
        yield studio


@pytest.fixture
def client(studio):
    with httpx2.Client(base_url=studio.url) as client:
        yield client


@given(st.dictionaries(st.tuples(st.text(), st.text(), st.integers(100, 599)), st.integers(1, 10**9), max_size=5))
def test_any_label_survives_the_format(answered):
    requests = Requests()
    requests.answered.update(answered)
    found, _ = samples(exposition(TellerFigures(), requests, {}))
    for (method, route, status), count in answered.items():
        labels = {"method": method, "route": route, "status": str(status)}
        assert found[("fabula_http_requests_total", *sorted(labels.items()))] == count


@given(st.lists(st.floats(0, 100)))
def test_buckets_add_up(values):
    figures = TellerFigures(step=Histogram((0.1, 1, 10)))
    for value in values:
        figures.step.add(value)
    found, kinds = samples(exposition(figures, Requests(), {}))
    for bound in (0.1, 1, 10):
        key = ("fabula_step_seconds_bucket", ("le", str(bound)))
        assert found[key] == sum(value <= bound for value in values)
    infinite = found[("fabula_step_seconds_bucket", ("le", "+Inf"))]
    assert infinite == found[("fabula_step_seconds_count",)] == len(values)
    assert found[("fabula_step_seconds_sum",)] == pytest.approx(sum(values))
    assert kinds["fabula_step_seconds"] == "histogram"


def test_what_was_told_is_counted(studio, client):
    before, _ = samples(client.get("/metrics").text)
    asked = {"model": MODEL, "prompt": "Tom", "max_tokens": 7, "n": 2, "logit_bias": {}}
    told = client.post("/v1/completions", json=asked).json()["usage"]["completion_tokens"]
    client.get("/v1/models/no/such/model")
    client.get("/never/heard/of")
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == CONTENT_TYPE
    after, kinds = samples(answer.text)

    def more(name, **labels):
        key = (name, *sorted(labels.items()))
        return after[key] - before.get(key, 0)

    assert more("fabula_tokens_total") == told
    assert more("fabula_orders_accepted_total") == more("fabula_stories_finished_total") == 2
    assert more("fabula_first_token_seconds_count") == 2
    assert more("fabula_between_tokens_seconds_count") == told - 2
    assert after[("fabula_stories_open",)] == after[("fabula_orders_waiting",)] == 0
    assert after[("fabula_models_loaded",)] == 1
    assert after[("process_resident_memory_bytes",)] > 1 << 20
    route = {"method": "GET", "status": "404"}
    assert more("fabula_http_requests_total", route="/v1/models/{model:path}", **route) == 1
    assert more("fabula_http_requests_total", route=OTHER, **route) == 1
    assert (kinds["fabula_tokens"], kinds["fabula_stories_open"]) == ("counter", "gauge")


def test_health_follows_the_computing_thread(client, monkeypatch):
    found = client.get("/health")
    assert (found.status_code, found.json()["status"]) == (200, "ok")
    assert (found.json()["version"], found.json()["models"]) == (fabula.__version__, 1)
    assert found.json()["uptime_seconds"] > 0
    monkeypatch.setattr("fabula.studio.teller.Teller.alive", False)
    found = client.get("/health")
    assert (found.status_code, found.json()["status"]) == (503, "stopped")


def test_memory_is_known_without_proc_too(monkeypatch, tmp_path):
    resident = health.resident_bytes()
    monkeypatch.setattr(health, "STATM", tmp_path / "none")
    assert health.resident_bytes() >= resident / 2
