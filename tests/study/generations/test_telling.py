"""Stories as they are asked for, decoded and kept."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabula.corpus.tokenizer import id_count
from fabula.errors import UserError
from fabula.generation.sampling import Sampling
from fabula.study.generations.telling import (
    FIXED_PROMPTS,
    MAX_NEW_TOKENS,
    MODES,
    OVERRUN_PART,
    WINDOW,
    Flag,
    Story,
    _windows,
    as_told,
    load_stories,
    mode_named,
    prompts_of,
    save_stories,
    split_first_sentence,
    tell_stories,
)
from fabula.study.scoring.llama import LlamaModel
from tests.tiny import tiny_model

CONTEXT = 600


class Scripted:
    """A model that says what it is told to."""

    name = "scripted"
    end_of_text = 0
    context = CONTEXT
    parameters = 0

    def __init__(self, tokenizer, text: str) -> None:
        self.tokenizer = tokenizer
        self.vocab_size = id_count(tokenizer)
        self.ids = tokenizer.encode(text, add_special_tokens=False).ids
        self.asked: list[dict] = []

    def tell(self, prompts, sampling, *, ban_end_of_text=False):
        self.asked.append({"prompts": list(prompts), "sampling": sampling, "ban_end_of_text": ban_end_of_text})
        endless = self.ids * CONTEXT
        new = []
        for prompt in prompts:
            room = min(sampling.max_new_tokens, self.context - len(prompt) + 1)
            new.append(endless[:room] if ban_end_of_text else [*self.ids, 0][:room])
        return new


def test_every_mode_is_told_in_its_way(tokenizer, stories):
    model = Scripted(tokenizer, " The kite flew.")
    told = tell_stories(model, prompts_of(stories), count=8, seed=3)
    asked = dict(zip([mode.name for mode in MODES], model.asked, strict=True))
    counts = {name: len(entry["prompts"]) for name, entry in asked.items()}
    assert counts == dict.fromkeys(asked, 8) | {"overrun": 8 // OVERRUN_PART, "samples": len(FIXED_PROMPTS)}
    assert asked["greedy"]["sampling"].greedy
    assert asked["samples"]["sampling"] == Sampling(0.7, 0.9, repetition_penalty=1.1, max_new_tokens=400, seed=3)
    assert [name for name, entry in asked.items() if entry["ban_end_of_text"]] == ["overrun"]
    assert all(entry["sampling"].seed == 3 and ids[0] == 0 for entry in asked.values() for ids in entry["prompts"])
    assert asked["top-p-free"]["prompts"] == [[0]] * 8
    assert {story.text for story in told if story.mode != "overrun"} == {" The kite flew."}
    assert [story.prompt for story in told if story.mode == "sampled"] == prompts_of(stories)[:8]


@pytest.mark.parametrize(
    ("limit", "mode", "reason"),
    [(10_000, "sampled", "end-of-text"), (3, "sampled", "max-new-tokens"), (10_000, "overrun", "context")],
)
def test_it_says_why_a_story_stopped(tokenizer, monkeypatch, limit, mode, reason):
    monkeypatch.setattr("fabula.study.generations.telling.MAX_NEW_TOKENS", limit)
    story = tell_stories(Scripted(tokenizer, " The kite flew away."), ["Once."], [mode_named(mode)], 1)[0]
    assert story.stop_reason == reason
    assert story.ended == (reason == "end-of-text")


def test_a_window_is_so_many_positions_of_the_context(tokenizer):
    prompt, text = "Once there was a child.", " The kite flew away."
    story = tell_stories(Scripted(tokenizer, text), [prompt], [mode_named("overrun")], 1)[0]
    assert len(story.windows) == CONTEXT // WINDOW
    before = 1 + len(tokenizer.encode(prompt, add_special_tokens=False).ids)
    in_first = tokenizer.encode(story.text[: story.windows[0]], add_special_tokens=False).ids
    assert before + len(in_first) == WINDOW


@given(st.lists(st.integers(0, 4), max_size=1200), st.integers(1, 700))
def test_windows_follow_each_other(sizes, before):
    lengths = [sum(sizes[: end + 1]) for end in range(len(sizes))]
    windows = _windows(lengths, before)
    assert list(windows) == sorted(windows)
    assert len(windows) <= (before + len(lengths)) // WINDOW


def test_a_prompt_that_fills_the_context_is_left_out(tokenizer):
    model = Scripted(tokenizer, " The end.")
    assert tell_stories(model, ["word " * CONTEXT, "Once."], [mode_named("sampled")], 2)[0].prompt == "Once."


def test_a_real_model_tells_the_same_story_again(tokenizer, stories, monkeypatch):
    monkeypatch.setattr("fabula.study.generations.telling.MAX_NEW_TOKENS", 40)
    model = LlamaModel("tiny", tiny_model(vocab_size=id_count(tokenizer), context=260), tokenizer, (0,))
    modes = [mode_named("sampled"), mode_named("greedy"), mode_named("overrun")]
    first, second = (tell_stories(model, prompts_of(stories), modes, count=4, seed=5) for _ in range(2))
    assert first == second
    other = tell_stories(model, prompts_of(stories), modes, count=4, seed=6)
    assert [s.text for s in first[:4]] != [s.text for s in other[:4]]
    assert [s.text for s in first[4:8]] == [s.text for s in other[4:8]]
    assert first[-1].stop_reason == "context"
    assert len(first[-1].windows) == 1


def test_stories_come_back_as_they_were_kept(tmp_path):
    stories = [
        Story("Once", " a “kite” flew.", "samples", 3, 5, "end-of-text", (), (Flag(1, 2, "loop", "Again."),)),
        Story("", "x", "overrun", 0, 300, "context", (1,)),
    ]
    path = tmp_path / "run" / "step-00001.json"
    save_stories(path, stories)
    assert load_stories(path) == stories
    assert json.loads(path.read_text())[0]["flags"][0]["kind"] == "loop"


@pytest.mark.parametrize("content", ['[{"text": "x"}]', "[1]", "{}x"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError):
        load_stories(tmp_path / "a.json")


@pytest.mark.parametrize("mode", ["sampled", "sampled-free"])
def test_somebody_elses_story_is_told_whole(tokenizer, stories, mode):
    for text, story in zip(stories, as_told(stories, mode_named(mode), tokenizer), strict=True):
        assert story.prompt + story.text == text
        assert story.ended
        assert bool(story.prompt) == (mode == "sampled")


def test_it_is_cut_off_as_a_models_story_is(tokenizer, stories):
    long = " ".join(stories)
    story = as_told([long], mode_named("sampled-free"), tokenizer)[0]
    assert long.startswith(story.text)
    assert story.stop_reason == "max-new-tokens"
    assert len(tokenizer.encode(story.text, add_special_tokens=False).ids) == MAX_NEW_TOKENS == story.tokens


@given(st.text(alphabet="Ab. !?\n\"'", max_size=60))
def test_the_first_sentence_and_the_rest_are_the_story(text):
    first, rest = split_first_sentence(text)
    assert (first + rest).strip() == text.strip()
