"""A story as it can be shown while it grows: tokens whose text nothing that comes later can change."""

from collections import deque
from collections.abc import Iterator

from fabula.generation.backend import Drawn
from fabula.generation.characters import Characters
from fabula.generation.story import Story


class Settled:
    """The tokens of a growing story, each with its text as soon as no stop text can take that back."""

    def __init__(self, story: Story, characters: Characters, end_of_text: tuple[int, ...]) -> None:
        """Follow a story from its beginning.

        Args:
            story: the engine's.
            characters: of the model's vocabulary; stories may share it.
            end_of_text: the tokens that end a story.
        """
        request = story.request
        self._story = story
        self._end_of_text = end_of_text
        self._characters = characters.begin(request.tokens[request.lead :])
        self._waiting: deque[tuple[int, Drawn]] = deque()
        self._seen = self._given = 0

    def new(self) -> Iterator[tuple[str, Drawn]]:
        """Yield the tokens that have settled since the last call, each with what it adds to the story's text.

        All texts, joined, are the story's: the last token of a stopped story brings what is left of it.
        """
        story = self._story
        for one in story.drawn[self._seen :]:
            text = "" if one.token in self._end_of_text else self._characters.push(one.token)
            self._waiting.append((len(text), one))
        self._seen = len(story.drawn)
        while self._waiting and (story.stop_reason or self._given + self._waiting[0][0] <= len(story.text)):
            length, one = self._waiting.popleft()
            start, self._given = self._given, min(self._given + length, len(story.text))
            if story.stop_reason and not self._waiting:
                self._given = len(story.text)
            yield story.text[start : self._given], one
