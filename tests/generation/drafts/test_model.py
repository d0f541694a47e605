from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from fabula.errors import UserError
from fabula.generation.backend import Draw, Feed
from fabula.generation.drafts import model
from fabula.generation.drafts.model import ModelDraft
from fabula.generation.sampling import Sampling
from tests.generation.backends import PlainBackend, constant, hashed
from tests.tiny import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
VOCABULARY = 40
SAMPLING = Sampling(temperature=1.0, top_p=1.0, repetition_penalty=1.3, presence_penalty=0.2, max_new_tokens=60)
PROMPT = [0, 5, 6, 7]


def backend(context: int = 100, order: int = 1_000_000) -> PlainBackend:
    """Read with a rule that depends on every token held, or on the last `order`."""
    return PlainBackend(VOCABULARY, context, hashed(VOCABULARY, order))


def draft(context: int = 100, end_of_text: tuple[int, ...] = (1,)) -> tuple[ModelDraft, PlainBackend]:
    """A draft whose end-of-text, unless it is asked for, stops no guesses: the lead is token 0."""
    computing = backend(context)
    made = ModelDraft(computing, TOKENIZER, (0,))
    made.end_of_text = end_of_text
    return made, computing


def tell(prompt: Sequence[int], sampling: Sampling, seed: int, count: int) -> list[int]:
    """Tell a story without any draft, with the draft's own model as the target."""
    target = backend()
    slot = target.open(100)
    tokens = list(prompt)
    read = 0
    for index in range(count):
        target.read([Feed(slot, read, tokens[read:])])
        read = len(tokens)
        context = np.array(tokens[1:], np.int32)
        draw = Draw(0, sampling, context, len(prompt) - 1, seed, index)
        tokens.append(target.draw([draw])[0].token)
    return tokens[len(prompt) :]


@pytest.mark.parametrize("sampling", [SAMPLING, replace(SAMPLING, temperature=0.0)])
def test_a_draft_that_is_the_model_guesses_every_token(sampling: Sampling) -> None:
    story = tell(PROMPT, sampling, 9, 40)
    made, _ = draft()
    made.open(0, PROMPT, sampling, 9)
    place = 0
    for most in (1, 4, 2, 7, 3, 8):
        assert made.guess([0], [most]) == [story[place : place + most]]
        made.accept(0, story[place : place + most + 1])
        place += most + 1


def test_wrong_guesses_leave_no_trace() -> None:
    made, _ = draft()
    made.open(0, PROMPT, SAMPLING, 3)
    twin, _ = draft()
    twin.open(0, PROMPT, SAMPLING, 3)
    came: list[int] = []
    for right, most in ((0, 4), (2, 4), (4, 4), (1, 3), (0, 1)):
        guesses = made.guess([0], [most])[0]
        other = next(token for token in range(2, VOCABULARY) if token not in guesses)
        tokens = [*guesses[:right], other]
        made.accept(0, tokens)
        came += tokens
    twin.accept(0, came)
    assert made.guess([0], [5]) == twin.guess([0], [5])


def test_tokens_are_read_once() -> None:
    made, computing = draft()
    made.open(0, PROMPT, SAMPLING, 3)
    guesses = made.guess([0], [3])[0]
    made.accept(0, [*guesses, 8])
    made.guess([0], [1])
    starts = [(feed.start, list(feed.tokens)) for feeds in computing.reads for feed in feeds]
    assert starts == [(0, PROMPT), (4, guesses[:1]), (5, guesses[1:2]), (6, [guesses[2], 8])]


def test_stories_are_guessed_side_by_side_as_if_alone() -> None:
    prompts = {4: [0, 5, 6], 7: [0, 9], 5: [0, 2, 3, 4, 5, 6]}
    alone = {}
    for story, prompt in prompts.items():
        made, _ = draft()
        made.open(story, prompt, SAMPLING, story)
        alone[story] = made.guess([story], [4])[0]
    made, computing = draft()
    for story, prompt in prompts.items():
        made.open(story, prompt, SAMPLING, story)
    most = {4: 2, 7: 4, 5: 0}
    guesses = made.guess(list(most), list(most.values()))
    assert guesses == [alone[4][:2], alone[7], []]
    assert [len(feeds) for feeds in computing.reads] == [2, 2, 1, 1]
    for story in prompts:
        made.close(story)
    assert computing.slots == {}


def test_nothing_is_guessed_after_an_end_of_text() -> None:
    story = tell(PROMPT, SAMPLING, 9, 8)
    place = next(place for place in range(1, 8) if story[place] not in story[:place])
    made, _ = draft(end_of_text=(story[place],))
    made.open(0, PROMPT, SAMPLING, 9)
    assert made.guess([0], [8]) == [story[: place + 1]]


def test_a_full_context_ends_the_guesses_not_the_story() -> None:
    made, computing = draft(context=8)
    made.open(0, PROMPT, SAMPLING, 3)
    assert len(made.guess([0], [9])[0]) == 5
    made.accept(0, [8, 9, 10])
    assert len(made.guess([0], [9])[0]) == 2
    made.accept(0, [11])
    assert len(made.guess([0], [9])[0]) == 1
    made.accept(0, [12, 13, 14])
    assert made.guess([0], [9]) == [[]]
    made.accept(0, [15])
    assert made.guess([0], [9]) == [[]]
    assert computing.slots == {}
    made.close(0)


def test_a_prompt_longer_than_the_context_gets_no_guess() -> None:
    made, computing = draft(context=3)
    made.open(0, PROMPT, SAMPLING, 3)
    assert made.guess([0], [9]) == [[]]
    made.close(0)
    assert computing.opened == 0


def test_a_long_prompt_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "PROMPT_TOKENS", 3)
    prompt = [0, 2, 3, 4, 5, 6, 7, 8]
    made, computing = draft()
    made.open(0, prompt, SAMPLING, 3)
    made.open(1, [0, 2], SAMPLING, 3)
    story = tell(prompt, SAMPLING, 3, 2)
    assert made.guess([0, 1], [2, 1])[0] == []
    assert made.guess([0], [2]) == [[]]
    assert made.guess([0], [2]) == [story]
    assert [feed.wanted for feed in computing.reads[0]] == [0, 1]


def test_the_lead_is_left_out_of_the_penalties() -> None:
    """So a story with the lead and a high penalty is guessed as its model tells it, which counts no lead."""
    sampling = replace(SAMPLING, temperature=0.0, repetition_penalty=50.0)
    always = PlainBackend(VOCABULARY, 100, constant(VOCABULARY, t0=9.0, t5=3.0, t2=1.0))
    made = ModelDraft(always, TOKENIZER, (0,))
    made.open(0, [0, 5, 6], sampling, 3)
    made.open(1, [5, 0, 6], sampling, 3)
    assert made.guess([0, 1], [1, 1]) == [[0], [2]]


def test_only_a_draft_of_the_same_tokenizer_fits() -> None:
    made = ModelDraft(backend(), TOKENIZER, (0,))
    made.check(tiny_tokenizer(), (0,))
    with pytest.raises(UserError, match="another vocabulary"):
        made.check(tiny_tokenizer(280), (0,))
    with pytest.raises(UserError, match="ends a text"):
        made.check(TOKENIZER, (0, 3))
