"""`/v1` as OpenAI's own client speaks it, against a whole studio."""

import asyncio
import contextlib
import json
import time

import openai
import pytest

from fabula.generation.prompts import Prompts
from fabula.generation.sampling import Sampling
from fabula.generation.storyteller import Storyteller
from fabula.generation.writing.reading import log_probabilities
from fabula.studio.openai import routes
from fabula.studio.openai.asked import CompletionRequest
from fabula.studio.openai.completions import Completion, whole
from fabula.studio.openai.logprobs import TokenNames
from fabula.studio.orders import End, FailedError, Mailbox, Stream
from tests.studio.folders import tiny_run
from tests.studio.live import live

MODEL = "river/step-00007"
PROMPT = "Once upon a time"
LENGTH = 12
CAKE = "A cake 🎂 for Lily"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny_run(tmp_path_factory.mktemp("runs") / "river", 7)


@pytest.fixture(scope="module")
def studio(run):
    with live(run) as studio:
        yield studio


@pytest.fixture(scope="module")
def client(studio):
    with openai.OpenAI(base_url=f"{studio.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def storyteller(run):
    return Storyteller.load(run / "checkpoints" / "step-00007", threads=1)


def told(storyteller, prompt=PROMPT, **changes):
    """Return the story that the same parameters tell elsewhere."""
    plain = Sampling(temperature=1, top_p=1, repetition_penalty=1, max_new_tokens=LENGTH)
    (story,) = storyteller.generate(prompt, plain, probabilities=True, alternatives=3, **changes)
    return story


def test_models_are_listed_and_found_by_ids_with_slashes(client):
    (listed,) = client.models.list().data
    assert (listed.id, listed.object) == (MODEL, "model")
    assert client.models.retrieve(MODEL) == listed


def test_a_story_is_the_one_that_generate_tells(client, storyteller):
    expected = told(storyteller, seed=3)
    answer = client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=LENGTH, seed=3)
    (choice,) = answer.choices
    assert (answer.object, answer.model) == ("text_completion", MODEL)
    assert (choice.text, choice.finish_reason) == (expected.text, "length")
    assert choice.logprobs is None
    assert answer.usage.completion_tokens == expected.tokens == LENGTH
    assert answer.usage.prompt_tokens == len(storyteller.encode(PROMPT)) - 1
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + LENGTH


def test_all_sampling_parameters_arrive(client, storyteller):
    drawn = {
        "temperature": 1.5, "top_p": 0.8, "presence_penalty": 0.5, "frequency_penalty": -0.5,
    }  # fmt: skip
    ours = {"top_k": 30, "min_p": 0.01, "repetition_penalty": 1.3, "no_repeat_ngram": 3}
    answer = client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=LENGTH, seed=5, **drawn, extra_body=ours)
    assert answer.choices[0].text == told(storyteller, seed=5, **drawn, **ours).text


@pytest.mark.parametrize("settings", [{}, {"logprobs": 2}, {"echo": True, "logprobs": 1}, {"n": 3, "echo": True}])
def test_a_stream_brings_what_the_whole_answer_has(client, settings):
    asked = {"model": MODEL, "prompt": [PROMPT, CAKE], "max_tokens": LENGTH, "seed": 1, **settings}
    whole = client.completions.create(**asked)
    chunks = list(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None and chunk.id == chunks[0].id for chunk in chunks[:-1])
    for expected in whole.choices:
        parts = [c for chunk in chunks for c in chunk.choices if c.index == expected.index]
        assert "".join(part.text for part in parts) == expected.text
        assert [part.finish_reason for part in parts if part.finish_reason] == [expected.finish_reason]
        if expected.logprobs:
            for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
                streamed = [value for part in parts if part.logprobs for value in getattr(part.logprobs, name)]
                assert streamed == getattr(expected.logprobs, name)


def test_stories_of_several_prompts_come_in_order_with_seeds_that_count_up(client, storyteller):
    answer = client.completions.create(model=MODEL, prompt=[PROMPT, "Tom"], n=2, best_of=2, max_tokens=LENGTH, seed=8)
    expected = [told(storyteller, prompt, seed=seed).text for prompt in (PROMPT, "Tom") for seed in (8, 9)]
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert [choice.text for choice in answer.choices] == expected


def test_without_a_seed_stories_differ(client):
    texts = {client.completions.create(model=MODEL, prompt=PROMPT).choices[0].text for _ in range(3)}
    assert len(texts) > 1


def test_a_stop_text_ends_the_story_and_is_no_part_of_it(client, storyteller):
    text = told(storyteller, seed=3).text
    stop = text[4:6]
    answer = client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=LENGTH, seed=3, stop=["@@@", stop])
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == (text[: text.index(stop)], "stop")


def test_logprobs_are_those_of_the_model(client, storyteller):
    expected = told(storyteller, seed=3)
    answer = client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=LENGTH, seed=3, logprobs=3)
    found = answer.choices[0].logprobs
    assert found.token_logprobs == pytest.approx([one.log_probability for one in expected.drawn])
    for name, one, top in zip(found.tokens, expected.drawn, found.top_logprobs, strict=True):
        assert sorted(top.values(), reverse=True)[:3] == pytest.approx([value for _, value in one.alternatives])
        assert top[name] == pytest.approx(one.log_probability)
    for name, offset in zip(found.tokens, found.text_offset, strict=True):
        if "bytes:" not in name:  # bytes before it that are no character come out with it
            assert answer.choices[0].text[offset:].lstrip("\ufffd").startswith(name)


def test_a_prompt_is_scored_without_telling_anything(client, storyteller):
    answer = client.completions.create(model=MODEL, prompt=CAKE, echo=True, logprobs=1, max_tokens=0)
    (choice,) = answer.choices
    tokens = storyteller.encode(CAKE)
    rows = log_probabilities(storyteller.backend, tokens, len(tokens))
    assert (choice.text, choice.finish_reason, answer.usage.completion_tokens) == (CAKE, "length", 0)
    expected = [row[token] for row, token in zip(rows, tokens[1:], strict=False)]
    assert choice.logprobs.token_logprobs == pytest.approx(expected, abs=1e-6)
    assert [max(top.values()) for top in choice.logprobs.top_logprobs] == pytest.approx(rows.max(1)[:-1].tolist())
    assert len([name for name in choice.logprobs.tokens if name.startswith("bytes:")]) > 1
    assert spelled(choice.logprobs.tokens) == CAKE


def test_tokens_are_a_prompt_too_and_their_end_of_text_is_not_doubled(client, storyteller):
    led = storyteller.encode(PROMPT)
    scored = {"model": MODEL, "echo": True, "logprobs": 0, "max_tokens": 1, "temperature": 0}
    plain, with_lead = client.completions.create(prompt=[led[1:], led], **scored).choices
    assert with_lead.logprobs.tokens == ["<|endoftext|>", *plain.logprobs.tokens]
    assert with_lead.logprobs.token_logprobs == [None, *plain.logprobs.token_logprobs]
    assert with_lead.text == plain.text == client.completions.create(prompt=PROMPT, **scored).choices[0].text
    assert client.completions.create(prompt=led, **scored).choices[0].text == plain.text
    assert client.completions.create(prompt=led, **scored).usage.prompt_tokens == len(led)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"best_of": 3}, "best_of = 3 must be null or equal to n = 1"),
        ({"max_tokens": 0}, "needs echo"),
        ({"n": 17}, "n: "),
        ({"prompt": [PROMPT] * 40, "n": 2}, "at most 64"),
        ({"prompt": "word " * 60}, "the model's context holds 48"),
        ({"prompt": [7_000]}, "none of the model's"),
        ({"prompt": []}, "prompt"),
        ({"temperature": -1}, "temperature: "),
        ({"stop": [""]}, "stop"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"suffix": "The end"}, "suffix"),
        ({"stream_options": {"include_usage": True}}, "stream_options needs stream"),
        ({"extra_body": {"min_tokens": 3}}, "min_tokens"),
    ],
)
def test_what_cannot_be_done_is_refused_with_one_line(client, changes, message):
    with pytest.raises(openai.APIStatusError, match=message) as caught:
        client.completions.create(**{"model": MODEL, "prompt": PROMPT, **changes})
    assert caught.value.status_code in (400, 422)
    assert "\n" not in caught.value.body["message"]


@pytest.mark.parametrize("name", ["gpt-5", "../../etc/passwd", MODEL + "/", ""])
def test_an_unknown_model_is_not_found(client, name):
    with pytest.raises(openai.NotFoundError) as caught:
        client.completions.create(model=name, prompt=PROMPT)
    assert caught.value.code == "model_not_found"


def test_a_full_studio_says_when_to_come_again(client, studio):
    asked = {"model": MODEL, "prompt": [PROMPT] * 60, "max_tokens": 2}
    with studio.held_up(MODEL), contextlib.ExitStack() as streams:
        for _ in range(4):
            streams.enter_context(client.completions.create(**asked, stream=True))
        with pytest.raises(openai.RateLimitError) as caught:
            client.completions.create(**asked)
        assert int(caught.value.response.headers["retry-after"]) >= 1
    assert len(client.completions.create(**asked).choices) == 60


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_its_stories(client, studio, stream):
    figures = studio.teller.figures
    finished, cancelled = figures.finished, figures.cancelled
    with studio.held_up(MODEL):
        if stream:
            client.completions.create(model=MODEL, prompt=[PROMPT] * 30, stream=True).close()
        else:
            with pytest.raises(openai.APITimeoutError):
                client.with_options(timeout=0.2).completions.create(model=MODEL, prompt=[PROMPT] * 30)
        until = time.monotonic() + 10
        while len(studio.teller._cancelled) < 30 and time.monotonic() < until:
            time.sleep(0.01)
    client.completions.create(model=MODEL, prompt=PROMPT)
    assert studio.teller.idle
    assert (figures.finished, figures.cancelled) == (finished + 1, cancelled + 30)


def ended_early(run):
    """Return a completion whose story the studio ended, and the names of its tokens."""
    prompts = Prompts.load(run / "checkpoints" / "step-00007")
    mailbox = Mailbox(asyncio.Event())
    mailbox.put([], End("cancelled", 0, 0.0, "the studio was stopped"))

    class Stopped:
        async def tell_all(self, orders):
            return [Stream(mailbox, lambda: None)]

    completion = Completion(CompletionRequest(model=MODEL, prompt=PROMPT), prompts, Stopped())
    return completion, TokenNames(prompts.tokenizer)


def test_a_story_that_is_not_told_to_its_end_ends_with_an_error(run):
    async def events():
        completion, names = ended_early(run)
        await completion.begin()
        return [event async for event in routes._events(completion, names)]

    (event,) = asyncio.run(events())
    assert json.loads(event.removeprefix("data: "))["error"]["message"] == "the studio was stopped"

    async def answer():
        completion, names = ended_early(run)
        await completion.begin()
        return await whole(completion, names)

    with pytest.raises(FailedError, match="the studio was stopped"):
        asyncio.run(answer())


def test_texts_become_tokens(client, storyteller):
    answer = client.post("/tokenize", body={"model": MODEL, "text": CAKE}, cast_to=object)
    assert [entry["token"] for entry in answer["tokens"]] == storyteller.encode(CAKE)[1:]
    assert answer["count"] == len(answer["tokens"])
    assert spelled([entry["text"] for entry in answer["tokens"]]) == CAKE


def spelled(names):
    """Return the text that tokens of these names make."""
    parts = [
        bytes.fromhex(name[6:].replace("\\x", "")) if name.startswith("bytes:") else name.encode() for name in names
    ]
    return b"".join(parts).decode()
