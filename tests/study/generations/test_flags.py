"""What is underlined, and why."""

import pytest

from fabula.study.generations.flags import flags, with_flags
from fabula.study.generations.lints import grammar_linter
from fabula.study.generations.telling import Story

PROMPT = "Once there was a girl named Nora."
FINE = " Nora had a red kite and a small garden. One morning the kite was gone."


def kinds(text, reference, prompt=PROMPT, ended=True):
    return [(flag.kind, text[flag.start : flag.stop]) for flag in flags(text, prompt, reference, ended)]


def test_a_story_in_order_is_left_alone(reference):
    text = " Nora had a drum. There lay the garden, wet and glad."
    assert kinds(text, reference) == []


@pytest.mark.parametrize(
    ("text", "kind", "place"),
    [
        (FINE + " Then they played until Otto came by.", "late-name", "Otto"),
        (' Nora was glad. "There lay the kite.', "quote", '"'),
        (" Nora was glad. There lay the garden. They ran. There lay the garden.", "loop", None),
        (" Nora saw a grumbelow.", "non-word", "grumbelow"),
        (" Nora ran. Then he was glad.", "pronoun", "he"),
        (" Nora had a red drum and a small garden. One morning the drum was gone.", "memorised", None),
    ],
)
def test_what_is_odd_is_found(reference, text, kind, place):
    found = dict(kinds(text, reference))
    assert kind in found
    assert place is None or found[kind] == place


def test_a_loop_is_marked_once(reference):
    text = " Nora was glad. " + "They ran to the well. " * 6
    assert kinds(text, reference) == [("loop", ("They ran to the well. " * 6).strip().rstrip("."))]
    again = " There lay the garden, wet. Nora was glad. There lay the garden, wet. They played."
    assert kinds(again, reference) == [("loop", "There lay the garden, wet.")]


def test_what_the_prompt_has_wrong_is_not_the_models(reference):
    assert kinds(" They ran.", reference, prompt='Nora saw a grumbelow." He was glad.') == []


def test_a_quotation_may_be_open_where_the_story_was_cut(reference):
    text = ' Nora was glad. "There lay'
    assert [kind for kind, _ in kinds(text, reference, ended=False)] == []
    assert [kind for kind, _ in kinds(text, reference)] == ["quote"]


def test_only_samples_get_flags(reference):
    stories = [Story(PROMPT, " Nora saw a grumbelow.", mode, 0, 9, "end-of-text") for mode in ("samples", "greedy")]
    found = with_flags(stories, reference)
    assert [bool(story.flags) for story in found] == [True, False]
    assert found[0].flags[0].explanation


def test_grammar_is_checked_where_harper_is_installed():
    pytest.importorskip("harper")
    linter = grammar_linter()
    assert linter is not None
    text = "Nora found an kite. She flew it."
    assert [text[slice(*lint.span)] for lint in linter(text)] == ["an"]
