"""What an engine does with a draft: ask it for guesses, as many as pay, and tell it what came in truth."""

import time
from collections.abc import Iterable, Sequence

from fabula.generation.drafts import Draft
from fabula.generation.drafts.pace import Pace
from fabula.generation.story import OpenStory


class Guessing:
    """A draft at work for one engine's stories."""

    def __init__(self, draft: Draft, pace: Pace, vocab_size: int) -> None:
        self._draft = draft
        self._pace = pace
        self._vocab_size = vocab_size
        self._known: set[int] = set()

    def guess(self, stories: Iterable[OpenStory]) -> None:
        """Give the stories that have begun their guesses."""
        ready = [one for one in stories if one.number in self._known and one.unread == 1 and one.guess_room > 0]
        most = [min(self._pace.ask(one.number), one.guess_room) for one in ready]
        asked = [(one, count) for one, count in zip(ready, most, strict=True) if count > 0]
        if not asked:
            return
        self._draft.least = self._pace.least
        began = time.perf_counter()
        guesses = self._draft.guess([one.number for one, _ in asked], [count for _, count in asked])
        seconds = time.perf_counter() - began
        for (one, count), tokens in zip(asked, guesses, strict=True):
            one.guess(self._sound(tokens[:count]))
        self._pace.drafted(sum(map(len, guesses)), seconds)

    def timed(self, rows: int, seconds: float) -> None:
        """Take in what it took to read and draw so many rows, all of them last tokens and guesses."""
        self._pace.timed(rows, seconds)

    def judge(self, one: OpenStory, guessed: int, accepted: int) -> None:
        """Take in how many of a story's guesses were right."""
        if guessed:
            self._pace.record(one.number, guessed, accepted)

    def tell(self, one: OpenStory, tokens: Sequence[int]) -> None:
        """Tell the draft the tokens that came; the first ones begin a story there."""
        request = one.story.request
        if one.number not in self._known:
            self._known.add(one.number)
            self._draft.open(one.number, request.tokens, request.sampling, request.seed)
        self._draft.accept(one.number, tokens)

    def close(self, one: OpenStory) -> None:
        """Forget a story."""
        if one.number in self._known:
            self._known.remove(one.number)
            self._pace.forget(one.number)
            self._draft.close(one.number)

    def _sound(self, guesses: Sequence[int]) -> Sequence[int]:
        """Return the guesses before the first that is no token of the model."""
        for place, token in enumerate(guesses):
            if not 0 <= token < self._vocab_size:
                return guesses[:place]
        return guesses
