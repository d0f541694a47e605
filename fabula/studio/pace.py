"""How fast stories come, from those told lately: what a client that has to wait is told."""

import math

DECAY = 0.99
"""What each turn or story counts for beside the next one."""
SHORTEST, LONGEST = 1.0, 60.0
"""Seconds that a client is asked to wait, at least and at most."""


class Pace:
    """Seconds a turn and tokens a story, the newest counting most.

    A turn moves every open story on by a token. Its time depends far less on how many there are than tokens a second
    do, so what was learned from one story tells something about the sixty that come at once.
    """

    def __init__(self) -> None:
        self._seconds = self._turns = 0.0
        self._tokens = self._stories = 0.0

    def moved(self, seconds: float) -> None:
        """Count a turn."""
        self._seconds = DECAY * self._seconds + seconds
        self._turns = DECAY * self._turns + 1

    def told(self, tokens: int) -> None:
        """Count a story that has ended."""
        self._tokens = DECAY * self._tokens + tokens
        self._stories = DECAY * self._stories + 1

    def seconds(self, waiting: int, places: int) -> float:
        """Return how long it takes until so many stories have been told, `places` at a time.

        The shortest answer where nothing was told yet.
        """
        if not (self._turns and self._stories):
            return SHORTEST
        story = self._tokens / self._stories * self._seconds / self._turns
        return min(max(math.ceil(waiting / places) * story, SHORTEST), LONGEST)
