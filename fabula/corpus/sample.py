"""A sample of a corpus's stories, kept while they stream past, on which a fast tokenizer has to prove itself."""

LARGEST = 2_000
SMALLEST = 100
SHARE = 50
"""One story in so many is taken, within those bounds: a trial must not cost more than it saves."""
LONGEST = 10_000
"""Characters kept of a story."""


class Sample:
    """Stories spread evenly over all that were seen, and every character beyond ASCII that was."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._every = 1
        self._seen = 0
        self._size = 0
        self._characters: set[str] = set()

    def see(self, text: str) -> None:
        """Let one more story pass."""
        if not self._seen % self._every:
            self._kept.append(text[:LONGEST])
            if len(self._kept) == 2 * LARGEST:
                del self._kept[1::2]
                self._every *= 2
        self._seen += 1
        self._size += len(text)
        if not text.isascii():
            self._characters.update(text)

    @property
    def characters(self) -> int:
        """Characters of all stories seen."""
        return self._size

    def texts(self) -> list[str]:
        """Return the sampled stories, then for each character texts in which it meets others."""
        wanted = min(max(self._seen // SHARE, SMALLEST), LARGEST, len(self._kept))
        stories = [self._kept[place * len(self._kept) // wanted] for place in range(wanted)]
        beyond = sorted(letter for letter in self._characters if not letter.isascii())
        return stories + [f"{letter}a{letter} {letter}{letter}1 {letter}'s {letter} \t{letter}" for letter in beyond]
