"""Tokens to text as they come, a whole character at a time."""

from collections.abc import Sequence

from tokenizers import Tokenizer

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class CharacterStream:
    """Decodes a growing list of tokens; what it gives out never changes afterwards.

    In a byte-level vocabulary a character may take several tokens. Its bytes are held back until they are complete:
    a text that ends in U+FFFD may still become another. Bytes that are no character at all are given out as U+FFFD
    as soon as a whole character follows them.
    """

    def __init__(self, tokenizer: Tokenizer, prompt: Sequence[int]) -> None:
        """Start after the tokens of a prompt, which decide about the first space in some vocabularies."""
        self._tokenizer = tokenizer
        self._tokens = list(prompt)
        self._before = 0
        self._given = len(self._tokens)
        self._given_text = self._decode(0, self._given)

    def push(self, token: int) -> str:
        """Take one more token and return the text that it completes, often a word, sometimes nothing."""
        self._tokens.append(token)
        text = self._decode(self._before, len(self._tokens))
        if len(text) <= len(self._given_text) or text.endswith(REPLACEMENT):
            return ""
        new = text[len(self._given_text) :]
        self._before, self._given = self._given, len(self._tokens)
        self._given_text = self._decode(self._before, self._given)
        return new

    def finish(self) -> str:
        """Return the text held back, without a last character whose end never came."""
        text = self._decode(self._before, len(self._tokens))
        return text[len(self._given_text) :].rstrip(REPLACEMENT)

    def _decode(self, start: int, stop: int) -> str:
        return str(self._tokenizer.decode(self._tokens[start:stop], skip_special_tokens=True))
