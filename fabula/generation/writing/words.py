"""Required words: "tell a story that uses the words key, dragon and brave" (TinyStories' own setting).

No model is trained for it here; the draws are steered. The idea is that of K2T (Pascual et al., 2021, "A plug-and-play
method for controlled text generation"): a required word that hasn't come yet gets a higher logit, at every place, and
the longer it is waited for the higher. Sampling's own filters then decide: where the word fits, it is now among the
probable ones and may be drawn; where it doesn't, top-p still leaves it out. The rules:

- A word counts as come when it stands in prompt or story as a whole word, letter case aside; with the ending of an
  English plural or third person too (`keys`, `boxes`, `carries`), and with an apostrophe after it (`dragon's`). Other
  forms don't count: `ran` and `running` are not `run`.
- A word's pull is `LEAST` nats at the story's beginning, rises by `RISE` with every `PACE` tokens (fewer when there is
  little room), and falls by `RISE` with every required word that comes: so the words spread over the story's beginning
  and middle. It rises without end, so that in the end a word comes that the model hardly knows.
- A word of several tokens isn't begun as if its first token were all of it: " b" begins many words besides " balcony".
  Raising the probability of a whole word by a factor e^pull means to raise each of its tokens by
  1 + (e^pull - 1) q, where q is the probability that the rest follows. q is looked up once, after the prompt.
- End-of-text is banned until all words have come.

Nothing is forced, so a word may stay away, or come where it hardly fits. Therefore several stories are told, and the
one is kept whose words came, and came where the model itself finds them likeliest.

Measured on a model of 1.4 million weights trained on TinyStories (step 6600, 16 times a noun, a verb and an adjective,
8 stories each): all three words came in 128 of 128 stories. A word's first place surprised the model by 8.2 nats in all
stories, by 6.5 in those kept; in TinyStories' own stories such words surprise it by 4.4. Mean ln p of a token: -1.06
without required words, -1.18 with, -1.12 of those kept. Words that the model never learned come too, late and oddly.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from fabula.errors import UserError
from fabula.generation.backend import Backend, Tokens
from fabula.generation.sampling import Sampling
from fabula.generation.story import Request
from fabula.generation.storyteller import Storyteller, Telling, changed
from fabula.generation.writing.best import Scored, check_attempts, scored
from fabula.generation.writing.reading import log_probabilities
from fabula.generation.writing.steps import token_texts

ATTEMPTS = 8
"""Stories told for one that is kept."""
LEAST, RISE = 6.0, 4.0
"""A word's pull, nats: when its turn comes, and how much more after `PACE` tokens of waiting."""
PACE = 40
"""Tokens of story for one word."""

HISSING = ("s", "x", "z", "ch", "sh")
"""Ends of words whose plural is -es."""


@dataclass(frozen=True)
class Word:
    """A required word as a model spells it."""

    text: str
    tokens: tuple[int, ...]
    """After another word and a space."""
    rest: tuple[float, ...]
    """After each of the tokens the ln p of those that are still to come; 0 after the last."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What counts as the word."""
        parts = [re.escape(part) for part in self.text.split()]
        parts[-1] = f"(?:{'|'.join(map(re.escape, _forms(self.text.split()[-1])))})"
        return re.compile(r"(?<!\w)" + r"\s+".join(parts) + r"(?!\w)", re.IGNORECASE)


@dataclass(frozen=True)
class Worded:
    """A story with required words."""

    story: Scored
    missing: tuple[str, ...]
    """The words that didn't come."""
    surprise: Mapping[str, float]
    """For each word that came after the prompt, the -ln p of its tokens where it came first, in nats, under the model
    itself."""

    @property
    def telling(self) -> Telling:
        """The story itself."""
        return self.story.telling

    @property
    def mean_surprise(self) -> float:
        """Mean of `surprise`; 0 when the prompt has all words."""
        return math.fsum(self.surprise.values()) / max(len(self.surprise), 1)


def with_words(
    storyteller: Storyteller,
    prompt: str,
    words: Sequence[str],
    sampling: Sampling | None = None,
    *,
    attempts: int = ATTEMPTS,
    **changes: Any,
) -> tuple[Worded, ...]:
    """Tell stories that use some words, all together, and rank them.

    Args:
        storyteller: who tells.
        prompt: how the stories begin.
        words: the words; capital letters and spaces inside a word are taken as they are.
        sampling: how tokens are drawn; without it, as the storyteller's own.
        attempts: how many stories; the i-th has the seed `sampling.seed + i`.
        changes: fields of `sampling` to replace.

    Returns:
        The best first: those that lack the fewest words, of these the ones with the fewest faults
        (`fabula.generation.writing.best`), of these the ones whose words are the least surprising where they stand.

    Raises:
        UserError: no words, a word that the tokenizer can't spell, words that `max_new_tokens` has no room for, and
            what `Storyteller.generate` and `best_of` refuse.
    """
    sampling = changed(sampling or storyteller.sampling, changes)
    check_attempts(attempts, sampling)
    tokens = storyteller.encode(prompt)
    required = spelled_words(storyteller, tokens, words, sampling)
    steer = WordSteer(storyteller, tokens, required, sampling)
    requests = [
        Request(tuple(tokens), len(storyteller.lead), sampling, sampling.seed + i, steer, probabilities=True)
        for i in range(attempts)
    ]
    tellings = storyteller.tell(requests, [prompt] * attempts)
    worded = [_worded(storyteller, tokens, required, telling) for telling in tellings]
    return tuple(sorted(worded, key=lambda one: (len(one.missing), len(one.story.faults), one.mean_surprise)))


class WordSteer:
    """The bias that makes words come; a `fabula.generation.story.Steer`."""

    def __init__(
        self, storyteller: Storyteller, prompt: Sequence[int], words: Sequence[Word], sampling: Sampling
    ) -> None:
        """Take a prompt's tokens and the words that story and prompt together must have."""
        self._tokenizer = storyteller.tokenizer
        self._prompt = list(prompt[len(storyteller.lead) :])
        self._words = words
        self._ban = dict.fromkeys(storyteller.end_of_text, -math.inf)
        self._pace = min(PACE, _room(storyteller, prompt, sampling) / (len(words) + 1))

    def __call__(self, tokens: Tokens) -> dict[int, float]:
        """Return the bias of the draw after these tokens of the story."""
        drawn: list[int] = tokens.tolist()
        text = self._tokenizer.decode(self._prompt + drawn, skip_special_tokens=True)
        waiting = [word for word in self._words if not word.pattern.search(text)]
        if not waiting:
            return {}
        turns = len(drawn) / self._pace - (len(self._words) - len(waiting))
        pull = max(LEAST + RISE * turns, 0.0)
        begun = [(word, count) for word in waiting if (count := _begun(word, drawn))]
        bias = dict(self._ban)
        for word, count in begun or [(word, 0) for word in waiting]:
            raised = _raised(pull, word.rest[count])
            bias[word.tokens[count]] = max(raised, bias.get(word.tokens[count], 0.0))
        return bias


def _raised(pull: float, rest: float) -> float:
    """Return ln(1 + (e^pull - 1) e^rest), whatever the size of the pull."""
    if rest > -1e-9:
        return pull
    return float(np.logaddexp(math.log1p(-math.exp(rest)), pull + rest))


def spelled_words(
    storyteller: Storyteller, prompt: Sequence[int], words: Sequence[str], sampling: Sampling
) -> list[Word]:
    """Find out how a model spells words, and how likely it is to finish each that it began after the prompt.

    Raises:
        UserError: as `with_words`.
    """
    wanted: list[str] = []
    for word in (" ".join(word.split()) for word in words):
        if word and word.lower() not in map(str.lower, wanted):
            wanted.append(word)
    if not wanted:
        raise UserError("words: name at least one word that the story must use")
    spellings = [_spelling(storyteller.tokenizer, word, storyteller.backend.vocab_size) for word in wanted]
    needed, room = sum(map(len, spellings)), _room(storyteller, prompt, sampling)
    if needed >= room:
        raise UserError(f"words: they alone take {needed} tokens; prompt and max_new_tokens leave room for {room}")
    return [
        Word(word, spelling, _rest(storyteller.backend, prompt, spelling))
        for word, spelling in zip(wanted, spellings, strict=True)
    ]


def _spelling(tokenizer: Tokenizer, word: str, vocab_size: int) -> tuple[int, ...]:
    if not (word[0].isalnum() and word[-1].isalnum()):
        raise UserError(f"words: {word!r} is no word: it must begin and end with a letter or a digit")
    try:
        word.encode()
    except UnicodeEncodeError:
        raise UserError(f"words: {word!r} is not Unicode text") from None
    before = tokenizer.encode("a", add_special_tokens=False).ids
    both = tokenizer.encode(f"a {word}", add_special_tokens=False).ids
    spelled = tokenizer.decode(both, skip_special_tokens=True) == f"a {word}" and both[: len(before)] == before
    if not spelled or max(both) >= vocab_size:
        raise UserError(f"words: this model's tokenizer can't spell {word!r}")
    return tuple(both[len(before) :])


def _rest(backend: Backend, prompt: Sequence[int], spelling: tuple[int, ...]) -> tuple[float, ...]:
    if len(spelling) == 1:
        return (0.0,)
    begun = spelling[:-1]
    tokens = [*prompt, *begun][-backend.context :]
    rows = log_probabilities(backend, tokens, len(begun))
    steps = [float(row[token]) for row, token in zip(rows, spelling[1:], strict=True)]
    return tuple(math.fsum(steps[start:]) for start in range(len(spelling)))


def _room(storyteller: Storyteller, prompt: Sequence[int], sampling: Sampling) -> int:
    """Return how many tokens a story may have."""
    if sampling.past_context == "slide":
        return sampling.max_new_tokens
    return min(sampling.max_new_tokens, storyteller.backend.context - len(prompt) + 1)


def _begun(word: Word, drawn: Sequence[int]) -> int:
    """Return how many of a word's tokens, but not all, stand at the story's end."""
    for count in range(min(len(word.tokens) - 1, len(drawn)), 0, -1):
        if tuple(drawn[-count:]) == word.tokens[:count]:
            return count
    return 0


def _forms(word: str) -> list[str]:
    """Return a word and its English plural, or third person."""
    if word.lower().endswith(HISSING):
        return [word, word + "es"]
    if word.lower().endswith("y") and word[-2:-1].lower() not in tuple("aeiou"):
        return [word, word[:-1] + "ies", word + "s"]
    return [word, word + "s"]


def _worded(storyteller: Storyteller, prompt: Sequence[int], words: Sequence[Word], telling: Telling) -> Worded:
    drawn = [one.token for one in telling.drawn]
    spoken = prompt[len(storyteller.lead) :]
    added = token_texts(storyteller, spoken, drawn, telling.text)
    ends = np.cumsum([len(telling.prompt), *map(len, added)])
    missing, surprise = [], {}
    for word in words:
        found = word.pattern.search(telling.prompt + telling.text)
        if not found:
            missing.append(word.text)
        elif found.end() > len(telling.prompt):
            inside = (ends[:-1] < found.end()) & (ends[1:] > found.start())
            surprise[word.text] = -math.fsum(telling.drawn[place].log_probability for place in np.flatnonzero(inside))
    return Worded(scored(telling), tuple(missing), surprise)
