"""How fast stories come, from those told lately: what a client that has to wait is told."""

DECAY = 0.99
"""What each step or story counts for beside the next one."""
SHORTEST, LONGEST = 1.0, 60.0
"""Seconds that a client is asked to wait, at least and at most."""


class Pace:
    """Tokens a second and tokens a story, the newest counting most."""

    def __init__(self) -> None:
        self._tokens = self._seconds = 0.0
        self._lengths = self._stories = 0.0

    def moved(self, tokens: int, seconds: float) -> None:
        """Count a step."""
        self._tokens = DECAY * self._tokens + tokens
        self._seconds = DECAY * self._seconds + seconds

    def told(self, tokens: int) -> None:
        """Count a story that has ended."""
        self._lengths = DECAY * self._lengths + tokens
        self._stories = DECAY * self._stories + 1

    def seconds(self, stories: int) -> float:
        """Return how long so many stories will take; the shortest answer where nothing was told yet."""
        if not (self._tokens and self._stories):
            return SHORTEST
        tokens = stories * self._lengths / self._stories
        return min(max(tokens * self._seconds / self._tokens, SHORTEST), LONGEST)
