"""Stories told for a study: in fixed modes, from fixed prompts, with a fixed seed, and kept word for word."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tokenizers import Tokenizer

from fabula.errors import UserError
from fabula.files import read_json, to_json, write_text
from fabula.generation.characters import Characters
from fabula.generation.sampling import Sampling
from fabula.study.scoring.language_model import LanguageModel
from fabula.study.text import sentence_spans
from fabula.terminal import progress

StopReason = Literal["end-of-text", "max-new-tokens", "context"]

MAX_NEW_TOKENS = 400
"""Longest story in every mode but `overrun`; 95 % of TinyStories are shorter in a vocabulary of 2,048."""
WINDOW = 256
"""Positions of the context that are measured together in `overrun`."""
CARD = Sampling()
"""The reference card's settings, its repetition penalty included."""
DRAWN = Sampling(temperature=1.0, top_p=1.0, repetition_penalty=1.0)
"""Every token with the probability that the model gives it."""
NUCLEUS = replace(DRAWN, top_p=0.95)
FIXED_PROMPTS = (
    "Once upon a time, a boy found a silver key.",
    "Anna had a little blue boat. One windy day, the boat",
    "The old bear was sad because nobody came to his party.",
    '"Do not open the box," said Grandma. But Ben',
    "Mia and her dog Rolo walked into the dark forest to look for",
)
"""Beginnings of the samples that a report shows side by side."""


@dataclass(frozen=True)
class Mode:
    """A way to tell stories."""

    name: str
    sampling: Sampling
    """How tokens are drawn; length and seed are those of the telling."""
    prompts: Literal["held-out", "nothing", "fixed"]
    """What stands before the story: the first sentence of a held-out story, only end-of-text, or `FIXED_PROMPTS`."""
    overrun: bool = False
    """End-of-text is banned until the model's context is full."""


MODES = (
    Mode("sampled", DRAWN, "held-out"),
    Mode("sampled-free", DRAWN, "nothing"),
    Mode("top-p", NUCLEUS, "held-out"),
    Mode("top-p-free", NUCLEUS, "nothing"),
    Mode("greedy", replace(DRAWN, temperature=0.0), "held-out"),
    Mode("overrun", NUCLEUS, "held-out", overrun=True),
    Mode("samples", CARD, "fixed"),
)
OVERRUN_PART = 4
"""One story in `overrun`, which is as long as the context, for this many in the other modes."""


Kind = Literal["late-name", "quote", "loop", "lint", "memorised", "non-word", "pronoun"]


@dataclass(frozen=True)
class Flag:
    """Characters [start, stop) of a continuation that deserve a look."""

    start: int
    stop: int
    kind: Kind
    explanation: str
    """One sentence."""


@dataclass(frozen=True)
class Story:
    """A story that a model told; or one by somebody else, measured the same way."""

    prompt: str
    """What was given; empty: nothing but end-of-text."""
    text: str
    """The continuation, without the prompt."""
    mode: str
    seed: int
    """Of the whole mode; the i-th story of a mode is drawn from (seed, i)."""
    tokens: int
    """Tokens drawn, the end-of-text included."""
    stop_reason: StopReason
    """`context`: no position was left."""
    windows: tuple[int, ...] = ()
    """Mode `overrun`: where in `text` the first, second, ... `WINDOW` positions of the context end, the prompt's
    positions counted; only full windows."""
    flags: tuple[Flag, ...] = ()
    """What a rule found odd, where somebody looked (`fabula.study.generations.flags`)."""

    @property
    def ended(self) -> bool:
        """Whether it came to its end-of-text."""
        return self.stop_reason == "end-of-text"


def tell_stories(
    model: LanguageModel, prompts: Sequence[str], modes: Iterable[Mode] = MODES, count: int = 200, seed: int = 0
) -> list[Story]:
    """Tell `count` stories in each mode.

    Args:
        model: who tells.
        prompts: first sentences of held-out stories; the first `count` are used.
        modes: how; `samples` has one story for each of `FIXED_PROMPTS`, `overrun` a quarter of `count`.
        count: stories in each mode; at most `len(prompts)` where prompts are held-out sentences.
        seed: decides every draw.

    Returns:
        The stories, mode by mode, in the order of the prompts.
    """
    plan = [(mode, _beginnings(model, mode, prompts, count)) for mode in modes]
    stories: list[Story] = []
    with progress("telling stories", sum(len(beginnings) for _, beginnings in plan), "stories") as advance:
        for mode, beginnings in plan:
            limit = model.context if mode.overrun else MAX_NEW_TOKENS
            drawn = model.tell(
                [tokens for _, tokens in beginnings],
                replace(mode.sampling, max_new_tokens=limit, seed=seed),
                ban_end_of_text=mode.overrun,
            )
            stories += [
                _story(model, mode, seed, limit, beginning, new)
                for beginning, new in zip(beginnings, drawn, strict=True)
            ]
            advance(len(beginnings))
    return stories


def as_told(texts: Iterable[str], mode: Mode, tokenizer: Tokenizer, ended: bool = True) -> list[Story]:
    """Return somebody else's stories as if a model had told them in a mode.

    With prompts, a story's first sentence is its prompt. A story longer than the mode allows is cut off.

    Args:
        texts: whole stories; where the mode has prompts, those of one sentence are left out.
        mode: any but `samples`.
        tokenizer: counts the tokens; encodes an `overrun` whole.
        ended: whether the stories come to their end, when they aren't cut.
    """
    pairs = [("", text) for text in texts] if mode.prompts == "nothing" else map(split_first_sentence, texts)
    return [_as_told(prompt, text, mode, tokenizer, ended) for prompt, text in pairs if text.strip()]


def save_stories(path: Path, stories: Sequence[Story]) -> None:
    """Write stories as a JSON list, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, to_json([asdict(story) for story in stories]))


def load_stories(path: Path) -> list[Story]:
    """Read what `save_stories` wrote.

    Raises:
        UserError: no such file, or not stories.
    """
    try:
        return [_from_json(entry) for entry in read_json(path)]
    except (TypeError, KeyError) as error:
        raise UserError(f"{path} can't be read as stories ({error}); delete it and study again") from None


def mode_named(name: str) -> Mode:
    """Return the mode of that name."""
    return next(mode for mode in MODES if mode.name == name)


def split_first_sentence(text: str) -> tuple[str, str]:
    """Return a story's first sentence and the rest, which brings its leading blank."""
    spans = sentence_spans(text)
    stop = spans[0][1] if spans else 0
    return text[:stop], text[stop:]


def prompts_of(texts: Iterable[str]) -> list[str]:
    """Return the first sentences of stories that go on behind them."""
    return [first for first, rest in map(split_first_sentence, texts) if first and rest.strip()]


def _from_json(entry: dict[str, Any]) -> Story:
    flags = tuple(Flag(**flag) for flag in entry["flags"])
    return Story(**{**entry, "windows": tuple(entry["windows"]), "flags": flags})


_Beginning = tuple[str, list[int]]
"""A prompt, and its tokens with the end-of-text before them."""


def _beginnings(model: LanguageModel, mode: Mode, prompts: Sequence[str], count: int) -> list[_Beginning]:
    """Return what a mode's stories begin with; prompts that the context has no room for are left out."""
    if mode.overrun:
        count = -(-count // OVERRUN_PART)
    chosen = {"held-out": list(prompts[:count]), "nothing": [""] * count, "fixed": list(FIXED_PROMPTS)}[mode.prompts]
    encoded = [[model.end_of_text, *model.tokenizer.encode(text, add_special_tokens=False).ids] for text in chosen]
    return [(text, ids) for text, ids in zip(chosen, encoded, strict=True) if len(ids) < model.context]


def _story(model: LanguageModel, mode: Mode, seed: int, limit: int, beginning: _Beginning, new: Sequence[int]) -> Story:
    prompt, tokens = beginning
    room = model.context - len(tokens) + 1  # The last token is only read, it needs no position.
    ended = new[-1] == model.end_of_text or len(new) < min(limit, room)
    reason: StopReason = "end-of-text" if ended else "max-new-tokens" if limit <= room else "context"
    text, lengths = _decode(model.tokenizer, tokens[1:], new[:-1] if ended else new)
    windows = _windows(lengths, len(tokens)) if mode.overrun else ()
    return Story(prompt, text, mode.name, seed, len(new), reason, windows)


def _as_told(prompt: str, text: str, mode: Mode, tokenizer: Tokenizer, ended: bool) -> Story:
    before = len(tokenizer.encode(prompt, add_special_tokens=False).ids) + 1
    encoding = tokenizer.encode(text, add_special_tokens=False)
    stops = [stop for _, stop in encoding.offsets]
    if mode.overrun:
        return Story(prompt, text, mode.name, 0, len(stops), "context", _windows(stops, before))
    fits = len(stops) < MAX_NEW_TOKENS
    told = text if fits else text[: stops[MAX_NEW_TOKENS - 1]]
    reason: StopReason = "end-of-text" if fits and ended else "max-new-tokens"
    return Story(prompt, told, mode.name, 0, min(len(stops) + 1, MAX_NEW_TOKENS), reason)


def _decode(tokenizer: Tokenizer, prompt: Sequence[int], new: Sequence[int]) -> tuple[str, list[int]]:
    """Return the text of the new tokens, and its length in characters after each of them."""
    characters = Characters(tokenizer).begin(prompt)
    parts = [characters.push(token) for token in new]
    return "".join([*parts, characters.finish()]), list(itertools.accumulate(map(len, parts)))


def _windows(lengths: Sequence[int], before: int) -> tuple[int, ...]:
    """Return the lengths of the text at each `WINDOW`-th position; `before` positions stand in front of it."""
    ends = range(WINDOW, before + len(lengths) + 1, WINDOW)
    return tuple(lengths[end - before - 1] for end in ends if end > before)
