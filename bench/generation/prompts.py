"""What is asked of every contender: prompts from the built-in story world, so that no corpus is needed."""

from pathlib import Path

from fabula.corpus.storyworld import stories
from fabula.corpus.tokenizer import prepare
from fabula.model.folder import load_tokenizer

PROMPT = 12
"""Tokens of a story's beginning, the end-of-text before it included."""
LONG_PROMPT = 1000


class Prompts:
    """Story-world texts as a model's tokens; every round has its own."""

    def __init__(self, folder: Path, longest: int) -> None:
        tokenizer = prepare(load_tokenizer(folder))
        self.lead = list(tokenizer.encode("").ids)
        self.tokenizer = tokenizer
        self.longest = min(LONG_PROMPT, longest)

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def beginnings(self, round_: int, count: int) -> list[list[int]]:
        """Return the first tokens of `count` stories."""
        first = round_ * 100
        texts = [story.text for story in stories(0, first, first + count)]
        return [(self.lead + self.encode(text))[:PROMPT] for text in texts]

    def long(self, round_: int) -> list[int]:
        """Return one long prompt: a story after the other."""
        tokens = list(self.lead)
        index = 10_000 + round_ * 100
        while len(tokens) < self.longest:
            tokens += self.encode(next(stories(0, index, index + 1)).text + "\n\n")
            index += 1
        return tokens[: self.longest]
