"""Whatever is sent, in the documented form or nearly so: no crash, and no answer that the document doesn't name.

schemathesis makes the requests from the OpenAPI document; so that they don't all end at an unknown name, most of them
get a name that is served. They go through real sockets to a whole studio.
"""

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.studio.folders import tiny_run
from tests.studio.live import live

RUN, MODEL = "river", "river/step-00007"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [
    "GET /health", "GET /metrics", "GET /studio/models", "GET /studio/runs/{run_id}/metrics",
    "GET /studio/runs/{run_id}/study", "GET /v1/models", "GET /v1/models/{model}", "POST /studio/attention",
    "POST /studio/export", "POST /studio/read", "POST /studio/stories", "POST /v1/completions", "POST /v1/tokenize",
]  # fmt: skip


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with live(tiny_run(tmp_path_factory.mktemp("runs") / RUN, 7, 9)) as studio:
        yield studio


@pytest.fixture(scope="module")
def client(studio):
    with httpx2.Client(base_url=studio.url) as client:
        yield client


@pytest.fixture(scope="module")
def schema(studio):
    return schemathesis.openapi.from_url(f"{studio.url}/openapi.json")


def name_what_is_served(case, draw):
    """Put real names in most places that have one."""
    body, path = case.body, case.path_parameters
    if isinstance(body, dict) and draw(st.integers(0, 3)):
        if "model" in body:
            body["model"] = MODEL
        if isinstance(body.get("models"), list):
            body["models"] = [MODEL for _ in body["models"]][:3]
    for name, real in (("run_id", RUN), ("model", MODEL)):
        if path and name in path and draw(st.booleans()):
            path[name] = real


def fuzz(schema, operation, examples):
    method, path = operation.split()
    template = next(known for known in schema if known.replace(":path", "") == path)
    found = schema[template][method]

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def tried(data):
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        case = data.draw(found.as_strategy(generation_mode=mode))
        name_what_is_served(case, data.draw)
        case.call_and_validate(checks=CHECKS, timeout=120)

    tried()


def test_every_operation_of_the_document_is_fuzzed(schema):
    listed = {
        f"{method.upper()} {path.replace(':path', '')}"
        for path, methods in schema.raw_schema["paths"].items()
        for method in methods
    }
    assert listed == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_few_requests_of_any_form(schema, operation):
    fuzz(schema, operation, 8)


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
def test_many_requests_of_any_form(schema, client, studio, operation):
    fuzz(schema, operation, 250)
    assert client.get("/health").status_code == 200
    assert studio.teller.idle


RAW = st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode), st.just(b'{"model":"\\ud800"}'))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from([one.split()[1] for one in OPERATIONS if one.startswith("POST")]), body=RAW)
def test_bodies_of_any_bytes_are_refused(client, path, body):
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert set(answer.json()["error"]) == {"message", "type", "code", "param"}
