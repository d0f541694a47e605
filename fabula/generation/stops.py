"""Stop texts: where a story ends because it says something."""


class StopTexts:
    """Watches a growing text for some texts; what it gives out never turns out to be part of one.

    The first of them to be complete ends the text; of several complete at the same character, the longest. Each is
    followed by its own automaton (Knuth, Morris and Pratt, 1977), so that a character costs the same whatever came
    before it and however long the texts are.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        """Watch for these texts, none of them empty."""
        assert all(stops)
        self._automata = [_Automaton(stop) for stop in stops]
        self._held = ""

    def push(self, new: str) -> tuple[str, bool]:
        """Take more text; return what can be given out now, and whether a stop text is complete."""
        text = self._held + new
        for stop, letter in enumerate(new, len(self._held) + 1):
            longest = 0
            for automaton in self._automata:
                longest = max(longest, automaton.complete(letter))
            if longest:
                self._held = ""
                return text[: stop - longest], True
        settled = len(text) - max(automaton.matched for automaton in self._automata)
        self._held = text[settled:]
        return text[:settled], False

    def finish(self) -> str:
        """Return the text held back: the story ended otherwise."""
        held, self._held = self._held, ""
        return held


class _Automaton:
    """How much of one stop text the end of a growing text is."""

    def __init__(self, stop: str) -> None:
        self.stop = stop
        self.matched = 0
        self.shorter = [0]
        """Of the first i + 1 letters, how many of the last are the first letters again."""
        for letter in stop[1:]:
            matched = self.shorter[-1]
            while matched and stop[matched] != letter:
                matched = self.shorter[matched - 1]
            self.shorter.append(matched + (stop[matched] == letter))

    def complete(self, letter: str) -> int:
        """Take one more letter; return the stop text's length if it is complete now, else 0."""
        matched = self.matched
        while matched and self.stop[matched] != letter:
            matched = self.shorter[matched - 1]
        self.matched = matched + (self.stop[matched] == letter)
        return self.matched if self.matched == len(self.stop) else 0
