"""Stories told for many at once: each as if alone, none able to hurt another, and nothing left when somebody leaves."""

import asyncio
import gc
import itertools
from dataclasses import replace

import pytest

from fabula.errors import UserError
from fabula.generation.sampling import Sampling
from fabula.generation.storyteller import Storyteller
from fabula.studio.catalog import Catalog, UnknownNameError
from fabula.studio.pace import LONGEST, SHORTEST, Pace
from fabula.studio.teller import BusyError, FailedError, Order, StoppingError, Teller, together
from tests.studio.folders import tiny_run
from tests.studio.gates import gate as gate
from tests.studio.gates import play, until, working
from tests.tiny import one_thread as one_thread

FIRST, SECOND, THIRD = (f"brook/step-{step:05d}" for step in (1, 2, 3))
SAMPLING = Sampling(temperature=1, top_p=1, repetition_penalty=1, max_new_tokens=20)
LONG = replace(SAMPLING, max_new_tokens=190, past_context="slide")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return Catalog([str(tiny_run(tmp_path_factory.mktemp("runs") / "brook", 1, 2, 3))])


def order(model=FIRST, prompt="Once", sampling=SAMPLING, **changes) -> Order:
    return Order(model, prompt, sampling=sampling, **changes)


async def heard(stream):
    """Return a story's steps, when it has ended."""
    steps = [step async for steps in stream for step in steps]
    return steps, stream.end


def alone(catalog, asked: Order):
    """Return what a storyteller tells that does nothing else."""
    storyteller = Storyteller.load(catalog.model(asked.model).folder, threads=1)
    (story,) = storyteller.generate(
        asked.prompt, asked.sampling, probabilities=True, alternatives=asked.alternatives, seed=asked.seed or 0
    )
    return story


def test_every_story_is_the_one_it_would_be_alone(catalog):
    if not Storyteller.load(catalog.model(FIRST).folder, threads=1).backend.exact:
        pytest.skip("equal up to rounding only")
    prompts = ("Once upon a time", "", "A café", "The bird 🎂")
    orders = [
        order(model, prompt, replace(SAMPLING, stop=stop), seed=seed, alternatives=3)
        for seed, (model, prompt, stop) in enumerate(itertools.product((FIRST, SECOND, THIRD), prompts, ((), ("e",))))
    ]

    async def scene(teller: Teller) -> None:
        streams = await teller.tell_all(orders[::2]) + [await teller.tell(one) for one in orders[1::2]]
        told = await asyncio.gather(*map(heard, streams))
        for asked, (steps, end) in zip([*orders[::2], *orders[1::2]], told, strict=True):
            story = alone(catalog, asked)
            assert [(step.token, step.log_probability) for step in steps] == [
                (one.token, one.log_probability) for one in story.drawn
            ]
            assert "".join(step.text for step in steps) == story.text
            assert [[(one.token, one.log_probability) for one in step.alternatives] for step in steps] == [
                list(one.alternatives) for one in story.drawn
            ]
            assert (end.stop_reason, end.tokens, end.error) == (story.stop_reason, story.tokens, None)
        await until(lambda: teller.idle)
        assert teller.figures.finished == len(orders)
        assert teller.figures.told == sum(len(steps) for steps, _ in told)

    play(catalog, scene)


def test_a_story_goes_on_after_the_tokens_it_is_given(catalog):
    async def scene(teller: Teller) -> None:
        whole, _ = await heard(await teller.tell(order(seed=5, alternatives=1)))
        prompts = catalog.prompts(FIRST)
        by_tokens = Order(FIRST, tokens=tuple(prompts.encode("Once")), sampling=SAMPLING, seed=5, alternatives=1)
        assert (await heard(await teller.tell(by_tokens)))[0] == whole
        greedy = replace(SAMPLING, temperature=0)
        told, _ = await heard(await teller.tell(order(sampling=greedy)))
        after = tuple(step.token for step in told[:5])
        rest, _ = await heard(await teller.tell(order(sampling=greedy, after=after)))
        assert [step.token for step in rest][: len(told) - 5] == [step.token for step in told[5:]]

    play(catalog, scene)


@pytest.mark.parametrize("how", ["cancelled", "left", "forgotten", "the merged ones closed"])
def test_nothing_goes_on_for_a_reader_who_has_left(catalog, gate, how):
    async def scene(teller: Teller) -> None:
        gate.shut()
        streams = await teller.tell_all([order(sampling=LONG) for _ in range(3)])
        gate.step(3)
        await until(lambda: teller.figures.told >= 3)
        assert gate.slots == {FIRST: 3}
        if how == "cancelled":
            for stream in streams:
                stream.cancel()
                assert stream.end.stop_reason == "cancelled"
        elif how == "left":
            for stream in streams:
                async with stream:
                    async for _ in stream:
                        break
        elif how == "forgotten":
            del streams
            gc.collect()
        else:
            merged = together(streams)
            assert await anext(merged)
            await merged.aclose()
        gate.step(2)
        await until(lambda: teller.idle)
        assert gate.slots == {FIRST: 0}
        assert teller.figures.cancelled == 3

    play(catalog, scene, gate)


def test_one_of_those_that_wait_can_leave_too(catalog, gate):
    async def scene(teller: Teller) -> None:
        gate.shut()
        streams = [await teller.tell(order(seed=seed)) for seed in range(4)]
        streams[2].cancel()
        gate.open()
        told = await asyncio.gather(*map(heard, streams))
        assert [len(steps) for steps, _ in told][2] == 0
        for seed in (0, 1, 3):
            assert "".join(step.text for step in told[seed][0]) == alone(catalog, order(seed=seed)).text
        await until(lambda: teller.idle)
        assert teller.figures.cancelled == 1

    play(catalog, scene, gate, most_open=1)


def test_what_is_too_much_is_refused_whole_and_at_once(catalog, gate):
    async def scene(teller: Teller) -> None:
        gate.shut()
        first = await teller.tell(order(sampling=LONG))
        await until(lambda: teller.figures.open == 1)
        waiting = [await teller.tell(order()) for _ in range(2)]
        with pytest.raises(BusyError) as refused:
            await teller.tell_all([order(), order()])
        assert refused.value.retry_after >= SHORTEST
        last = await teller.tell(order())  # none of the two was taken, so there is a place
        with pytest.raises(BusyError):
            await teller.ask(FIRST, lambda storyteller: None)
        with pytest.raises(UserError, match="at most 3"):
            await teller.tell_all([order()] * 4)
        assert teller.figures.refused == 2
        assert teller.figures.waiting == 3
        gate.open()
        await asyncio.gather(*map(heard, [first, *waiting, last]))

    play(catalog, scene, gate, most_open=1, most_waiting=3)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"model": "brook/step-00004"}, "no model"),
        ({"model": "../brook/checkpoints/step-00001"}, "no model"),
        ({"prompt": "once " * 100}, "context holds 48"),
        ({"after": (1,) * 48}, "context holds 48"),
        ({"after": (300,)}, "none of the model's 300"),
        ({"after": (-1,)}, "none of the model's 300"),
        ({"tokens": ()}, "a story needs a beginning"),
        ({"prompt": "\ud83d"}, "not Unicode"),
        ({"alternatives": 301}, "alternatives"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"sampling": replace(SAMPLING, stop=("a",) * 17)}, "stop: at most 16"),
        ({"sampling": replace(SAMPLING, stop=("a" * 1001,))}, "stop: at most 16"),
        ({"sampling": replace(LONG, max_new_tokens=193)}, "at most 192"),
    ],
)
def test_a_bad_order_is_refused_before_anything_is_told(catalog, wrong, why):
    async def scene(teller: Teller) -> None:
        with pytest.raises(UserError, match=why):
            await teller.tell_all([order(), order(**{"model": FIRST, **wrong})])
        assert teller.idle
        assert teller.figures.accepted == 0

    play(catalog, scene)


def test_a_model_that_is_not_served_is_another_mistake_than_a_bad_order(catalog):
    async def scene(teller: Teller) -> None:
        with pytest.raises(UnknownNameError, match="did you mean 'brook/step-00001'"):
            await teller.tell(order("brook/step-0001"))
        with pytest.raises(UnknownNameError):
            await teller.ask("brook", lambda storyteller: None)

    play(catalog, scene)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), MemoryError("no memory for 40 positions")])
def test_a_model_that_fails_takes_only_its_own_stories_with_it(catalog, gate, error, caplog):
    async def scene(teller: Teller) -> None:
        gate.shut()
        failing = await teller.tell_all([order(), order()])
        well = await teller.tell(order(SECOND))
        await until(lambda: gate.read)
        gate.fails[FIRST] = error
        gate.open()
        for stream in failing:
            with pytest.raises(FailedError, match="memory" if isinstance(error, MemoryError) else "RuntimeError"):
                await heard(stream)
        assert "".join(step.text for step in (await heard(well))[0]) == alone(catalog, order(SECOND)).text
        again, _ = await heard(await teller.tell(order()))
        assert "".join(step.text for step in again) == alone(catalog, order()).text
        assert gate.slots[FIRST] == 0

    play(catalog, scene, gate)
    assert ("a bug" in caplog.text) == isinstance(error, RuntimeError), "a bug is not hidden"


def test_a_model_that_cannot_be_loaded_fails_alone(tmp_path):
    run = tiny_run(tmp_path / "brook", 1, 2)
    catalog = Catalog([str(run)])
    weights = run / "checkpoints" / "step-00001" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")

    async def scene(teller: Teller) -> None:
        bad, good = await teller.tell_all([order(FIRST), order(SECOND)])
        with pytest.raises(FailedError, match="was altered"):
            await heard(bad)
        assert (await heard(good))[1].error is None
        with pytest.raises(FailedError, match="was altered"):
            await teller.ask(FIRST, lambda storyteller: None)
        weights.unlink()
        with pytest.raises(FailedError, match="has no model"):
            await heard(await teller.tell(order(FIRST)))
        assert teller.alive

    play(catalog, scene)


def test_models_take_turns_where_memory_holds_only_one(catalog):
    async def scene(teller: Teller) -> None:
        streams = await teller.tell_all([order(model) for model in (FIRST, SECOND, THIRD, FIRST)])
        most = 0
        for told in [asyncio.ensure_future(heard(stream)) for stream in streams]:
            while not told.done():
                most = max(most, teller.figures.loaded)
                await asyncio.sleep(0)
            assert told.result()[1].error is None
        assert most == 1
        assert teller.figures.finished == 4

    play(catalog, scene, memory=1)


def test_a_model_that_waits_for_memory_is_not_kept_waiting_by_what_comes_later(catalog, gate):
    async def scene(teller: Teller) -> None:
        gate.shut()
        first = await teller.tell(order(FIRST))
        await until(lambda: gate.read)
        other = await teller.tell(order(SECOND))
        later = [await teller.tell(order(FIRST, seed=seed)) for seed in range(5)]
        gate.open()
        await asyncio.gather(*map(heard, [first, other, *later]))
        models = [model for model, _ in itertools.groupby(gate.read)]
        assert models == [FIRST, SECOND, FIRST]

    play(catalog, scene, gate, memory=1)


def test_a_request_of_many_stories_holds_nobody_up(catalog, gate):
    async def scene(teller: Teller) -> None:
        gate.shut()
        many = await teller.tell_all([order(seed=seed) for seed in range(8)])
        await until(lambda: teller.figures.open == 2)
        single = await teller.tell(order(seed=100))
        ends: list[str] = []

        async def listen(stream, name: str) -> None:
            await heard(stream)
            ends.append(name)

        listening = [listen(stream, "many") for stream in many] + [listen(single, "single")]
        gate.open()
        await asyncio.gather(*listening)
        assert ends.index("single") <= 4, "its turn comes when the first of the others ends"

    play(catalog, scene, gate, most_open=2)


def test_questions_are_answered_while_stories_are_told(catalog, gate):
    async def scene(teller: Teller) -> None:
        stream = await teller.tell(order(sampling=LONG))
        assert await teller.ask(FIRST, lambda storyteller: storyteller.backend.context) == 48
        assert await teller.ask(THIRD, lambda storyteller: storyteller.backend.vocab_size) == 300
        with pytest.raises(ZeroDivisionError):
            await teller.ask(FIRST, lambda storyteller: 1 // 0)
        told, _ = await heard(stream)
        assert "".join(step.text for step in told) == alone(catalog, order(sampling=LONG)).text

    play(catalog, scene, gate)


def test_a_question_whose_asker_has_left_is_not_asked(catalog, gate):
    asked: list[int] = []

    async def scene(teller: Teller) -> None:
        gate.shut()
        stream = await teller.tell(order())
        await until(lambda: gate.read)
        question = asyncio.ensure_future(teller.ask(FIRST, lambda storyteller: asked.append(1)))
        await until(lambda: teller.figures.waiting)
        question.cancel()
        await asyncio.sleep(0)
        gate.open()
        await heard(stream)
        await until(lambda: teller.idle)

    play(catalog, scene, gate)
    assert asked == []


def test_what_is_still_told_at_the_end_ends_with_an_error(catalog, gate):
    async def run() -> None:
        async with working(catalog, gate, most_open=1) as teller:
            gate.shut()
            told, waiting = [await teller.tell(order(sampling=LONG)) for _ in range(2)]
            question = asyncio.ensure_future(teller.ask(FIRST, lambda storyteller: None))
            gate.step(3)
            await until(lambda: teller.figures.told)
            teller.refuse()
            with pytest.raises(StoppingError):
                await teller.tell(order())
            gate.shut()
            closing = asyncio.ensure_future(teller.close())
            await asyncio.sleep(0)
            gate.open()
            await closing
            for stream in (told, waiting):
                with pytest.raises(FailedError, match="was stopped"):
                    await heard(stream)
            await asyncio.wait([question])
            assert gate.slots[FIRST] == 0

    asyncio.run(run())


def test_merged_stories_come_with_their_ends_and_say_when_nothing_comes(catalog, gate):
    async def scene(teller: Teller) -> None:
        gate.shut()
        streams = await teller.tell_all([order(FIRST, seed=1), order(SECOND, seed=2)])
        merged = together(streams, patience=0.01)
        assert await anext(merged) == []
        gate.open()
        told: dict[int, str] = {0: "", 1: ""}
        ends = []
        async for news in merged:
            for place, steps, end in news:
                told[place] += "".join(step.text for step in steps)
                if end:
                    ends.append(place)
        assert sorted(ends) == [0, 1]
        assert told[0] == alone(catalog, order(FIRST, seed=1)).text
        assert told[1] == alone(catalog, order(SECOND, seed=2)).text

    play(catalog, scene, gate)


def test_a_reader_who_comes_late_finds_all_of_it(catalog):
    async def scene(teller: Teller) -> None:
        stream = await teller.tell(order(seed=9))
        await until(lambda: teller.idle)
        await until(lambda: stream.end)
        told, _ = await heard(stream)
        assert "".join(step.text for step in told) == alone(catalog, order(seed=9)).text

    play(catalog, scene)


def test_the_pace_is_what_was_told_lately():
    pace = Pace()
    assert pace.seconds(100, 4) == SHORTEST
    for _ in range(5):
        pace.moved(0.1)
        pace.told(50)
    assert pace.seconds(10, 4) == pytest.approx(15)  # three times fifty turns of a tenth of a second
    assert pace.seconds(10, 10) == pytest.approx(5)
    assert pace.seconds(0, 4) == SHORTEST
    assert pace.seconds(10_000, 4) == LONGEST
    for _ in range(2_000):
        pace.moved(0.05)
    assert pace.seconds(10, 4) == pytest.approx(7.5, rel=1e-3)
