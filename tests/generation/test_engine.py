"""The engine: every story as if it were told alone, whatever happens around it, and nothing left behind."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.errors import UserError
from fabula.generation.engine import Request
from tests.generation.backends import constant, script
from tests.generation.engines import (
    COMMON,
    CONTEXT,
    PLAIN,
    RULE,
    TOKENIZER,
    VOCABULARY,
    Eager,
    Fickle,
    alone,
    finish,
    never_ends,
    new_engine,
    plainly,
    request,
    told,
)


def steering(tokens):
    """Forbid what was drawn last and like its successor: a steer that must see just the tokens before a draw."""
    if not len(tokens):
        return {}
    last = int(tokens[-1])
    return {last: -np.inf, (last + len(tokens)) % VOCABULARY: 4.0}


requests = st.builds(
    request,
    tokens=st.lists(st.integers(0, VOCABULARY - 1), max_size=CONTEXT - 1).map(lambda tokens: [*tokens, COMMON[0]]),
    lead=st.integers(0, 1),
    seed=st.integers(0, 50),
    temperature=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    repetition_penalty=st.sampled_from([1.0, 1.3]),
    frequency_penalty=st.sampled_from([0.0, 0.5]),
    max_new_tokens=st.integers(1, 60),
    stop=st.lists(st.text("ab é", min_size=1, max_size=3), max_size=2).map(tuple),
    past_context=st.sampled_from(["stop", "slide"]),
    steer=st.sampled_from([None, None, steering]),
)


def truth_of(asked: Request) -> dict:
    return {(asked.tokens, asked.sampling, asked.seed): plainly(asked)[0]}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_every_story_is_the_one_that_is_told_plainly(data):
    """Whatever comes and goes beside it, however prompts are cut, with a right or a wrong draft."""
    asked = data.draw(st.lists(requests, min_size=1, max_size=6))
    expected = [plainly(one) for one in asked]
    guesses = data.draw(st.integers(0, 6))
    truths = {(one.tokens, one.sampling, one.seed): expected[i][0] for i, one in enumerate(asked) if not one.steer}
    draft = Fickle(truths, data.draw(st.integers(0, 99))) if guesses else None
    # Two requests may differ in their steer alone: then nobody knows the truth.
    if draft:
        for one in asked:
            if one.steer:
                truths.pop((one.tokens, one.sampling, one.seed), None)
    engine = new_engine(
        draft=draft,
        pace=Eager(guesses),
        most=data.draw(st.integers(1, 6)),
        positions=data.draw(st.integers(1, 200)),
        prompt_tokens=data.draw(st.integers(1, 30)),
    )
    stories = []
    waiting = list(asked)
    while waiting or engine.busy:
        action = data.draw(st.sampled_from(["submit", "step", "step", "step", "cancel"]))
        if action == "submit" and waiting:
            stories.append(engine.submit(waiting.pop(0)))
        elif action == "cancel" and stories and data.draw(st.integers(0, 7)) == 0:
            engine.cancel(data.draw(st.sampled_from(stories)))
        else:
            before = {story: (len(story.drawn), story.text) for story in stories}
            moved = engine.step()
            for story in stories:
                assert (len(story.drawn) > before[story][0]) == (story in moved)
                assert story.text.startswith(before[story][1])
    assert not engine.backend.slots
    assert not draft or not draft.told
    for story, (tokens, text, reason) in zip(stories, expected, strict=True):
        if story.stop_reason == "cancelled":
            assert told(story)[0] == tokens[: len(story.drawn)]
            assert story.text == TOKENIZER.decode(tokens[: len(story.drawn)]).rstrip("\ufffd")
        else:
            assert told(story) == (tokens, text, reason)


@settings(deadline=None, max_examples=60)
@given(requests, st.integers(1, 8), st.integers(0, 99))
def test_a_draft_never_changes_a_story(asked, guesses, seed):
    pace = Eager(guesses)
    draft = Fickle(truth_of(asked) if not asked.steer else {}, seed)
    story = alone(asked, draft=draft, pace=pace)
    assert told(story) == plainly(asked)
    assert story.guessed == sum(guessed for guessed, _ in pace.judged)
    assert story.accepted == sum(accepted for _, accepted in pace.judged)
    assert story.accepted <= story.guessed <= draft.guessed
    assert not draft.told


def test_right_guesses_save_reads():
    asked = request(max_new_tokens=16, repetition_penalty=1.2, seed=3, steer=never_ends)

    class Oracle(Fickle):
        def guess(self, stories, most):
            return [truth[len(self.told[story]) :][:count] for story, count in zip(stories, most, strict=True)]

    truth = plainly(asked)[0]
    assert len(truth) == 16
    engine = new_engine(draft=Oracle({}, 0), pace=Eager(4))
    story = engine.submit(asked)
    moved = []
    while engine.busy:
        engine.step()
        moved.append(len(story.drawn))
    assert told(story)[0] == truth
    assert moved == [1, 6, 11, 16]
    assert (story.guessed, story.accepted) == (12, 12)


def test_guesses_stay_within_the_context_and_the_limit():
    """The strict backend refuses positions beyond a slot's capacity; here the guesses would go beyond both."""
    for max_new_tokens in range(1, CONTEXT + 4):
        for past_context in ("stop", "slide"):
            asked = request(max_new_tokens=max_new_tokens, past_context=past_context, steer=never_ends)
            draft = Fickle({}, 1)
            draft.truths = {(asked.tokens, asked.sampling, asked.seed): plainly(asked)[0]}
            assert told(alone(asked, draft=draft, pace=Eager(30))) == plainly(asked)


@pytest.mark.parametrize("prompt_tokens", [1, 3, 256])
def test_a_long_prompt_does_not_hold_up_the_others(prompt_tokens):
    engine = new_engine(context=200, prompt_tokens=prompt_tokens)
    short = engine.submit(request(max_new_tokens=30, steer=never_ends))
    while not short.drawn:
        engine.step()
    long = engine.submit(request(tokens=[0] + [7] * 150, max_new_tokens=3, steer=never_ends))
    before = len(short.drawn)
    while not long.drawn:
        drawn = len(short.drawn)
        engine.step()
        assert len(short.drawn) == min(drawn + 1, 30)
        read = sum(len(feed.tokens) for feed in engine.backend.reads[-1] if feed.slot == 2)
        assert read <= prompt_tokens
    assert len(short.drawn) > before
    finish(engine)
    assert told(long) == plainly(long.request, context=200)


def test_a_short_prompt_is_read_beside_a_long_one():
    engine = new_engine(context=500, prompt_tokens=40)
    long = engine.submit(request(tokens=[0] + [7] * 400))
    short = engine.submit(request(tokens=[0, 8, 9]))
    engine.step()
    assert short.drawn
    assert not long.drawn
    assert sum(len(feed.tokens) for feed in engine.backend.reads[-1]) == 40


def test_stories_get_their_turn_in_the_order_they_came():
    engine = new_engine(most=2)
    stories = [engine.submit(request(seed=seed, max_new_tokens=4)) for seed in range(7)]
    begun: list = []
    while engine.busy:
        engine.step()
        begun += [story for story in stories if story.drawn and story not in begun]
        assert len(engine.backend.slots) <= 2
    assert begun == stories


def test_no_more_positions_are_reserved_than_allowed_unless_one_story_needs_them():
    engine = new_engine(positions=20)
    stories = [engine.submit(request(seed=seed, max_new_tokens=8)) for seed in range(5)]
    stories.append(engine.submit(request(max_new_tokens=50)))
    reserved = []
    while engine.busy:
        engine.step()
        reserved.append(engine.backend.capacity.copy())
    assert all(sum(slots.values()) <= 20 or len(slots) == 1 for slots in reserved)
    assert any(len(slots) == 2 for slots in reserved)
    assert all(told(story) == plainly(story.request) for story in stories)


def test_a_slot_is_as_large_as_its_story_may_become():
    engine = new_engine()
    engine.submit(request(max_new_tokens=5, steer=never_ends))
    engine.submit(request(max_new_tokens=500, steer=never_ends))
    engine.step()
    assert list(engine.backend.capacity.values()) == [7, CONTEXT]


def test_a_cancelled_story_keeps_what_it_has_and_frees_its_slot():
    engine = new_engine(most=1)
    first, second = (engine.submit(request(seed=seed, steer=never_ends)) for seed in (1, 2))
    engine.step()
    engine.step()
    engine.cancel(first)
    assert first.stop_reason == "cancelled"
    assert len(first.drawn) == 2
    assert not engine.backend.slots
    engine.cancel(first)
    third = engine.submit(request(seed=3))
    engine.cancel(third)
    assert (third.stop_reason, third.drawn) == ("cancelled", [])
    finish(engine)
    assert told(second) == plainly(second.request)
    engine.cancel(second)
    assert second.stop_reason != "cancelled"


@pytest.mark.parametrize("guesses", [0, 3])
def test_a_step_that_fails_leaves_nothing_behind_and_the_engine_usable(guesses):
    draft = Fickle({}, 0) if guesses else None
    engine = new_engine(draft=draft, pace=Eager(guesses), most=2)
    stories = [engine.submit(request(seed=seed, steer=never_ends)) for seed in range(3)]
    engine.backend.fail_at = 2
    with pytest.raises(RuntimeError, match="the backend fails"):
        finish(engine)
    assert [story.stop_reason for story in stories] == ["cancelled"] * 3
    assert not engine.busy
    assert not engine.backend.slots
    assert not draft or not draft.told
    engine.backend.fail_at = None
    again = engine.submit(request())
    finish(engine)
    assert told(again) == plainly(request())


def test_a_story_waits_for_memory_while_others_hold_some(monkeypatch):
    engine = new_engine()
    stories = [engine.submit(request(seed=seed)) for seed in range(3)]
    room_for = 1
    opening = engine.backend.open

    def scarce(capacity):
        if len(engine.backend.slots) >= room_for:
            raise MemoryError
        return opening(capacity)

    monkeypatch.setattr(engine.backend, "open", scarce)
    finish(engine)
    assert [told(story) for story in stories] == [plainly(story.request) for story in stories]
    engine.submit(request())
    room_for = 0
    with pytest.raises(MemoryError):
        finish(engine)
    assert not engine.busy


def test_a_steer_that_fails_leaves_nothing_behind():
    def fails(tokens):
        raise ZeroDivisionError

    engine = new_engine()
    engine.submit(request())
    engine.submit(request(steer=fails))
    with pytest.raises(ZeroDivisionError):
        finish(engine)
    assert not engine.backend.slots


def test_leaving_an_engine_cancels_its_stories():
    with new_engine() as engine:
        story = engine.submit(request(steer=never_ends))
        engine.step()
        waiting = engine.submit(request())
    assert not engine.backend.slots
    assert {story.stop_reason, waiting.stop_reason} == {"cancelled"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Request((), 0, PLAIN, 0), "needs a beginning"),
        (Request((0, 1), 3, PLAIN, 0), "needs a beginning"),
        (Request((0,) * (CONTEXT + 1), 1, PLAIN, 0), f"has {CONTEXT + 1} tokens; the model's context holds {CONTEXT}"),
        (Request((0, VOCABULARY), 1, PLAIN, 0), "a token that is none of the model's"),
        (Request((0, -1), 1, PLAIN, 0), "a token that is none of the model's"),
        (Request((0,), 1, PLAIN, -1), "seed = -1"),
        (Request((0,), 1, PLAIN, 0, alternatives=VOCABULARY + 1), "alternatives = "),
        (Request((0,) * CONTEXT, CONTEXT, replace(PLAIN, past_context="slide"), 0), "has no room beside its lead"),
    ],
)
def test_a_request_that_cannot_be_told_is_refused_at_once_and_alone(wrong, message):
    engine = new_engine()
    story = engine.submit(request())
    with pytest.raises(UserError, match=message) as error:
        engine.submit(wrong)
    assert "\n" not in str(error.value)
    finish(engine)
    assert told(story) == plainly(request())


def test_it_stops_at_end_of_text():
    assert told(alone(request(), end=tuple(range(VOCABULARY)))) == ([plainly(request())[0][0]], "", "end-of-text")


@pytest.mark.parametrize("extra", [-1, 0, 1, 500])
def test_it_stops_at_the_end_of_the_context(extra):
    room = CONTEXT - 3 + 1
    story = alone(request(temperature=0, max_new_tokens=room + extra), rule=constant(VOCABULARY, t9=5))
    assert len(story.drawn) == room + min(extra, 0)
    assert story.stop_reason == ("context" if extra > 0 else "max-new-tokens")


def test_a_prompt_that_fills_the_context_gives_one_token():
    story = alone(request(tokens=[0] + [5] * (CONTEXT - 1), max_new_tokens=9), rule=constant(VOCABULARY, t9=50))
    assert ([one.token for one in story.drawn], story.stop_reason) == ([9], "context")


def test_the_lead_is_not_penalized():
    """With the penalty, a small advantage of end-of-text would be gone and the first other token would win."""
    asked = request(tokens=[0, 5], temperature=0, repetition_penalty=1e9, max_new_tokens=3)
    rule = constant(VOCABULARY, t0=1, t9=0.5)
    assert alone(asked, rule=rule).stop_reason == "end-of-text"
    assert alone(replace(asked, lead=0), rule=rule).drawn[0].token == 9


def test_sliding_keeps_the_lead_and_the_newest_half():
    held = []

    def rule(tokens):
        held.append(list(tokens))
        return constant(VOCABULARY, **{f"t{10 + len(held)}": 50})(tokens)

    asked = request(tokens=[0, 1, 2], temperature=0, max_new_tokens=12, past_context="slide")
    story = alone(asked, rule=rule, context=7)
    assert [one.token for one in story.drawn] == list(range(11, 23))
    assert held[4] == [0, 1, 2, 11, 12, 13, 14]
    assert held[5] == [0, 13, 14, 15]
    assert held[8] == [0, 13, 14, 15, 16, 17, 18]
    assert held[9] == [0, 17, 18, 19]
    assert story.stop_reason == "max-new-tokens"


@pytest.mark.parametrize(("context", "lead"), [(1, 0), (2, 0), (2, 1), (3, 1), (4, 2)])
def test_even_the_smallest_context_slides(context, lead):
    asked = request(tokens=[4] * context, lead=lead, max_new_tokens=9, past_context="slide")
    assert told(alone(asked, context=context)) == plainly(asked, context=context)


def test_a_stop_text_may_span_tokens_and_characters():
    text = "One two. Thé end, three"
    tokens = TOKENIZER.encode(text, add_special_tokens=False).ids
    asked = request(tokens=[0], temperature=0, max_new_tokens=len(tokens), stop=("hé en", "zzz"))
    texts = []
    engine = new_engine(script(VOCABULARY, tokens), context=100)
    story = engine.submit(asked)
    while engine.busy:
        engine.step()
        texts.append(story.text)
    assert (story.text, story.stop_reason) == ("One two. T", "stop-text")
    assert not any("h" in shown for shown in texts)
    assert len(story.drawn) < len(tokens)


def test_text_that_could_have_become_a_stop_text_comes_with_the_end():
    tokens = TOKENIZER.encode("The en", add_special_tokens=False).ids
    asked = request(tokens=[0], temperature=0, max_new_tokens=50, stop=("The end",))
    story = alone(asked, rule=script(VOCABULARY, [*tokens, 0]), context=100)
    assert (story.text, story.stop_reason) == ("The en", "end-of-text")


def test_probabilities_and_alternatives_come_with_every_token():
    asked = request(alternatives=3, probabilities=True, seed=5)
    story = alone(asked)
    assert told(story) == plainly(asked)
    for place, one in enumerate(story.drawn):
        logits = RULE([*asked.tokens, *(other.token for other in story.drawn[:place])]).astype(np.float64)
        expected = logits - np.log(np.exp(logits).sum())
        assert one.log_probability == pytest.approx(expected[one.token], abs=1e-6)
        assert [token for token, _ in one.alternatives] == np.argsort(-logits)[:3].tolist()
    assert all(np.isnan(one.log_probability) and not one.alternatives for one in alone(request()).drawn)


def test_a_story_without_a_limit_reserves_no_more_than_the_context():
    story = alone(request(max_new_tokens=10**12, steer=never_ends))
    assert (len(story.drawn), story.stop_reason) == (CONTEXT - 2, "context")
