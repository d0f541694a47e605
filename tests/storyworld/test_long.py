"""Long stories: several chapters, in which what was told early is needed late."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from fabula.corpus.storyworld import (
    Event,
    Story,
    contradictions,
    history,
    is_long,
    long_history,
    stories,
    tell,
    tell_long,
)
from fabula.corpus.storyworld.lexicon.facts import POOLS
from fabula.corpus.storyworld.long.composing import SHARES, size_of
from fabula.corpus.storyworld.long.facts import PEOPLE, PLANTS, RECALLS, role_of
from fabula.corpus.storyworld.long.kinds import KINDS, NAMES, TOLD
from fabula.corpus.storyworld.long.kinds import PHRASES as FACTS
from fabula.corpus.storyworld.telling.grammar import template
from fabula.corpus.storyworld.telling.phrases import PHRASES, chapters, doing, everyday, meeting, trouble
from fabula.corpus.tokenizer import train_bpe
from fabula.study.items.templates import filler, memory

ROOT = Path(__file__).parents[2]
SPEECH = re.compile(r'"[^"]*"')
MOST_WORDS, MOST_TOKENS = 1_500, 2_000


SEED = 31


@pytest.fixture(scope="module")
def any_sample() -> list[Story]:
    """Stories of all sizes that every test may read."""
    return [tell_long(SEED, index) for index in range(500)]


@pytest.fixture(scope="module")
def long_sample() -> list[Story]:
    """Long ones that every test may read."""
    return [tell_long(SEED, index) for index in range(3_000) if size_of(SEED, index) == "long"]


def facts(story: Story) -> list[tuple[str, str, Event]]:
    """Return the role, the kind and the event of all that is planted and recalled."""
    found = [(*role_of(event.kind), event) for event in story.record.events]
    return [entry for entry in found if entry[0] in (*PLANTS, *RECALLS)]


def planted(event: Event) -> list[tuple[str, str]]:
    pairs = [(event.detail.get(f"key{n}", ""), event.detail.get(f"value{n}", "")) for n in ("", "2")]
    return [pair for pair in pairs if pair[0]]


def word_at(story: Story, event: Event, word: str) -> int:
    """Return how many words stand before the last place where an event's text has the word."""
    told = story.text[slice(*event.span)]
    at = [found.start() for found in re.finditer(rf"\b{re.escape(word)}\b", told, re.I)][-1]
    return story.text[: event.span[0] + at].count(" ")


def test_short_stories_are_what_they_were_before_there_were_long_ones() -> None:
    digest = hashlib.sha256()
    for seed in (0, 1, 7):
        for index in range(200):
            story = tell(seed, index)
            assert history(seed, index).schema == story.record.schema
            digest.update(story.text.encode() + json.dumps(story.record.to_json(), sort_keys=True).encode())
    assert digest.hexdigest() == "b9a26dbfdd88a8a43c6a07a79ac2ddfbdb9b17eb456fb64cdaf659f369476cee"
    untold = json.dumps([history(3, index).to_json() for index in range(100)], sort_keys=True)
    assert (
        hashlib.sha256(untold.encode()).hexdigest()
        == "513a51d3b4dbd051966cf293de207021da51c69f786f272114dd8b83cea607a5"
    )


def test_long_stories_have_no_contradictions(any_sample: list[Story], long_sample: list[Story]) -> None:
    for story in any_sample + long_sample:
        assert contradictions(story) == [], story.text


def test_a_long_story_is_a_pure_function_of_seed_and_index(any_sample: list[Story], long_sample: list[Story]) -> None:
    assert [tell_long(SEED, index) for index in range(20)] == any_sample[:20]
    assert len({story.text for story in long_sample}) == len(long_sample)
    for index, story in enumerate(any_sample[:20]):
        untold = long_history(SEED, index)
        assert (untold.seed, untold.index, untold.characters) == (SEED, index, story.record.characters)
        assert [e.kind for e in untold.events] == [e.kind for e in story.record.events]


def test_long_stories_are_the_same_in_another_process_with_another_hash_seed() -> None:
    program = "from fabula.corpus.storyworld import tell_long; print(*(tell_long(5, i).text for i in range(5)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "54321", "PYTHONUTF8": "1"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == " ".join(tell_long(5, i).text for i in range(5)) + "\n"


def test_the_share_of_long_stories() -> None:
    assert list(stories(3, 0, 8, 0.0)) == list(stories(3, 0, 8)) == [tell(3, index) for index in range(8)]
    assert list(stories(3, 0, 3, 1.0)) == [tell_long(3, index) for index in range(3)]
    mixed = list(stories(3, 0, 12, 0.4))
    assert mixed == [tell_long(3, i) if is_long(3, i, 0.4) else tell(3, i) for i in range(12)]
    share = sum(is_long(5, index, 0.3) for index in range(4000)) / 4000
    assert 0.27 < share < 0.33
    assert all(is_long(5, index, 0.6) for index in range(400) if is_long(5, index, 0.3))


def test_lengths(any_sample: list[Story], long_sample: list[Story]) -> None:
    words = {size: [] for size in SHARES}
    for story in any_sample + long_sample:
        words[size_of(SEED, story.record.index)].append(len(story.text.split()))
    assert max(words["scene"]) < 250
    assert 200 < sum(words["brief"]) / len(words["brief"]) < 400
    assert max(words["brief"]) < 700
    assert min(words["long"]) >= 900
    assert 1_100 <= sum(words["long"]) / len(words["long"]) <= 1_300
    assert max(words["long"]) <= MOST_WORDS
    tokenizer = train_bpe([story.text for story in stories(4, 0, 1_200, 0.9)], 2048)
    assert max(len(encoded.ids) for encoded in tokenizer.encode_batch([s.text for s in long_sample])) <= MOST_TOKENS


def test_shares_of_the_sizes() -> None:
    found = Counter(size_of(SEED, index) for index in range(4_000))
    assert all(abs(found[size] / 4_000 - share) < 0.03 for size, share in SHARES.items())


def test_early_facts_matter_late(long_sample: list[Story]) -> None:
    since_told, since_mentioned, recalls = [], [], []
    for story in long_sample:
        told: dict[tuple[str, str], int] = {}
        mentioned: dict[tuple[str, str], int] = {}
        count = 0
        for role, kind, event in facts(story):
            if role in PLANTS:
                here = {(kind, key): word_at(story, event, value) for key, value in planted(event)}
                told |= here
                mentioned |= here
                continue
            key, value = event.detail["key"], event.detail["value"]
            at = word_at(story, event, value if role == "recall" else key)
            since_told.append(at - told[kind, key])
            since_mentioned.append(at - mentioned[kind, key])
            mentioned[kind, key] = at
            count += 1
        recalls.append(count)
    assert sum(recalls) / len(recalls) >= 40
    for distances, shares in (
        (since_told, {200: 0.6, 400: 0.45, 800: 0.2}),
        (since_mentioned, {200: 0.4, 400: 0.15, 800: 0.08}),
    ):
        for distance, share in shares.items():
            assert sum(d > distance for d in distances) >= share * len(distances), distance
        assert sum(d <= 100 for d in distances) >= 0.2 * len(distances)


def test_each_fact_has_a_rival_and_which_one_is_asked_is_left_to_chance(long_sample: list[Story]) -> None:
    asked: Counter[tuple[int, int]] = Counter()
    for story in long_sample:
        groups: dict[str, list[str]] = {}
        for role, kind, event in facts(story):
            if role in PLANTS:
                groups.setdefault(kind, []).extend(key for key, _ in planted(event))
        assert 4 <= len(groups) <= 5
        assert all(len(keys) in (2, 3, 4) for keys in groups.values())
        for role, kind, event in facts(story):
            if role in RECALLS:
                asked[len(groups[kind]), groups[kind].index(event.detail["key"])] += 1
    for size in (2, 3, 4):
        total = sum(asked[size, place] for place in range(size))
        assert total > 1000
        for place in range(size):
            assert abs(asked[size, place] / total - 1 / size) < 0.03


def test_recalls_are_caused_by_what_was_told(long_sample: list[Story]) -> None:
    for story in long_sample:
        source: dict[tuple[str, str], int] = {}
        for role, kind, event in facts(story):
            if role in PLANTS:
                source |= {(kind, key): event.index for key, _ in planted(event)}
            else:
                assert source[kind, event.detail["key"]] in event.causes


def test_a_name_and_what_it_goes_with_stand_side_by_side(any_sample: list[Story]) -> None:
    names = {kind.name: kind for kind in NAMES}
    for story in any_sample:
        for _, name, event in facts(story):
            key, value = event.detail["key"], event.detail["value"]
            if name in names:
                first, second = (key, value) if "recall" in names[name].phrases else (value, key)
                assert f"{first} {second}" in story.text[slice(*event.span)]


def test_a_rhyme_is_said_again_word_by_word(any_sample: list[Story]) -> None:
    for story in any_sample:
        rhymes = [(event.detail["rhyme"], event) for event in story.record.events if "rhyme" in event.detail]
        assert len({rhyme for rhyme, _ in rhymes}) <= 1
        assert all(rhyme in story.text[slice(*event.span)] for rhyme, event in rhymes)


def test_chapters_start_paragraphs_and_are_numbered(long_sample: list[Story]) -> None:
    for story in long_sample:
        starts = [event for event in story.record.events if "chapter" in event.detail]
        assert [event.detail["chapter"] for event in starts] == [str(n + 2) for n in range(len(starts))]
        assert len(starts) >= 3
        assert all(story.text[event.span[0] - 1] == "\n" for event in starts)


def test_spans_and_records(long_sample: list[Story]) -> None:
    for story in long_sample[:100]:
        end = 0
        for event in story.record.events:
            assert end <= event.span[0] < event.span[1]
            end = event.span[1]
            assert all(0 <= cause < event.index for cause in event.causes)
            assert all(quote in story.text[slice(*event.span)] for quote in event.quotes)
        assert end == len(story.text)
        plain = story.record.to_json()
        assert json.loads(json.dumps(plain)) == plain


def test_good_form(any_sample: list[Story], long_sample: list[Story]) -> None:
    for story in any_sample + long_sample:
        assert "  " not in story.text
        assert story.text.isascii()
        assert not set(story.text) & set("<>[]{}|/_=;")
        assert not {"KEY", "VALUE", "FRAME"} & set(re.findall(r"\w+", story.text))
        assert not set(re.findall(r"\b([a-z]+) \1\b", story.text)) - {"had", "that"}
        for paragraph in story.text.split("\n"):
            assert paragraph == paragraph.strip()
            assert paragraph[-1] in '.!?"'
            assert paragraph.count('"') % 2 == 0, paragraph
            assert not re.search(r"\. [a-z]", SPEECH.sub("", paragraph)), paragraph
            assert not re.search(r"[.!?,]{2}| [.,!?]|,\.", paragraph), paragraph
        for article, word in re.findall(r"\b([Aa]n?) (\w+)", story.text):
            vowel = bool(re.match(r"[aeiou]|hon|hour", word.lower())) and not word.startswith(("uni", "use", "one"))
            assert (article.lower() == "an") == vowel, f"{article} {word}"


def test_every_kind_of_fact_has_several_wordings_and_is_told(long_sample: list[Story]) -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert kind.phrases["scene"]
        assert len(kind.phrases["plant"]) + len(kind.phrases.get("pair", ())) >= 3
        assert sum(len(kind.phrases.get(role, ())) for role in RECALLS) >= (8 if kind in NAMES else 4)
        for pool in (kind.keys, kind.values):
            assert pool == PEOPLE or len(set(POOLS[pool])) == len(POOLS[pool]) >= 6
        assert all(template(source).sentences for templates in kind.phrases.values() for source in templates)
        for source in (source for role in RECALLS for source in kind.phrases.get(role, ())):
            assert all(slot in source for slot in ("<=value>", "<a.called>" if kind.keys == PEOPLE else "<=key>"))
    told = {kind for story in long_sample for _, kind, _ in facts(story)}
    assert {kind.name for kind in NAMES} <= told <= {kind.name for kind in KINDS}
    assert len(told) > 0.9 * len(KINDS)
    assert len(TOLD) >= 25


def test_no_kind_of_event_has_its_phrases_in_two_tables() -> None:
    tables = (everyday.PHRASES, doing.PHRASES, meeting.PHRASES, trouble.PHRASES, chapters.PHRASES, FACTS)
    assert sum(map(len, tables)) == len(PHRASES)


def six_grams(text: str) -> set[tuple[str, ...]]:
    """Return the runs of six lower-cased words of a template, slots aside."""
    words = [re.findall(r"[a-z']+", run) for run in re.split(r"[{<][^}>]*[}>]", text.lower())]
    return {tuple(run[i : i + 6]) for run in words for i in range(len(run) - 5)}


def test_no_six_words_are_those_of_the_memory_probe() -> None:
    probe = set[tuple[str, ...]]().union(
        *(six_grams(text) for text in (*filler.SENTENCES, *(family.text for family in memory.FAMILIES)))
    )
    assert len(probe) > 100
    for table in (FACTS, chapters.PHRASES):
        for source in (source for templates in table.values() for source in templates):
            assert not six_grams(source) & probe, source


# stories that have been tampered with


def recalled(story: Story) -> tuple[str, Event, str]:
    """Return the kind and the event of the last recollection, and a value that is another key's."""
    _, kind, event = [entry for entry in facts(story) if entry[0] == "recall"][-1]
    pairs = [pair for role, name, e in facts(story) if role in PLANTS and name == kind for pair in planted(e)]
    return kind, event, next(value for key, value in pairs if key != event.detail["key"])


def test_a_recollection_of_another_value_is_a_contradiction(long_sample: list[Story]) -> None:
    for story in long_sample[:100]:
        _, event, wrong = recalled(story)
        right = event.detail["value"]
        start, end = event.span
        told = re.sub(rf"\b{right}\b", wrong, story.text[start:end])
        told = re.sub(rf"\b{right.capitalize()}\b", wrong.capitalize(), told)
        assert told != story.text[start:end]
        shift = len(told) - (end - start)
        events = [
            replace(e, span=(e.span[0] + shift * (e.index > event.index), e.span[1] + shift * (e.index >= event.index)))
            for e in story.record.events
        ]
        events[event.index] = replace(events[event.index], quotes=(told,))
        text = story.text[:start] + told + story.text[end:]
        damaged = Story(text, replace(story.record, events=tuple(events)))
        found = contradictions(damaged)
        assert any("is told of instead" in problem for problem in found), told
        assert any(f"{right!r} is not told of" in problem for problem in found), told


def changed(story: Story, event: Event, new: Event) -> Story:
    events = tuple(new if e is event else e for e in story.record.events)
    return replace(story, record=replace(story.record, events=events))


def test_a_record_that_remembers_something_else_is_a_contradiction(long_sample: list[Story]) -> None:
    for story in long_sample[:100]:
        _, event, wrong = recalled(story)
        other = replace(event, detail={**event.detail, "value": wrong})
        assert any("but it was" in problem for problem in contradictions(changed(story, event, other)))
        uncaused = replace(event, causes=())
        assert any("not among its causes" in problem for problem in contradictions(changed(story, event, uncaused)))
        never_told = [e for role, kind, e in facts(story) if role in PLANTS and event.kind.endswith(f" {kind}")]
        forgotten = story
        for e in never_told:
            forgotten = changed(forgotten, e, replace(e, kind="rest"))
        assert any("never told of" in problem for problem in contradictions(forgotten))
