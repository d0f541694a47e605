"""The free draft: what followed the same tokens before, in this story or in a corpus.

Copying from prompt and story is known as prompt lookup decoding (Saxena, 2023). Stories repeat themselves little, so
statistics of a corpus like the one that the model learned from guess far more; docs/log.md has the numbers.

A guess isn't the likeliest token but the one that would be drawn from the draft's probabilities: the noise of every
draw is known beforehand (`fabula.generation.noise`), and it is the same for draft and model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from fabula.generation.drafts.corpus import CorpusStatistics, pushed
from fabula.generation.noise import GOLDEN_32, MASK_32, key
from fabula.generation.sampling import Sampling

LEAST = 0.15
"""The least probability worth guessing until costs are known: the best where one more row costs a fifth of a read."""
TRUST = 0.1
"""Weight of what the story holds, against the corpus, for each token of the context found in it."""
SHARPER = 1.2
"""Exponent of the corpus's shares: a model that sees the whole story is surer than four tokens of context can be."""


@dataclass
class _Told:
    """What is known of one story."""

    sampling: Sampling
    seed: int
    hashes: list[int] = field(default_factory=lambda: [0])
    """Of its last 0, 1, ... tokens."""
    index: int = 0
    """Tokens drawn so far."""
    followed: dict[int, int] = field(default_factory=dict)
    """The token that came last after each context, by the context's hash."""


class NgramDraft:
    """Guesses from what prompt and story hold already, and from a corpus's statistics where there are any.

    A guess takes some 20 microseconds, each token of a story 3 and half a kilobyte.
    """

    def __init__(self, corpus: CorpusStatistics | None = None) -> None:
        """Use a corpus's statistics, which must be those of the model's tokenizer."""
        self.name = "n-grams of story and corpus" if corpus else "n-grams of the story"
        self.least = LEAST
        self._corpus = corpus
        self._told: dict[int, _Told] = {}

    def open(self, story: int, context: Sequence[int], sampling: Sampling, seed: int) -> None:
        """Begin a story, see `Draft`."""
        told = self._told[story] = _Told(sampling, seed)
        for token in context:
            _note(told, token)

    def guess(self, stories: Sequence[int], most: Sequence[int]) -> list[list[int]]:
        """Guess as long as the guesses' probabilities, multiplied, are at least `least`."""
        return [self._guess(self._told[story], count) for story, count in zip(stories, most, strict=True)]

    def accept(self, story: int, tokens: Sequence[int]) -> None:
        """Take in the tokens that came."""
        told = self._told[story]
        for token in tokens:
            _note(told, token)
        told.index += len(tokens)

    def close(self, story: int) -> None:
        """Forget a story."""
        del self._told[story]

    def _guess(self, told: _Told, most: int) -> list[int]:
        guesses: list[int] = []
        hashes, chance = told.hashes, 1.0
        while len(guesses) < most:
            probabilities = self._probabilities(told, hashes)
            if not probabilities:
                break
            token = drawn(probabilities, told.sampling, told.seed, told.index + len(guesses))
            chance *= probabilities[token]
            if chance < self.least:
                break
            guesses.append(token)
            if self._corpus and token == self._corpus.end_of_text:
                break
            hashes = pushed(hashes, token)
        return guesses

    def _probabilities(self, told: _Told, hashes: Sequence[int]) -> dict[int, float]:
        """Return the likeliest next tokens; what is missing to 1 is shared by all others."""
        probabilities = self._corpus.after(hashes) if self._corpus else {}
        for length in range(len(hashes) - 1, 0, -1):
            followed = told.followed.get(hashes[length])
            if followed is not None:
                trust = TRUST * length
                probabilities = {token: share * (1 - trust) for token, share in probabilities.items()}
                probabilities[followed] = probabilities.get(followed, 0.0) + trust
                break
        return probabilities


def drawn(probabilities: dict[int, float], sampling: Sampling, seed: int, index: int) -> int:
    """Return the token that the model would draw if these were its probabilities, filters and penalties aside."""
    if sampling.greedy:
        return max(probabilities, key=probabilities.__getitem__)
    power = SHARPER / sampling.temperature
    first, second = key(seed, index)
    winner, earliest = -1, math.inf
    for token, probability in probabilities.items():
        arrival = math.log(_exponential(first, second, token)) - power * math.log(probability)
        if arrival < earliest:
            winner, earliest = token, arrival
    return winner


def _note(told: _Told, token: int) -> None:
    for hash_ in told.hashes[1:]:
        told.followed[hash_] = token
    told.hashes = pushed(told.hashes, token)


def _exponential(first: int, second: int, token: int) -> float:
    """Return one token's noise, as `fabula.generation.noise.exponential` does, ten times as fast as for an array."""
    x = _mixed(_mixed(((token * GOLDEN_32) & MASK_32) ^ first) ^ second)
    return -math.log1p(-math.ldexp(x + 0.5, -32))


def _mixed(x: int) -> int:
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & MASK_32
    x = ((x ^ (x >> 15)) * 0xD35A2D97) & MASK_32
    return x ^ (x >> 15)
