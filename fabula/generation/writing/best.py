"""Best of n: several stories, and the one that the model itself finds likeliest among those that are whole.

The score is the mean ln p of a story's tokens under the model itself: temperature 1, no penalty, no filter, the
end-of-text included. It is a mean because a sum falls with every token: the shortest story would win. Best-of-n by a
score of the model's own is the plainest of the reranking methods (Adiwardana et al., 2020, "sample-and-rank").

What to expect of it: likelihood rewards what is usual. The story chosen tends to have fewer slips of the pen than its
rivals and fewer surprises too, and past some n it is the dullest that wins (Holtzman et al., 2020). Worst of all for a
likelihood are loops, which a model finds likelier with every round: so stories that repeat themselves, and stories that
don't end, rank behind all that do neither.

Measured on a model of 1.4 million weights trained on TinyStories (step 6600, 12 times 16 stories): mean ln p of a token
-1.05 in all, -0.87 in the best; different words among the first hundred 61.6 and 62.6, so no duller yet by that count.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fabula.errors import UserError
from fabula.generation.sampling import Sampling
from fabula.generation.storyteller import Storyteller, Telling, changed

Fault = Literal["repeats-itself", "repeats-a-sentence", "does-not-end"]

MOST_REPEATED = 0.08
"""Largest share of repeated wording in a story that doesn't repeat itself: 99.5 % of TinyStories' validation stories
stay below (half of them below 0.006)."""
WORDS_IN_A_ROW = 4
SENTENCE_WORDS = 4
"""Words in a sentence that may not come twice; shorter ones, "Yes, please!", may. Of TinyStories' validation stories
1.8 % say such a sentence twice."""

WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
SENTENCE_END = re.compile(r"[.!?]+[\"'\u201d\u2019]*(?:\s+|$)|\n+")


@dataclass(frozen=True)
class Scored:
    """A story with its score."""

    telling: Telling
    score: float
    """Mean ln p of its tokens under the model itself, nats; the higher the likelier."""
    repeated: float
    """Share of its sequences of 4 words, letter case aside, that have come before in prompt and story."""
    faults: tuple[Fault, ...]
    """Why it ranks behind others; empty: it doesn't."""


@dataclass(frozen=True)
class Ranked:
    """Stories of one prompt, the best first: those with the fewest faults, and of these the likeliest."""

    stories: tuple[Scored, ...]

    @property
    def best(self) -> Telling:
        """The story to keep."""
        return self.stories[0].telling


def best_of(storyteller: Storyteller, prompt: str, n: int, sampling: Sampling | None = None, **changes: Any) -> Ranked:
    """Tell n stories together and rank them.

    Args:
        storyteller: who tells.
        prompt: how the stories begin.
        n: how many; the i-th has the seed `sampling.seed + i`.
        sampling: how tokens are drawn; without it, as the storyteller's own.
        changes: fields of `sampling` to replace.

    Raises:
        UserError: as `Storyteller.generate`; or temperature 0 with n above 1, which tells one story n times.
    """
    sampling = changed(sampling or storyteller.sampling, changes)
    check_attempts(n, sampling)
    return rank(storyteller.generate(prompt, sampling, n=n, probabilities=True))


def check_attempts(n: int, sampling: Sampling) -> None:
    """Refuse no attempt, and several that would all be the same story."""
    if not isinstance(n, int) or n < 1:
        raise UserError(f"n = {n} must be a whole number, at least 1")
    if n > 1 and sampling.greedy:
        raise UserError(f"best of {n} with temperature = 0: all {n} stories would be the same; raise the temperature")


def rank(tellings: Sequence[Telling]) -> Ranked:
    """Rank stories that were told with probabilities; equals stay in their order."""
    return Ranked(tuple(sorted(map(scored, tellings), key=lambda story: (len(story.faults), -story.score))))


def scored(telling: Telling) -> Scored:
    """Score one story that was told with probabilities."""
    assert telling.log_probability is not None, "the score needs the tokens' probabilities"
    text = telling.prompt + telling.text
    repeated = repeated_wording(text)
    faults: list[Fault] = []
    if repeated > MOST_REPEATED:
        faults.append("repeats-itself")
    if repeats_a_sentence(text):
        faults.append("repeats-a-sentence")
    if telling.stop_reason not in ("end-of-text", "stop-text"):
        faults.append("does-not-end")
    return Scored(telling, telling.log_probability / telling.tokens, repeated, tuple(faults))


def repeated_wording(text: str) -> float:
    """Return the share of a text's sequences of 4 words, letter case aside, that have come before in it."""
    words = _words(text)
    sequences = [tuple(words[start : start + WORDS_IN_A_ROW]) for start in range(len(words) - WORDS_IN_A_ROW + 1)]
    return 1 - len(set(sequences)) / len(sequences) if sequences else 0.0


def repeats_a_sentence(text: str) -> bool:
    """Say whether a sentence of some length comes twice, letter case and punctuation aside."""
    sentences = [tuple(_words(sentence)) for sentence in SENTENCE_END.split(text)]
    counts = Counter(sentence for sentence in sentences if len(sentence) >= SENTENCE_WORDS)
    return any(count > 1 for count in counts.values())


def _words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]
