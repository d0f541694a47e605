"""The record of a story: plain data whose causes point backwards and whose spans lie in the text."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.corpus.storyworld import Story, history, tell
from fabula.corpus.storyworld.schemas import SCHEMAS
from fabula.corpus.storyworld.telling.grammar import template
from fabula.corpus.storyworld.telling.phrases import PHRASES, REACTIONS


def test_causes_point_backwards_and_feelings_have_reasons(sample: list[Story]) -> None:
    for story in sample:
        for event in story.record.events:
            assert all(0 <= cause < event.index for cause in event.causes)
            assert all(0 <= effect.because <= event.index for effect in event.effects)
            for effect in event.effects:
                if effect.variable == "feels":
                    assert effect.subject in story.record.events[effect.because].participants()


def test_every_event_is_told_in_order_where_its_span_says(sample: list[Story]) -> None:
    for story in sample:
        end = 0
        for event in story.record.events:
            assert end <= event.span[0] < event.span[1] <= len(story.text)
            end = event.span[1]
            told = story.text[slice(*event.span)]
            assert event.quotes
            assert all(quote in told for quote in event.quotes)
        assert end == len(story.text)


def test_most_of_a_story_is_caused(sample: list[Story]) -> None:
    for story in sample:
        caused = sum(bool(event.causes) for event in story.record.events)
        assert caused >= 2, story.record.schema


def test_the_text_of_a_record_survives_json(sample: list[Story]) -> None:
    for story in sample[:50]:
        plain = story.record.to_json()
        assert json.loads(json.dumps(plain)) == plain
        assert plain["schema"] == story.record.schema
        assert [e["kind"] for e in plain["events"]] == [e.kind for e in story.record.events]


@settings(max_examples=30, deadline=None)
@given(index=st.integers(0, 10**9))
def test_telling_adds_nothing_to_the_history_but_where_it_is_told(index: int) -> None:
    untold, told = history(2, index), tell(2, index).record
    assert (untold.schema, untold.characters, untold.things, untold.places, untold.initial) == (
        told.schema,
        told.characters,
        told.things,
        told.places,
        told.initial,
    )
    for before, after in zip(untold.events, told.events, strict=True):
        assert (before.kind, before.participants(), before.effects) == (after.kind, after.participants(), after.effects)


def test_every_schema_is_told(sample: list[Story]) -> None:
    assert {story.record.schema for story in sample} == {schema.name for schema in SCHEMAS}


def test_every_template_can_be_read() -> None:
    for templates in (*PHRASES.values(), *REACTIONS.values()):
        assert templates
        for source in templates:
            assert template(source).sentences


def test_a_stranger_is_of_a_kind_of_their_own() -> None:
    """Otherwise "the snail" could be Button the snail or the slow snail whom she meets."""
    for index in range(3000):
        characters = tell(777, index).record.characters
        for stranger in characters:
            if stranger.role == "stranger":
                others = {c.kind.split()[-1] for c in characters if c is not stranger}
                assert stranger.kind.split()[-1] not in others, (index, stranger)
