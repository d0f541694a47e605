"""Stories whose worth is known: held-out ones, which show what a number should be, and five kinds of broken ones.

five-gram   wording right four words long, and nothing beyond
glued       the first half of one story and the second half of another
loop        a story that stays with one sentence and never ends
shuffled    the sentences of a story in random order, the first one kept
scrambled   the words and marks of a story in random order, behind its first sentence
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from tokenizers import Tokenizer

from fabula.study.generations.metrics import JUDGED, measure
from fabula.study.generations.reference import Reference
from fabula.study.generations.telling import (
    OVERRUN_PART,
    WINDOW,
    Story,
    as_told,
    mode_named,
    split_first_sentence,
)
from fabula.study.scores import Scores
from fabula.study.text import sentence_spans, words

HELD_OUT = "held-out"
CONTROLS = (HELD_OUT, "five-gram", "glued", "loop", "shuffled", "scrambled")
ENDLESS = ("loop",)
"""Controls whose stories don't come to an end."""


def control_scores(
    held_out: Sequence[str],
    five_gram: Sequence[str],
    reference: Reference,
    tokenizer: Tokenizer,
    *,
    count: int = 200,
    context: int = 1024,
    seed: int = 0,
) -> dict[str, dict[str, Scores]]:
    """Measure the controls in the same panels and conditions as a model's stories.

    Where a mode has prompts, each story is given its own first sentence and judged by the rest, so that the held-out
    rest is what a model's continuation is compared with. The modes that differ only in how a model draws have the
    same values here.

    Args:
        held_out: the stories whose first sentences are the model's prompts, in the same order.
        five_gram: stories drawn from a 5-gram model.
        reference: what stories are measured against.
        tokenizer: the store's; cuts long stories as the model's are cut.
        count: stories of each control.
        context: tokens of an overrun.
        seed: decides what is broken.

    Returns:
        For each name in `CONTROLS` its panels.
    """
    texts = control_texts(held_out, five_gram, count, seed)
    return {name: _scores(name, part, reference, tokenizer, context) for name, part in texts.items()}


def control_texts(held_out: Sequence[str], five_gram: Sequence[str], count: int, seed: int = 0) -> dict[str, list[str]]:
    """Return the stories of each control, at most `count`; those of a single sentence are left out."""
    usable = [text for text in held_out if split_first_sentence(text)[1].strip()]
    chosen = usable[:count]
    half = len(chosen) // 2  # Far enough for no two halves of a story to be measured in one group of stories.
    shuffler = random.Random(seed)
    return {
        HELD_OUT: chosen,
        "five-gram": [text for text in five_gram if split_first_sentence(text)[1].strip()][:count],
        "glued": [glued(first, second) for first, second in zip(chosen, chosen[half:] + chosen[:half], strict=True)],
        "loop": [looping(text) for text in chosen],
        "shuffled": [shuffled(text, shuffler) for text in chosen],
        "scrambled": [scrambled(text, shuffler) for text in chosen],
    }


def glued(first: str, second: str) -> str:
    """Return the first half of one story's sentences and the second half of another's."""
    start, stop = sentence_spans(first), sentence_spans(second)
    return first[: start[(len(start) - 1) // 2][1]] + " " + second[stop[len(stop) // 2][0] :]


def looping(text: str, length: int | None = None) -> str:
    """Return the first half of a story's sentences, the last of which comes again and again.

    Args:
        text: the story.
        length: characters of the result at least; None: as many as the story has.
    """
    spans = sentence_spans(text)
    start, stop = spans[(len(spans) - 1) // 2]
    missing = (length or len(text)) - stop
    again = " " + text[start:stop]
    return text[:stop] + again * max(2, -(-missing // len(again)))


def shuffled(text: str, shuffler: random.Random) -> str:
    """Return a story with all sentences but the first in another order."""
    sentences = [text[start:stop] for start, stop in sentence_spans(text)]
    rest = sentences[1:]
    shuffler.shuffle(rest)
    return " ".join([*sentences[:1], *rest])


def scrambled(text: str, shuffler: random.Random) -> str:
    """Return a story's first sentence and all words and marks behind it in random order."""
    first, rest = split_first_sentence(text)
    found = words(rest)
    shuffler.shuffle(found)
    return " ".join([first, *found])


def _scores(
    name: str, texts: Sequence[str], reference: Reference, tokenizer: Tokenizer, context: int
) -> dict[str, Scores]:
    ended = name not in ENDLESS
    stories = [
        story for mode in ("sampled", "sampled-free") for story in as_told(texts, mode_named(mode), tokenizer, ended)
    ]
    panels = measure([*stories, *_overruns(name, texts, tokenizer, context)], reference)
    return {panel: scores if panel == "overrun" else _in_every_mode(scores) for panel, scores in panels.items()}


def _overruns(name: str, texts: Sequence[str], tokenizer: Tokenizer, context: int) -> list[Story]:
    """Return texts as long as the context: story after story, or a loop without end."""
    whole = context // WINDOW
    found = []
    for number in range(-(-len(texts) // OVERRUN_PART)):
        text, following = texts[number], number + 1
        while len(tokenizer.encode(text, add_special_tokens=False).ids) < whole * WINDOW:
            if name in ENDLESS:
                text = looping(texts[number], 2 * len(text))
            else:
                text += "\n" + texts[following % len(texts)]
                following += 1
        found += as_told([text], mode_named("overrun"), tokenizer)
    return [replace(story, windows=story.windows[:whole]) for story in found]


def _in_every_mode(scores: Scores) -> Scores:
    """Repeat the rows of the two modes that were measured for all modes with the same prompts."""
    rows, conditions = [], []
    for mode in JUDGED:
        like = "sampled" if mode_named(mode).prompts == "held-out" else "sampled-free"
        chosen = np.flatnonzero(scores.conditions == like)
        rows.append(chosen)
        conditions.append(np.full(len(chosen), mode))
    order, modes = np.concatenate(rows), np.concatenate(conditions)
    clusters = scores.clusters[order]
    columns: Mapping[str, np.ndarray] = {name: values[order] for name, values in scores.columns.items()}
    return Scores(np.char.add(np.char.add(modes, "/"), clusters), clusters, modes, columns)
