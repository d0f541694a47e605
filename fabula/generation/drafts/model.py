"""A smaller model as draft: it draws its guesses as the story's own model will, with the same noise.

So a guess is right wherever both draw the same token. No scheme can do better than 1 - d of the time, where d is the
total variation distance of the two distributions (Leviathan et al., 2023); common noise reaches at least
(1 - d) / (1 + d) (Daliri et al., 2025) and, measured, 1 - d less 0.02 to 0.07 (docs/log.md). How probable a guess
was says little about whether it is right, so none is left out for that.
"""

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from fabula.errors import UserError
from fabula.generation.backend import Backend, Draw, Feed, Tokens
from fabula.generation.sampling import Sampling

PROMPT_TOKENS = 256
"""Tokens of one story read before a guess; where more are to be read, no guess is made yet. So a long prompt doesn't
hold up the other stories."""


class ModelDraft:
    """Guesses with a model of the same tokenizer, for all stories at once.

    A story that outgrows the draft's context gets no more guesses.
    """

    def __init__(self, backend: Backend, tokenizer: Tokenizer, end_of_text: tuple[int, ...]) -> None:
        """Take the draft's model; `end_of_text` are the ids that end a story."""
        self.name = backend.name
        self.least = 0.0
        self.end_of_text = end_of_text
        self._backend = backend
        self._vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        self._lead = list(tokenizer.encode("", add_special_tokens=True).ids) or [end_of_text[0]]
        self._told: dict[int, _Told] = {}

    def check(self, tokenizer: Tokenizer, end_of_text: tuple[int, ...]) -> None:
        """Make sure that the draft fits a model with this tokenizer and these ends of text.

        Raises:
            UserError: it doesn't.
        """
        if tokenizer.get_vocab(with_added_tokens=True) != self._vocabulary:
            raise UserError("the draft has another vocabulary than the model: both must share one tokenizer")
        if set(end_of_text) != set(self.end_of_text):
            raise UserError(f"the draft ends a text with {self.end_of_text}, the model with {end_of_text}")

    def open(self, story: int, context: Sequence[int], sampling: Sampling, seed: int) -> None:
        """Begin a story, see `Draft`; the model's memory is taken with the first guess."""
        lead = len(self._lead) if list(context[: len(self._lead)]) == self._lead else 0
        self._told[story] = _Told(context, lead, sampling, seed, self._backend.context)

    def guess(self, stories: Sequence[int], most: Sequence[int]) -> list[list[int]]:
        """Guess all stories' tokens side by side, one more of each with every read."""
        asked = [(self._told[story], count) for story, count in zip(stories, most, strict=True)]
        for told, _ in asked:
            told.guesses = []
        going = [(told, min(count, self._room(told))) for told, count in asked]
        going = [(told, count) for told, count in going if count > 0]
        while going:
            ready = self._read([told for told, _ in going])
            if ready:
                draws = [told.draw(row) for row, told in enumerate(ready)]
                for told, drawn in zip(ready, self._backend.draw(draws), strict=True):
                    told.suppose(drawn.token)
            going = [
                (told, count)
                for told, count in going
                if told in ready and len(told.guesses) < count and told.guesses[-1] not in self.end_of_text
            ]
        return [list(told.guesses) for told, _ in asked]

    def accept(self, story: int, tokens: Sequence[int]) -> None:
        """Take in the tokens that came; what was read of wrong guesses is forgotten."""
        told = self._told[story]
        if told.length + len(tokens) <= told.capacity:
            told.accept(tokens)
        else:
            told.outgrown = True
            self._free(told)

    def close(self, story: int) -> None:
        """Forget a story and give its memory back."""
        self._free(self._told.pop(story))

    def _room(self, told: "_Told") -> int:
        """Return how many guesses the draft's context leaves room for; the last one needs no position."""
        if told.outgrown:
            return 0
        if told.slot is None:
            told.slot = self._backend.open(told.capacity)
        return told.capacity - told.length + 1

    def _free(self, told: "_Told") -> None:
        if told.slot is not None:
            self._backend.close(told.slot)
            told.slot = None

    def _read(self, stories: "list[_Told]") -> "list[_Told]":
        """Read what the stories' slots lack; return those that are ready for a draw, in the order of their rows."""
        feeds, ready = [], []
        for told in stories:
            unread = told.unread()
            if len(unread) <= PROMPT_TOKENS:
                ready.append(told)
            assert told.slot is not None
            part = unread[:PROMPT_TOKENS]
            feeds.append(Feed(told.slot, told.read, part, int(len(unread) <= PROMPT_TOKENS)))
            told.read += len(part)
        rows = self._backend.read(feeds)
        assert rows == len(ready)
        return ready


class _Told:
    """One story: its tokens in truth, the guesses after them, and how many of both the draft has read."""

    def __init__(self, context: Sequence[int], lead: int, sampling: Sampling, seed: int, most_positions: int) -> None:
        self.sampling = sampling
        self.seed = seed
        self.lead = lead
        self.prompt_length = self.length = len(context)
        self.capacity = min(self.length + sampling.max_new_tokens, most_positions)
        """Positions that the story may take of the draft's context."""
        self.outgrown = self.length > self.capacity
        self.tokens: Tokens = np.empty(max(self.length, self.capacity) + 1, np.int32)
        self.tokens[: self.length] = context
        self.guesses: list[int] = []
        self.slot: int | None = None
        self.read = 0

    def unread(self) -> list[int]:
        unread: list[int] = self.tokens[self.read : self.length + len(self.guesses)].tolist()
        return unread

    def draw(self, row: int) -> Draw:
        """Return the draw after all that is read, as the engine asks the story's own model for it."""
        length = self.length + len(self.guesses)
        return Draw(
            row=row,
            sampling=self.sampling,
            context=self.tokens[self.lead : length],
            prompt_length=self.prompt_length - self.lead,
            seed=self.seed,
            index=length - self.prompt_length,
        )

    def suppose(self, token: int) -> None:
        self.tokens[self.length + len(self.guesses)] = token
        self.guesses.append(token)

    def accept(self, tokens: Sequence[int]) -> None:
        right = 0
        while right < min(len(tokens), len(self.guesses)) and tokens[right] == self.guesses[right]:
            right += 1
        self.read = min(self.read, self.length + right)
        self.tokens[self.length : self.length + len(tokens)] = tokens
        self.length += len(tokens)
        self.guesses = []
