"""`fabula generate` as a user meets it: options, output for people and programs, mistakes, interruptions."""

import argparse
import dataclasses
import io
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

import fabula
from fabula.cli import _parser, main
from fabula.generation.engine import Engine
from fabula.generation.sampling import Sampling
from fabula.generation.storyteller import Storyteller, load
from fabula.generation.writing.best import best_of
from fabula.generation.writing.words import with_words
from tests.tiny import one_thread as one_thread
from tests.tiny import tiny_checkpoint

PROMPT = "Once upon a time"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    """Standard output of a person."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("run") / "model")


@pytest.fixture
def generate(model: Path, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: str, status: int = 0) -> tuple[str, str]:
        given = ["generate", "--model", str(model), "--device", "cpu", "--threads", "1", *arguments]
        try:
            main(given)
            ended = 0
        except SystemExit as exit_:
            ended = exit_.code
        said = capsys.readouterr()
        assert ended == status, said.err
        return said.out, said.err

    return run


def stories(generate, *arguments: str) -> list[dict]:
    return json.loads(generate(*arguments, "--json")[0])["stories"]


def told(model: Path, **changes) -> list[str]:
    teller = load(model, device="cpu", threads=1)
    return [telling.text for telling in teller.generate(PROMPT, **changes)]


def option_defaults() -> argparse.Namespace:
    return _parser().parse_args(["generate"])


def test_every_field_of_sampling_is_an_option_and_none_is_given_unasked() -> None:
    parsed = option_defaults()
    assert {getattr(parsed, field.name) for field in dataclasses.fields(Sampling)} == {None}


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["generate", "--help"])
    text = " ".join(ANSI.sub("", capsys.readouterr().out).split())
    for name in vars(option_defaults()):
        if name not in ("run", "prompt"):
            assert f"--{name.replace('_', '-')}" in text
    assert "Keep the fewest tokens whose probabilities add up to this" in text
    assert "(default: the model's own, or 0.7)" in text
    assert "(default: 512)" in text
    assert "Examples:" in text


def test_a_story_is_told_with_its_report(generate, model: Path) -> None:
    out, err = generate(PROMPT, "--max-new-tokens", "9", "--seed", "5")
    assert out == f"{PROMPT}{told(model, max_new_tokens=9, seed=5)[0]}\n"
    assert re.search(r"\[\d+ tokens, [\d,]+/s, seed 5: (cut off by --max-new-tokens|the story is at its end)\]", err)


def test_the_model_says_how_it_is_told_unless_the_options_do(generate, model: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(model, mine)
    config = json.loads((mine / "generation_config.json").read_text())
    (mine / "generation_config.json").write_text(json.dumps({**config, "do_sample": True, "temperature": 0.2}))
    for given, temperature in (((), 0.2), (("--temperature", "0.9"), 0.9)):
        out, _ = generate(PROMPT, "--model", str(mine), "--max-new-tokens", "4", *given, "--json")
        wanted = dataclasses.asdict(Sampling(max_new_tokens=4, temperature=temperature))
        assert json.loads(out)["sampling"] == {**wanted, "stop": []}


def test_every_parameter_reaches_the_sampling(generate) -> None:
    options = {
        "temperature": 0.5,
        "top_p": 0.8,
        "top_k": 7,
        "min_p": 0.01,
        "repetition_penalty": 1.2,
        "no_repeat_ngram": 3,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "max_new_tokens": 4,
        "seed": 9,
        "past_context": "slide",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    out, _ = generate(PROMPT, *arguments, "--stop", "The end", "--stop", "?!", "--json")
    assert json.loads(out)["sampling"] == {**options, "stop": ["The end", "?!"]}


def test_several_stories_together_and_on_a_terminal(generate, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = told(model, n=3, max_new_tokens=6, seed=2)
    page = "\n".join(f"{PROMPT}{text}\n" for text in texts)
    out, err = generate(PROMPT, "--n", "3", "--max-new-tokens", "6", "--seed", "2")
    assert out == page
    assert "[3 stories, " in err
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    generate(PROMPT, "--n", "3", "--max-new-tokens", "6", "--seed", "2")
    assert terminal.getvalue() == page


def test_json_holds_every_story(generate, model: Path) -> None:
    out, _ = generate(PROMPT, "--n", "2", "--max-new-tokens", "6", "--json")
    document = json.loads(out)
    assert [story["text"] for story in document["stories"]] == told(model, n=2, max_new_tokens=6)
    assert [story["seed"] for story in document["stories"]] == [0, 1]
    assert document["model"] == str(model)
    assert document["draft"] is None
    for story in document["stories"]:
        assert set(story) == {"prompt", "text", "tokens", "stop_reason", "seed", "seconds", "tokens_per_second"}


def test_prompts_from_a_file(generate, tmp_path: Path) -> None:
    batch = tmp_path / "prompts.txt"
    batch.write_text("\ufeffTom had a ball.\n\n   \nThe cat  \r\nBen.", encoding="utf-8")
    batched = stories(generate, "--batch-file", str(batch), "--n", "2", "--max-new-tokens", "5")
    assert [(story["prompt"], story["seed"]) for story in batched] == [
        (prompt, seed) for prompt in ("Tom had a ball.", "The cat  ", "Ben.") for seed in (0, 1)
    ]
    assert batched[2]["text"] == stories(generate, "The cat  ", "--max-new-tokens", "5")[0]["text"]


def test_a_stop_text_ends_a_story(generate, model: Path) -> None:
    (whole,) = told(model, max_new_tokens=20)
    stop = next(letter for letter in whole[3:] if letter.isprintable() and letter not in whole[:3])
    out, err = generate(PROMPT, "--max-new-tokens", "20", "--stop", stop)
    assert out == PROMPT + whole[: whole.index(stop)] + "\n"
    assert "ended before a --stop text" in err


def test_alternatives_stand_in_the_json(generate) -> None:
    (story,) = stories(generate, PROMPT, "--max-new-tokens", "5", "--alternatives", "3")
    assert "".join(step["text"] for step in story["steps"]) == story["text"]
    assert len(story["steps"]) == story["tokens"]
    for step in story["steps"]:
        assert len(step["alternatives"]) == 3
        assert step["log_probability"] <= max(one["log_probability"] for one in step["alternatives"]) + 1e-6
    (plain,) = stories(generate, PROMPT, "--max-new-tokens", "5", "--show-probabilities")
    assert all(step["alternatives"] == [] and step["log_probability"] < 0 for step in plain["steps"])


def test_probabilities_are_listed_where_there_is_no_colour(generate, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (PROMPT, "--max-new-tokens", "8", "--show-probabilities")
    (story,) = stories(generate, *arguments)
    out, _ = generate(*arguments)
    prompt, *lines = out.splitlines()
    assert prompt == PROMPT
    assert len(lines) == story["tokens"]
    assert all(re.fullmatch(r" *\d+\.\d\d%  (\".*\"|\(nothing to read\))", line) for line in lines)
    quoted = [line.partition("  ")[2] if line[0] != " " else line.strip().partition("  ")[2] for line in lines]
    assert "".join(json.loads(text) for text in quoted if text.startswith('"')) == story["text"]
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    generate(*arguments)
    assert terminal.getvalue() == out


def test_probabilities_are_colours_on_a_terminal(generate, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (PROMPT, "--max-new-tokens", "8", "--show-probabilities")
    out, _ = generate(PROMPT, "--max-new-tokens", "8")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    _, err = generate(*arguments)
    assert ANSI.search(terminal.getvalue())
    assert ANSI.sub("", terminal.getvalue()) == out
    assert err.startswith("probability of each token:  50% or more  20% or more  5% or more  1% or more  below 1%\n")


def test_the_best_of_several(generate, model: Path) -> None:
    ranked = best_of(load(model, device="cpu", threads=1), PROMPT, 4, max_new_tokens=20)
    (story,) = stories(generate, PROMPT, "--best-of", "4", "--max-new-tokens", "20")
    assert story["text"] == ranked.best.text
    assert [one["seed"] for one in story["ranking"]] == [one.telling.seed for one in ranked.stories]
    assert [one["score"] for one in story["ranking"]] == pytest.approx([one.score for one in ranked.stories])
    out, err = generate(PROMPT, "--best-of", "4", "--max-new-tokens", "20")
    assert out == f"{PROMPT}{ranked.best.text}\n"
    for place, one in enumerate(ranked.stories):
        assert f"[{place + 1}. seed {one.telling.seed}, {one.score:.3f} nats a token" in err


def test_several_of_the_best_take_seeds_of_their_own(generate) -> None:
    both = stories(generate, PROMPT, "--best-of", "2", "--n", "2", "--max-new-tokens", "5", "--seed", "10")
    assert [sorted(one["seed"] for one in story["ranking"]) for story in both] == [[10, 11], [12, 13]]


def test_required_words(generate, model: Path) -> None:
    teller = load(model, device="cpu", threads=1)
    worded = with_words(teller, PROMPT, ["cat", "sad"], attempts=3, max_new_tokens=40)
    arguments = (PROMPT, "--words", "cat, sad", "--best-of", "3", "--max-new-tokens", "40")
    (story,) = stories(generate, *arguments)
    assert story["text"] == worded[0].telling.text
    assert [one["missing"] for one in story["ranking"]] == [list(one.missing) for one in worded]
    assert story["ranking"][0]["surprise"] == pytest.approx(dict(worded[0].surprise))
    out, err = generate(*arguments)
    assert out == f"{PROMPT}{worded[0].telling.text}\n"
    assert len(re.findall(r"\[\d\. seed", err)) == 3


def test_a_draft_changes_no_story_and_reports_its_guesses(generate, model: Path) -> None:
    plain = stories(generate, PROMPT, "--max-new-tokens", "25")
    drafted = stories(generate, PROMPT, "--max-new-tokens", "25", "--draft", str(model))
    assert drafted[0]["text"] == plain[0]["text"]
    assert 0 <= drafted[0]["draft"]["accepted"] <= drafted[0]["draft"]["guessed"]
    _, err = generate(PROMPT, "--max-new-tokens", "25", "--draft", str(model))
    assert re.search(r"; \d+ of the draft's \d+ guesses were right\]", err)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who presses Ctrl-C after some steps of the engine."""
    steps = 0
    real = Engine.step

    def step(self: Engine):
        nonlocal steps
        steps += 1
        if steps > 4:
            try:
                raise KeyboardInterrupt
            finally:
                self.close()
        return real(self)

    monkeypatch.setattr(Engine, "step", step)


@pytest.mark.usefixtures("impatient")
def test_an_interrupted_story_is_shown_as_far_as_it_came(generate, model: Path) -> None:
    out, err = generate(PROMPT, "--max-new-tokens", "30", status=130)
    assert out.startswith(PROMPT)
    assert out.endswith("\n")
    assert "[4 tokens" in err
    assert "interrupted]" in err
    assert err.rstrip().endswith("fabula: interrupted")


@pytest.mark.usefixtures("impatient")
def test_interrupted_stories_are_all_in_the_json(generate) -> None:
    out, _ = generate(PROMPT, "--max-new-tokens", "30", "--n", "3", "--json", status=130)
    cut = json.loads(out)["stories"]
    assert [(story["seed"], story["tokens"], story["stop_reason"]) for story in cut] == [
        (seed, 4, "cancelled") for seed in range(3)
    ]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--n", "0"), "--n = 0 must be at least 1"),
        (("--n", "two"), "--n"),
        (("--n", "2", "--temperature", "0"), "the same story"),
        (("--best-of", "0"), "--best-of = 0"),
        (("--best-of", "3", "--temperature", "0"), "temperature = 0"),
        (("--threads", "-1"), "--threads = -1"),
        (("--alternatives", "2"), "needs --json"),
        (("--alternatives", "-2", "--json"), "--alternatives = -2"),
        (("--alternatives", "2", "--json", "--best-of", "2"), "doesn't go with"),
        (("--alternatives", "99999", "--json"), "alternatives = 99999"),
        (("--words", " , "), "--words needs words"),
        (("--words", "key, !!"), "'!!' is no word"),
        (("--stop", ""), "stop: an empty text"),
        (("--past-context", "explode"), "explode"),
        (("--precision", "int7"), "int7"),
        (("--backend", "gpu"), "gpu"),
        (("--draft", "missing"), "missing"),
        (("--top-p", "1.5"), "top_p = 1.5"),
        (("--no-repeat-ngram", "-1"), "no_repeat_ngram = -1"),
        (("--batch-file", "missing.txt"), "exclude each other"),
    ],
)
def test_mistakes(generate, arguments: tuple[str, ...], part: str) -> None:
    out, err = generate("Hello", *arguments, status=2)
    assert out == ""
    assert part in err
    lines = [line for line in err.splitlines() if "kernel can't be used" not in line]
    assert len(lines) == 1
    assert lines[0].startswith("fabula: ")


@pytest.mark.parametrize(
    ("content", "part"), [(None, "No such file"), (b"\xff\xfe\xff", "not a UTF-8 text"), (b" \n\n", "holds no prompt")]
)
def test_batch_files_that_hold_no_prompts(generate, tmp_path: Path, content: bytes | None, part: str) -> None:
    batch = tmp_path / "prompts.txt"
    if content is not None:
        batch.write_bytes(content)
    out, err = generate("--batch-file", str(batch), status=2)
    assert (out, part in err) == ("", True), err


def test_without_a_model_the_storyteller_in_the_box_tells_and_a_run_is_pointed_to(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []
    tiny_checkpoint(tmp_path / "runs" / "mine" / "checkpoints" / "step-00007")
    monkeypatch.chdir(tmp_path)
    real = Storyteller.load
    monkeypatch.setattr(Storyteller, "load", lambda folder, **settings: seen.append(folder) or real(folder, **settings))
    main(["generate", PROMPT, "--max-new-tokens", "2"])
    assert seen == [Path(fabula.__file__).parent / "storyteller"]
    out, err = capsys.readouterr()
    assert out.startswith(PROMPT)
    assert "--model runs/mine" in err
