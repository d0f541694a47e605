"""What the page asks: stories as events, what there is to choose from, a tree to take away, and the page itself."""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator

import pytest

from fabula.generation.sampling import Sampling
from fabula.generation.storyteller import Storyteller
from fabula.generation.writing import branches
from fabula.generation.writing.tree import Tree
from fabula.studio.app import create_app
from fabula.studio.catalog import Catalog
from fabula.studio.files import TYPES, page_files
from fabula.studio.teller import Teller
from tests.studio.asking import Answer, asked
from tests.studio.folders import STEPS, tiny_run
from tests.tiny import one_thread as one_thread

FIRST, SECOND = "brook/step-00001", "brook/step-00002"
JSON = {"content-type": "application/json"}


class Asked:
    """An application that is running, in an event loop of the test's own."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.teller = Teller(catalog, threads=1)
        self.app = create_app(catalog, self.teller)
        self.loop = asyncio.new_event_loop()

    def get(self, path: str, **headers: str) -> Answer:
        return self.loop.run_until_complete(asked(self.app, path, headers=headers))

    def post(self, path: str, body: object) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.loop.run_until_complete(asked(self.app, path, "POST", JSON, content))


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> Iterator[Asked]:
    run = tiny_run(tmp_path_factory.mktemp("runs") / "brook", 1, 2)
    studio = Asked(Catalog([str(run)]))
    studio.loop.run_until_complete(_started(studio.teller))
    yield studio
    studio.loop.run_until_complete(studio.teller.close())
    studio.loop.run_until_complete(studio.loop.shutdown_default_executor())
    studio.loop.close()


async def _started(teller: Teller) -> None:
    teller.start()


def events(answer: Answer) -> list[tuple[str, dict]]:
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.body.decode().split("\n\n")[:-1]:
        if not block.startswith(":"):
            name, data = re.fullmatch(r"event: (\w+)\ndata: (.*)", block).groups()
            found.append((name, json.loads(data)))
    return found


def test_one_prompt_is_told_by_several_models_with_one_seed(studio):
    sampling = {"temperature": 1, "max_new_tokens": 15, "seed": 3, "stop": ["zz"]}
    asked = {"models": [FIRST, SECOND, FIRST], "prompt": "A café", "sampling": sampling, "alternatives": 2}
    found = events(studio.post("/studio/stories", asked))
    assert found[-1] == ("done", {})
    for place, id in enumerate(asked["models"]):
        storyteller = Storyteller.load(studio.catalog.model(id).folder, threads=1)
        settings = Sampling(**{**sampling, "stop": tuple(sampling["stop"])})
        (story,) = storyteller.generate("A café", settings, probabilities=True, alternatives=2)
        steps = [step for name, data in found if name == "token" and data["story"] == place for step in data["steps"]]
        assert [step["token"] for step in steps] == [one.token for one in story.drawn]
        assert "".join(step["text"] for step in steps) == story.text
        assert [len(step["alternatives"]) for step in steps] == [2] * len(steps)
        assert set(steps[0]["alternatives"][0]) == {"token", "text", "log_probability"}
        ends = [data for name, data in found if name == "end" and data["story"] == place]
        assert [(end["stop_reason"], end["tokens"]) for end in ends] == [(story.stop_reason, story.tokens)]


def test_a_branch_goes_on_with_the_tokens_it_was_given(studio):
    sampling = {"temperature": 0, "max_new_tokens": 6}
    whole = events(studio.post("/studio/stories", {"models": [FIRST], "prompt": "One", "sampling": sampling}))
    tokens = [step["token"] for name, data in whole if name == "token" for step in data["steps"]]
    asked = {"models": [FIRST], "prompt": "One", "after": tokens[:3], "sampling": sampling}
    rest = events(studio.post("/studio/stories", asked))
    assert [step["token"] for name, data in rest if name == "token" for step in data["steps"]][:3] == tokens[3:]


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 422, "required"),
        (b"{", 400, "JSON"),
        (b"\xff\xfe{}", 400, ""),
        (b"[1]", 422, "dictionary"),
        (b'{"models": ["brook/step-00001"], "prompt": "' + b"\xc3" + b'"}', 400, "body"),
        (b'{"models": ["brook/step-00001"], "sampling": {"temperature": NaN}}', 422, "temperature"),
        (b'{"models": ["brook/step-00001"], "sampling": {"temperature": 1e400}}', 422, "temperature"),
        (b'{"models": ["brook/step-00001"], "sampling": {"temperature": -1}}', 422, "greater than or equal to 0"),
        (b'{"models": ["brook/step-00001"], "sampling": {"temperature": "1"}}', 422, "temperature"),
        (b'{"models": ["brook/step-00001"], "sampling": {"seed": 1' + b"0" * 5000 + b"}}", 400, "body"),
        (b'{"models": ["brook/step-00001"], "sampling": {"seed": 1' + b"0" * 50 + b"}}", 422, "seed"),
        (b'{"models": ["brook/step-00001"], "sampling": {"heat": 1}}', 422, "heat"),
        (b'{"models": ["brook/step-00001"], "sampling": {"past_context": "fly"}}', 422, "past_context"),
        (b'{"models": ["brook/step-00001"], "more": 1}', 422, "more"),
        (b'{"models": []}', 422, "models"),
        (b'{"models": ["brook/step-00001"' + b', "brook/step-00001"' * 40 + b"]}", 422, "models"),
        (b'{"models": ["brook/step-00009"]}', 404, "no model"),
        (b'{"models": ["../../etc"]}', 404, "no model"),
        (b'{"models": ["\\ud83d"]}', 422, "models"),
        (b'{"models": ["brook/step-00001"], "prompt": "\\ud83d"}', 422, "prompt"),
        (b'{"models": ["brook/step-00001"], "after": [300]}', 400, "none of the model's 300"),
        (b'{"models": ["brook/step-00001"], "after": [-1]}', 422, "after"),
        (b'{"models": ["brook/step-00001", "brook/step-00002"], "after": [1]}', 400, "one model only"),
        (b'{"models": ["brook/step-00001"], "prompt": "' + b"once " * 100 + b'"}', 400, "context"),
        (b'{"models": ' + b"[" * 100_000 + b"}", 400, "body"),
    ],
)
def test_what_cannot_be_told_is_one_line_and_no_stream(studio, body, status, why):
    answer = studio.post("/studio/stories", body)
    assert (answer.status, why in answer.error) == (status, True), answer.error
    assert len(answer.error) <= 500
    assert studio.teller.idle


def test_a_body_that_is_not_said_to_be_json_is_refused(studio):
    body = json.dumps({"models": [FIRST]}).encode()
    answer = studio.loop.run_until_complete(
        asked(studio.app, "/studio/stories", "POST", {"content-type": "text/plain"}, body)
    )
    assert answer.status == 422, "so that no other site's form can send it"


def test_what_there_is_to_choose_from(studio):
    found = json.loads(studio.get("/studio/models").body)
    assert [model["id"] for model in found["models"]] == [FIRST, SECOND]
    assert found["models"][0] == {
        "id": FIRST,
        "label": "step 1 of 40",
        "run": "brook",
        "step": 1,
        "tokens": 100,
        "parameters": found["models"][1]["parameters"],
        "context": 48,
        "vocabulary": 300,
        "end_of_text": [0],
    }
    (run,) = found["runs"]
    assert (run["steps"], run["models"], len(run["phases"])) == (STEPS, [FIRST, SECOND], 5)
    assert found["default"] == SECOND
    knob = found["sampling"]["top_p"]
    assert (knob["default"], knob["low"], knob["high"]) == (Sampling().top_p, 0, 1)
    assert "probabilities add up" in knob["sentence"]
    assert found["sampling"]["past_context"]["choices"] == ["stop", "slide"]
    assert found["sampling"]["temperature"]["high"] is None


def test_a_tree_can_be_taken_away_and_is_the_same_again(studio):
    storyteller = Storyteller.load(studio.catalog.model(FIRST).folder, threads=1)
    tree = branches.begin(storyteller, "A *café* 🎂", max_new_tokens=8)
    tree = branches.branch_off(storyteller, tree, "main", 2, 17)
    answer = studio.post("/studio/export", {"tree": tree.to_json(), "form": "json"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == "attachment; filename=story.json"
    assert Tree.from_json(json.loads(answer.body)) == tree
    page = studio.post("/studio/export", {"tree": json.loads(answer.body), "form": "markdown"})
    assert page.headers["content-type"] == "text/markdown; charset=utf-8"
    assert page.body.decode() == tree.to_markdown()


@pytest.mark.parametrize(
    "changes",
    [
        {"format_version": 2},
        {"branches": 7},
        {"branches": ["a"]},
        {"branches": [{}]},
        {"sampling": {"heat": 1}},
        {"sampling": 7},
        {"steps": [7]},
        {"token": 1e400},
        {"token": "a"},
        {"log_probability": 1e400},
        {"log_probability": None},
        {"text": 7, "alternatives": [{"token": 1}]},
        {"alternatives": 7},
        {"at": -1, "parent": "a"},
        {"parent": "b"},
        {"name": " "},
        {"stop_reason": "bored"},
        {"seed": {}},
    ],
)
def test_what_is_no_tree_is_not_exported(studio, changes):
    step = {"token": 1, "text": "a", "log_probability": -1.0, "alternatives": []}
    branch = {"name": "a", "parent": None, "at": 0, "seed": 0, "steps": [step], "stop_reason": "context"}
    tree = {"format_version": 1, "prompt": "", "sampling": {}, "branches": [branch]}
    assert studio.post("/studio/export", {"tree": tree, "form": "json"}).status == 200
    for part in (step, branch, tree):
        part.update({name: value for name, value in changes.items() if name in part})
    answer = studio.post("/studio/export", {"tree": tree, "form": "json"})
    assert answer.status == 400
    assert "tree" in answer.error or "bored" in answer.error


def test_the_page_and_its_files_are_a_fixed_list(studio):
    files = page_files()
    assert studio.get("/").body == files["index.html"].content
    for name, file in files.items():
        answer = studio.get(f"/page/{name}")
        assert (answer.status, answer.body) == (200, file.content)
        assert answer.headers["content-type"] == TYPES["." + name.rpartition(".")[2]]
        assert answer.headers["cache-control"] == "no-cache"
        again = studio.get(f"/page/{name}", **{"if-none-match": answer.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
        assert studio.get(f"/page/{name}", **{"if-none-match": '"other"'}).status == 200
    for name in (
        "",
        ".",
        "..",
        "../app.py",
        "vendor/../../app.py",
        "/etc/hosts",
        "index.html/",
        "no.js",
        "%2e%2e/app.py",
    ):
        answer = studio.get(f"/page/{name}")
        assert answer.status == 404
        assert answer.error == "the page has no such file"


def test_the_page_asks_nobody_else(studio):
    page = studio.get("/").body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|style=|https?://", page)
    for found in re.findall(r"(?:src|href)=\"([^\"#]+)\"", page):
        assert studio.get(found).status == 200, found


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/nothing", "GET", 404), ("/docs", "GET", 404), ("/redoc", "GET", 404), ("/studio/stories", "GET", 405),
     ("/studio/models", "DELETE", 405), ("/studio/models/", "GET", 404)],
)  # fmt: skip
def test_other_addresses_are_errors_of_the_same_form(studio, path, method, status):
    answer = studio.loop.run_until_complete(asked(studio.app, path, method))
    if answer.status == 307:  # the same address without the slash
        return
    assert answer.status == status
    assert answer.error


def test_the_document_describes_every_answer(studio):
    document = json.loads(studio.get("/openapi.json").body)
    for path in ("/studio/models", "/studio/stories", "/studio/export"):
        for operation in document["paths"][path].values():
            answers = operation["responses"]
            assert {"200", "400", "401", "403", "404", "421", "422", "431"} <= set(answers)
            errors = [answers[status]["content"]["application/json"]["schema"] for status in answers if status > "399"]
            assert errors == [{"$ref": "#/components/schemas/ErrorBody"}] * len(errors)
    fields = document["components"]["schemas"]["SamplingFields"]["properties"]
    assert fields["top_p"]["maximum"] == 1
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_a_story_that_fails_is_an_event_and_the_others_go_on(studio, monkeypatch):
    from fabula.studio import shelf

    load = shelf.load_model

    def fails_for_one(model, threads):
        if model.id == SECOND:
            raise RuntimeError("a bug")
        return load(model, threads)

    monkeypatch.setattr(shelf, "load_model", fails_for_one)
    with contextlib.suppress(KeyError):
        studio.teller._shelf.drop(studio.teller._shelf.loaded[SECOND])
    asked = {"models": [SECOND, FIRST], "sampling": {"max_new_tokens": 3}}
    found = events(studio.post("/studio/stories", asked))
    errors = [data for name, data in found if name == "error"]
    assert errors == [{"story": 0, "message": f"{SECOND} could not be loaded (RuntimeError)"}]
    assert [data["story"] for name, data in found if name == "end"] == [1]
    assert found[-1] == ("done", {})


def test_a_tree_may_be_as_deep_as_it_is_large(studio):
    step = {"token": 1, "text": "a", "log_probability": -1.0, "alternatives": []}
    names = [str(number) for number in range(500)]
    chain = [
        {"name": name, "parent": parent, "at": at, "seed": 0, "steps": [step], "stop_reason": "context"}
        for at, (name, parent) in enumerate(zip(names, [None, *names], strict=False))
    ]
    tree = {"format_version": 1, "prompt": "", "sampling": {}, "branches": chain}
    page = studio.post("/studio/export", {"tree": tree, "form": "markdown"}).body.decode()
    assert page.count("#### 498") == 1
    assert "Leaves 498" in page
    tree["branches"] = chain * 2
    assert "at most 500" in studio.post("/studio/export", {"tree": tree}).error
