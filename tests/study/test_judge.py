"""The optional judge, against a server of our own."""

import io
import json
import random
import threading
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.study.folder import Series, StudiedCheckpoint, Study, StudyFolder
from fabula.study.generations.telling import Story, save_stories
from fabula.study.judge import Endpoint, JudgedStory, judge, judge_study
from fabula.study.judge.asking import FIVE_GRAM, GLUED, HELD_OUT
from fabula.study.judge.rubric import GRADES, PROMPT, SEPARATOR, read_grades
from tests.study.judge_server import FakeJudge
from tests.tiny import tiny_store

REAL = [f"Kai lost a button, number {n}. He looked for it all day. In the end it was in his shoe." for n in range(6)]
BROKEN = [f"Kai lost a button, number {n}. The whale sang. Nobody had a rocket, so Mia ate it." for n in range(6)]
WORSE = [f"Kai a the number {n} said. was the. And then to it." for n in range(6)]
ANCHORS = [
    JudgedStory(source, text)
    for source, texts in ((HELD_OUT, REAL), (GLUED, BROKEN), (FIVE_GRAM, WORSE))
    for text in texts
]
STORIES = [
    JudgedStory(f"step-{step}", f"Story {n} of {step}.", "Once there was a hat.") for step in (1, 2) for n in range(5)
]


def grades(value: float, age: str = "C") -> str:
    return json.dumps({**dict.fromkeys(GRADES, value), "age_group": age})


def sensible(message: str, number: int) -> str:
    """A judge that knows what it reads."""
    story = message.removeprefix(PROMPT)
    if story in REAL:
        return grades(8, "E")
    if story in BROKEN:
        return grades(4)
    if story in WORSE:
        return grades(1, "A")
    return grades(7 if "of 2" in story else 3)


def dice(message: str, number: int) -> str:
    return grades(random.Random(message).randrange(11))


def endpoint(server: FakeJudge, **settings) -> Endpoint:
    return Endpoint.from_environment(server.url, "someone", **{"first_wait": 0.01, **settings})


def shown(judgement) -> str:
    console = Console(width=300, file=io.StringIO())
    console.print(judgement.table())
    return console.file.getvalue()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for name in ("FABULA_JUDGE_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_a_sensible_judge_is_believed(tmp_path):
    with FakeJudge(sensible) as server:
        found = judge(STORIES, ANCHORS, endpoint(server), tmp_path)
    assert found.believed
    assert found.auc == 1
    assert [entry.source for entry in found.anchors] == [HELD_OUT, GLUED, FIVE_GRAM]
    assert {entry.source: entry.means["overall"] for entry in found.scores} == {"step-1": 3, "step-2": 7}
    assert found.anchors[0].age_groups == {"E": 1}
    assert found.anchors[0].stories == 6
    assert found.scores[0].intervals["plot"] == (3, 3)
    assert (found.answers, found.unreadable) == (28, 0)
    assert json.loads((tmp_path / "judgement.json").read_text())["scores"][1]["means"]["overall"] == 7
    lines = shown(found).splitlines()
    assert [line for line in lines if "held-out" in line and "8.00 [8.00, 8.00]" in line and "10-12 (100%)" in line]
    assert any("step-1" in line for line in lines)


def test_a_judge_that_rolls_dice_grades_no_checkpoint(tmp_path):
    with FakeJudge(dice) as server:
        found = judge(STORIES, ANCHORS, endpoint(server), tmp_path)
        assert not found.believed
        assert found.scores == ()
        assert len(server.messages) == len(ANCHORS)
    assert "grades no checkpoint" in found.caption()
    assert "step-" not in shown(found)
    assert "step-" not in (tmp_path / "judgement.json").read_text()


def test_a_judge_that_likes_all_the_same_is_not_believed(tmp_path):
    with FakeJudge(lambda *_: grades(9)) as server:
        assert judge(STORIES, ANCHORS, endpoint(server), tmp_path).auc == 0.5


def test_it_is_blind_shuffled_and_cold(tmp_path):
    with FakeJudge(sensible) as server:
        judge(STORIES, ANCHORS, endpoint(server, concurrency=1), tmp_path)
        sources = {story.text: story.source for story in (*ANCHORS, *STORIES)}
        order = [sources[message.removeprefix(PROMPT).split(SEPARATOR)[-1]] for message in server.messages]
        assert not any(source in message for message in server.messages for source in sources.values())
        assert all(body["temperature"] == 0 and body["model"] == "someone" for body in server.bodies)
    anchors, stories = order[: len(ANCHORS)], order[len(ANCHORS) :]
    assert set(anchors) == {HELD_OUT, GLUED, FIVE_GRAM}
    assert stories != sorted(stories)


def test_the_beginning_that_was_given_stands_before_the_separator(tmp_path):
    with FakeJudge(sensible) as server:
        judge(STORIES, ANCHORS, endpoint(server), tmp_path)
        assert PROMPT + "Once there was a hat.***Story 0 of 1." in server.messages


def test_what_was_asked_is_not_asked_again(tmp_path):
    with FakeJudge(sensible) as server:
        first = judge(STORIES[:5], ANCHORS, endpoint(server), tmp_path)
        asked = len(server.messages)
        with (tmp_path / "answers.jsonl").open("a") as file:
            file.write('{"question": "torn')
        second = judge(STORIES, ANCHORS, endpoint(server), tmp_path)
        assert len(server.messages) == asked + 5
        assert second.scores[0] == first.scores[0]
        judge(STORIES, ANCHORS, Endpoint(server.url, "another"), tmp_path)
        assert len(server.messages) == 2 * len((*STORIES, *ANCHORS))
    kept = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert Counter(line["model"] for line in kept) == {"someone": 28, "another": 28}
    assert all(len(line["prompt_sha256"]) == 64 and json.loads(line["raw"][-1]) for line in kept)


def test_repeats_are_averaged(tmp_path):
    with FakeJudge(lambda message, number: sensible(message, number) if number % 2 else grades(5)) as server:
        found = judge([], ANCHORS, endpoint(server, concurrency=1), tmp_path, repeats=3)
        assert len(server.messages) == 3 * len(ANCHORS)
    assert found.answers == 3 * len(ANCHORS)
    assert found.anchors[0].stories == 6


@pytest.mark.parametrize("around", ["{}", "Sure!\n```json\n{}\n```", "I think {} is fair."])
def test_words_around_the_json_do_not_matter(around):
    assert read_grades(around.replace("{}", grades(6, "b"))) == {**dict.fromkeys(GRADES, 6.0), "age_group": "B"}


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "eight",
        "{}",
        "[1, 2]",
        "} {",
        grades(11),
        grades(-1),
        grades(float("nan")),
        grades(5, "G"),
        grades(5).replace("5", '"five"', 1),
        grades(5)[:-10],
        '{"grammar": null}',
    ],
)
def test_other_forms_are_no_grades(answer):
    assert read_grades(answer) is None


@given(st.text())
def test_no_answer_breaks_the_reader(answer):
    read_grades(answer)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.sampled_from([*GRADES, "age_group"]), s),
    )
)
def test_no_json_breaks_the_reader(value):
    read_grades(json.dumps(value))


def test_malformed_answers_are_asked_for_again_and_kept(tmp_path):
    def stammer(message, number):
        return sensible(message, number) if server.messages.count(message) == 3 else "Hm. Good story!"

    with FakeJudge(stammer) as server:
        found = judge([], ANCHORS, endpoint(server), tmp_path)
    assert found.believed
    assert found.unreadable == 0
    line = json.loads((tmp_path / "answers.jsonl").read_text().splitlines()[0])
    assert len(line["raw"]) == 3
    assert line["raw"][0] == "Hm. Good story!"


def test_one_unreadable_answer_is_counted(tmp_path):
    with FakeJudge(lambda message, number: "?" if REAL[0] in message else sensible(message, number)) as server:
        found = judge([], ANCHORS, endpoint(server), tmp_path)
    assert (found.unreadable, found.anchors[0].stories) == (1, 5)


def test_a_judge_without_json_is_refused(tmp_path):
    with (
        FakeJudge(lambda *_: "What a lovely story.") as server,
        pytest.raises(UserError, match=r"only 0 of 18 answers"),
    ):
        judge(STORIES, ANCHORS, endpoint(server), tmp_path)


def test_a_busy_server_is_waited_for(tmp_path):
    with FakeJudge(sensible, faults=[(429, {"Retry-After": "0.2"}), (503, {}), (500, {})]) as server:
        started = time.monotonic()
        found = judge([], ANCHORS, endpoint(server, concurrency=1), tmp_path)
        assert time.monotonic() - started > 0.2
        assert len(server.bodies) == len(ANCHORS) + 3
    assert found.believed


def test_a_server_that_stays_ill_is_given_up_and_the_answers_kept(tmp_path):
    with FakeJudge(sensible) as server:
        judge([], ANCHORS, endpoint(server), tmp_path)
        server.always = 500
        with pytest.raises(
            UserError, match=r"failed 3 times, last with HTTP 500: ordered 500; the answers so far are kept"
        ):
            judge(STORIES, ANCHORS, endpoint(server, attempts=3), tmp_path)
        server.always = 0
        asked = len(server.messages)
        assert judge(STORIES, ANCHORS, endpoint(server), tmp_path).believed
        assert len(server.messages) == asked + len(STORIES)


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "FABULA_JUDGE_KEY"), (404, "chat/completions"), (400, "ordered 400")]
)
def test_a_refusal_is_final_and_clear(tmp_path, status, hint):
    with FakeJudge(sensible, always=status) as server:
        with pytest.raises(UserError, match=hint):
            judge(STORIES, ANCHORS, endpoint(server, concurrency=1), tmp_path)
        assert len(server.bodies) <= 2


def test_a_redirect_is_not_followed_with_the_key(tmp_path):
    with FakeJudge(sensible) as other, FakeJudge(sensible) as server:
        server.faults = [(302, {"Location": other.url + "/chat/completions"})] * 20
        with pytest.raises(UserError, match="HTTP 302"):
            judge(STORIES, ANCHORS, endpoint(server), tmp_path)
        assert other.bodies == []


def test_nobody_at_the_address(tmp_path):
    with FakeJudge(sensible) as server:
        nobody = endpoint(server, attempts=2)
    with pytest.raises(UserError, match="failed 2 times"):
        judge(STORIES, ANCHORS, nobody, tmp_path)


def test_a_silent_server_is_timed_out(tmp_path):
    wait = threading.Event()

    def silent(message, number):
        wait.wait(5)
        return sensible(message, number)

    with FakeJudge(silent) as server:
        with pytest.raises(UserError, match="timed out"):
            judge(STORIES, ANCHORS, endpoint(server, timeout=0.1, attempts=2), tmp_path)
        wait.set()


def test_something_else_at_the_address(tmp_path):
    with FakeJudge(sensible) as server:
        server.answer = lambda *_: {"not": "text"}
        with pytest.raises(UserError, match="only 0 of"):
            judge(STORIES, ANCHORS, endpoint(server), tmp_path)


def test_no_more_questions_under_way_than_asked_for(tmp_path):
    def slow(message, number):
        time.sleep(0.01)
        return sensible(message, number)

    with FakeJudge(slow) as server:
        judge([], ANCHORS, endpoint(server, concurrency=3), tmp_path)
        assert 1 < server.most_under_way <= 3


def test_the_key_comes_from_the_environment_and_stays_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "second")
    monkeypatch.setenv("FABULA_JUDGE_KEY", "first-secret")
    with FakeJudge(sensible) as server:
        chosen = endpoint(server)
        judge([], ANCHORS, chosen, tmp_path)
        assert set(server.keys) == {"Bearer first-secret"}
    assert "first-secret" not in repr(chosen)
    assert not any("first-secret" in file.read_text() for file in tmp_path.iterdir())


def test_without_a_key_none_is_sent(tmp_path):
    with FakeJudge(sensible) as server:
        judge([], ANCHORS, endpoint(server), tmp_path)
        assert set(server.keys) == {None}


@pytest.mark.parametrize("anchors", [ANCHORS[:6], ANCHORS[6:]])
def test_anchors_are_needed(tmp_path, anchors):
    with pytest.raises(UserError, match="as anchors"):
        judge(STORIES, anchors, Endpoint("http://127.0.0.1:1", "m"), tmp_path)


@pytest.mark.parametrize("url", ["localhost:8000", "file:///etc/passwd", ""])
def test_an_address_that_is_none(url):
    with pytest.raises(UserError, match="http"):
        Endpoint.from_environment(url, "m")


@pytest.mark.parametrize("body", [b"<html>Hello</html>", b'{"choices": []}', b"[]", b""])
def test_a_server_that_speaks_another_language(body):
    with pytest.raises(UserError, match="does not answer like"):
        Endpoint("http://127.0.0.1:1", "m")._answer(body)


def tale(number: int) -> str:
    name, thing = ("Kai", "Mia", "Oda", "Pim")[number % 4], ("hat", "pot", "saw", "cup")[number // 4 % 4]
    return (
        f"{name} had a {thing}, the {number}th of all. The {thing} was old. {name} lost it in the wood. "
        f"A fox found the {thing}. So {name} was glad."
    )


@pytest.fixture
def studied(tmp_path):
    """A study of one run, with stories of two checkpoints."""
    store = tiny_store(tmp_path / "store", [tale(n) for n in range(40)], [tale(n) for n in range(40, 60)])
    run = tmp_path / "run"
    checkpoints = tuple(
        StudiedCheckpoint(step, 1, str(run / "checkpoints" / f"step-{step:05d}"), "") for step in (1, 2)
    )
    run.mkdir()
    (run / "run.json").write_text(json.dumps({"corpus": {"path": str(store)}}))
    folder = StudyFolder(run / "study")
    folder.path.mkdir()
    series = Series("mine", "mine", 0, 1, 2, 48, (), checkpoints)
    corpus_hash = TokenStore.open(store).hash
    folder.write_study(Study("glance", 3, 1, corpus_hash, "tales", "0", {}, (), {}, (series,), {}))
    for step in (1, 2):
        told = [
            Story("Kai had a hat.", f" Told at {step}, number {n}.", mode, 0, 9, "end-of-text")
            for mode in ("greedy", "top-p")
            for n in range(30)
        ]
        save_stories(folder.stories("mine", step), told)
    return folder


def test_a_study_brings_its_own_anchors(studied):
    def knows_glue(message, number):
        first, _, rest = message.removeprefix(PROMPT).partition(SEPARATOR)
        whole = (first + rest) in {tale(n) for n in range(40, 60)}
        return grades(9 if whole else 6 if "Told at 2" in rest else 2)

    with FakeJudge(knows_glue) as server:
        found = judge_study(studied, server.url, "someone")
        assert not any("greedy" in message for message in server.messages)
        assert all(SEPARATOR in message.removeprefix(PROMPT) for message in server.messages)
    assert found.auc == 1
    assert [entry.source for entry in found.anchors] == [HELD_OUT, GLUED, FIVE_GRAM]
    assert {entry.source: (entry.stories, entry.means["plot"]) for entry in found.scores} == {
        "mine, step 1": (20, 2),
        "mine, step 2": (20, 6),
    }
    assert json.loads((studied.path / "judge" / "judgement.json").read_text()) == json.loads(
        json.dumps(found.to_json())
    )


def test_a_study_without_stories_or_corpus_cannot_be_judged(studied, tmp_path):
    (tmp_path / "store").rename(tmp_path / "gone")
    with pytest.raises(UserError, match="tales"):
        judge_study(studied, "http://127.0.0.1:1", "someone")
    for step in (1, 2):
        studied.stories("mine", step).unlink()
    with pytest.raises(UserError, match="holds no stories"):
        judge_study(studied, "http://127.0.0.1:1", "someone")
