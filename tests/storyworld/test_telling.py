"""The text of a story: a pure function of seed and index, never told twice, and written in good form."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.corpus.storyworld import Story, contradictions, stories, tell

ROOT = Path(__file__).parents[2]
SPEECH = re.compile(r'"[^"]*"')


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**63), index=st.integers(0, 2**40))
def test_a_story_is_a_pure_function_of_seed_and_index(seed: int, index: int) -> None:
    story = tell(seed, index)
    assert story == tell(seed, index)
    assert (story.record.seed, story.record.index) == (seed, index)
    assert contradictions(story) == []


def test_stories_are_the_same_in_another_process_with_another_hash_seed() -> None:
    program = "from fabula.corpus.storyworld import tell; print(''.join(tell(5, i).text for i in range(20)), end='')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "12345", "PYTHONUTF8": "1"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == "".join(tell(5, i).text for i in range(20))


def test_stories_yields_the_stories_of_a_range() -> None:
    assert list(stories(3, 7, 11)) == [tell(3, i) for i in (7, 8, 9, 10)]
    assert list(stories(3, 7, 7)) == []


def test_no_two_stories_are_identical_and_seeds_differ(sample: list[Story]) -> None:
    texts = [story.text for story in sample]
    assert len(set(texts)) == len(texts)
    assert not {tell(12, i).text for i in range(100)} & set(texts)


def test_paragraphs_and_spaces(sample: list[Story]) -> None:
    for story in sample:
        assert story.text == story.text.strip()
        assert "  " not in story.text
        assert "\n\n" not in story.text
        for paragraph in story.text.split("\n"):
            assert paragraph == paragraph.strip()
            assert paragraph
            assert paragraph.count('"') % 2 == 0, paragraph


def test_nothing_is_left_unrendered_and_all_is_plain_text(sample: list[Story]) -> None:
    for story in sample:
        assert not set(story.text) & set("<>[]{}|/_=;"), story.text
        assert story.text.isascii()


def test_every_sentence_starts_with_a_capital_and_ends_in_punctuation(sample: list[Story]) -> None:
    for story in sample:
        for paragraph in story.text.split("\n"):
            assert paragraph[-1] in '.!?"', paragraph
            narration = SPEECH.sub("", paragraph)
            assert not re.search(r"\. [a-z]", narration), paragraph
            for speech in SPEECH.findall(paragraph):
                assert speech[1].isupper(), paragraph
                assert speech[-2] in ".!?,", paragraph
            assert not re.search(r"[.!?,]{2}|[ ][.,!?]|,\.", paragraph), paragraph
        for quote in (q for event in story.record.events for q in event.quotes):
            assert quote.lstrip('"')[0].isupper(), quote


def test_a_comma_inside_a_quotation_is_followed_by_who_speaks(sample: list[Story]) -> None:
    for story in sample:
        for found in re.finditer(r',"(.{0,60})', story.text):
            assert re.match(r" (?:[a-z]+ )*[A-Za-z]+", found[1]), found[0]


def test_articles_fit_the_next_word(sample: list[Story]) -> None:
    for story in sample:
        for article, word in re.findall(r"\b([Aa]n?) (\w+)", story.text):
            vowel = bool(re.match(r"[aeiou]|hon|hour", word.lower())) and not word.startswith(("uni", "use", "one"))
            assert (article.lower() == "an") == vowel, f"{article} {word}"


def test_no_word_is_doubled(sample: list[Story]) -> None:
    for story in sample:
        doubled = re.findall(r"\b([a-z]+) \1\b", story.text)
        assert not set(doubled) - {"had", "that"}, story.text


def test_a_pronoun_never_follows_a_preposition_in_the_wrong_case(sample: list[Story]) -> None:
    for story in sample:
        wrong = re.search(r"\b(for|to|with|at|from|about|of|saw|met) (he|she|they)\b(?! was| is)", story.text)
        assert wrong is None, wrong


def test_a_sentence_is_not_repeated_within_a_story(sample: list[Story]) -> None:
    repeated = 0
    for story in sample:
        quotes = Counter(q for event in story.record.events for q in event.quotes if q.count(" ") >= 4)
        repeated += any(n > 1 for n in quotes.values())
    assert repeated <= len(sample) * 0.02
