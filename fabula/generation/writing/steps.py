"""A story token by token: what each adds to the text, how probable it was, and what else could have come."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fabula.generation.backend import Drawn
from fabula.generation.characters import Characters
from fabula.generation.prompts import Prompts
from fabula.generation.storyteller import Storyteller


@dataclass(frozen=True)
class Alternative:
    """A token that could come at some place."""

    token: int
    text: str
    """As it is written alone; U+FFFD where it is no whole character."""
    log_probability: float
    """ln p under the model itself (temperature 1, no penalty or filter), nats."""

    @property
    def probability(self) -> float:
        """Its share."""
        return math.exp(self.log_probability)


@dataclass(frozen=True)
class Step:
    """A token of a story."""

    token: int
    text: str
    """What it adds to the story's text; nothing when it ends the story or completes no character."""
    log_probability: float
    alternatives: tuple[Alternative, ...]
    """The most probable tokens of its place, the most probable first."""


def steps(
    storyteller: Storyteller, prompt: Sequence[int], drawn: Sequence[Drawn], text: str | None = None
) -> tuple[Step, ...]:
    """Return a story's tokens with what each adds to its text; joined, these are `text`.

    Args:
        storyteller: who told it.
        prompt: the tokens before the story.
        drawn: the story's tokens.
        text: the story's, which is shorter than what its tokens spell where a stop text ended it; None: all of that.
    """
    added = token_texts(storyteller, prompt, [one.token for one in drawn], text)
    return tuple(
        Step(
            one.token,
            new,
            one.log_probability,
            tuple(alternative(storyteller, *beside) for beside in one.alternatives),
        )
        for one, new in zip(drawn, added, strict=True)
    )


def token_texts(
    storyteller: Storyteller | Prompts, prompt: Sequence[int], tokens: Iterable[int], text: str | None = None
) -> list[str]:
    """Return what each token adds to a story, see `steps`; nothing where one ends it or completes no character."""
    characters = Characters(storyteller.tokenizer).begin(prompt)
    added = ["" if token in storyteller.end_of_text else characters.push(token) for token in tokens]
    if text is None or not added:
        return added
    ends = [min(end, len(text)) for end in itertools.accumulate(map(len, added))]
    ends[-1] = len(text)
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def alternative(storyteller: Storyteller | Prompts, token: int, log_probability: float) -> Alternative:
    """Return a token as an alternative."""
    text = storyteller.tokenizer.decode([token], skip_special_tokens=False)
    return Alternative(token, str(text), log_probability)
