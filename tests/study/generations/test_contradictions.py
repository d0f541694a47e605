"""The judge of generated contradictions: silent on how the stories really go on, and not deaf."""

import random
import re
from collections.abc import Callable

import pytest

from fabula.corpus.storyworld.lexicon.things import COLOURS
from fabula.study.generations.contradictions import KINDS, WorldPrompt, contradictions_in, prompts
from fabula.study.text import sentence_spans

PROMPTS = prompts(3, 400)


def continuation(prompt: WorldPrompt) -> str:
    return prompt.story.text[len(prompt.text) :]


def test_prompts_are_beginnings_and_always_the_same() -> None:
    assert [p.text for p in prompts(3, 5)] == [p.text for p in PROMPTS[:5]]
    for prompt in PROMPTS:
        assert prompt.story.text.startswith(prompt.text)
        assert prompt.text == prompt.story.text[: prompt.story.record.events[prompt.until].span[1]]
        assert 0.1 < len(prompt.text) / len(prompt.story.text) < 0.9


def test_other_seeds_tell_other_stories() -> None:
    assert not {p.text for p in prompts(4, 20)} & {p.text for p in PROMPTS}


def test_true_continuations_have_no_contradictions() -> None:
    for prompt in PROMPTS:
        assert contradictions_in(continuation(prompt), prompt) == [], prompt.story.text


def color(prompt: WorldPrompt, chance: random.Random) -> str:
    thing = next((t for t in prompt.things if t.colour and f"{t.colour} {t.noun}" in prompt.text), None)
    other = chance.choice([c for c in COLOURS if thing and c != thing.colour] or [""])
    return f"They looked at the {other} {thing.noun}." if thing else ""


def lost(prompt: WorldPrompt, chance: random.Random) -> str:
    thing = next((t for t in prompt.things if prompt.state.get(("lost", t.id)) == "yes"), None)
    return f"{prompt.cast[0].name} hugged the {thing.noun}." if thing else ""


def broken(prompt: WorldPrompt, chance: random.Random) -> str:
    thing = next((t for t in prompt.things if prompt.state.get(("condition", t.id)) == "broken"), None)
    return f"{prompt.cast[0].name} played with the {thing.noun} all day." if thing else ""


def owner(prompt: WorldPrompt, chance: random.Random) -> str:
    for thing in prompt.things:
        who = prompt.state.get(("owner", thing.id))
        others = [c.name for c in prompt.cast if c.named and c.id != who]
        if others and who in {c.id for c in prompt.cast}:
            return f"They looked at {others[0]}'s {thing.noun}."
    return ""


def kind(prompt: WorldPrompt, chance: random.Random) -> str:
    hero = prompt.cast[0]
    return f"{hero.name} the {'parrot' if hero.kind != 'parrot' else 'zebra'} smiled."


def name(prompt: WorldPrompt, chance: random.Random) -> str:
    return f"Suddenly, they met a tiny mole named {prompt.cast[0].name}."


def pronoun(prompt: WorldPrompt, chance: random.Random) -> str:
    if len({c.pronoun for c in prompt.cast}) > 1:
        return ""
    return "Then she smiled." if prompt.cast[0].pronoun == "he" else "Then he smiled."


def place(prompt: WorldPrompt, chance: random.Random) -> str:
    places = {prompt.state[("place", c.id)] for c in prompt.cast}
    here = next(p.noun for p in prompt.story.record.places if p.id in places)
    if len(places) > 1 or here not in ("park", "beach", "farm", "playground", "market", "zoo", "cave", "jungle"):
        return ""
    return f"They were still at the {'market' if here != 'market' else 'zoo'}."


def oneself(prompt: WorldPrompt, chance: random.Random) -> str:
    hero = prompt.cast[0].name
    return f"Then {hero} and {hero} laughed."


Plant = Callable[[WorldPrompt, random.Random], str]
PLANTS: dict[str, tuple[Plant, float]] = {
    "color": (color, 0.6),
    "lost": (lost, 0.3),
    "broken": (broken, 0.3),
    "owner": (owner, 0.5),
    "kind": (kind, 0.7),
    "name": (name, 0.95),
    "pronoun": (pronoun, 0.2),
    "place": (place, 0.3),
    "self": (oneself, 0.95),
}
"""By kind: a false sentence for a prompt ("" when none fits), and the least share that is to be caught."""


def caught(kind_of: str) -> tuple[int, int]:
    """Put the false sentence among the first five of the true continuation; return how many are caught, of how many."""
    plant, chance = PLANTS[kind_of][0], random.Random(kind_of)
    found = tried = 0
    for prompt in PROMPTS:
        false, true = plant(prompt, chance), continuation(prompt)
        if false:
            at = chance.choice([0, *(stop for _, stop in sentence_spans(true)[:4])])
            told = f"{true[:at]} {false}{true[at:]}"
            tried += 1
            found += kind_of in {c.kind for c in contradictions_in(told, prompt)}
    return found, tried


@pytest.mark.parametrize("kind_of", PLANTS)
def test_planted_contradictions_are_caught(kind_of: str) -> None:
    found, tried = caught(kind_of)
    assert tried >= 20
    assert found >= PLANTS[kind_of][1] * tried, f"{found} of {tried}"


def test_every_kind_is_planted() -> None:
    assert set(PLANTS) == set(KINDS)


def test_a_lost_thing_may_be_found() -> None:
    prompt = next(p for p in PROMPTS if lost(p, random.Random(0)))
    noun = next(t.noun for t in prompt.things if prompt.state.get(("lost", t.id)) == "yes")
    hero = prompt.cast[0].name
    assert contradictions_in(f" {hero} held the {noun}.", prompt)
    assert not contradictions_in(f" {hero} found it under a bush. {hero} held the {noun}.", prompt)
    assert not contradictions_in(f" {hero} wished that they held the {noun}.", prompt)


def test_a_sentence_cut_off_by_the_length_limit_does_not_count() -> None:
    prompt = PROMPTS[0]
    hero = prompt.cast[0].name
    assert contradictions_in(f" {hero} and {hero} went.", prompt)
    assert not contradictions_in(f" {hero} and {hero}", prompt)


def test_speech_is_not_a_statement() -> None:
    chance = random.Random(0)
    pairs = [(p, pronoun(p, chance)) for p in PROMPTS]
    prompt, wrong = next((p, text) for p, text in pairs if text and contradictions_in(f" {text}", p))
    assert re.search("Then s?he smiled", wrong)
    assert not contradictions_in(f' "{wrong}"', prompt)
