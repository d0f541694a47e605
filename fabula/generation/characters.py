"""Tokens to text as they come, a whole character at a time."""

import codecs
from collections.abc import Sequence
from typing import Protocol

from tokenizers import Tokenizer, decoders

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
BEFORE = 8
"""Tokens of a prompt that decide how the text after it begins: more than the bytes of a character."""


class CharacterStream(Protocol):
    """Decodes a growing list of tokens; what it gives out never changes afterwards.

    In a byte-level vocabulary a character may take several tokens. Its bytes are held back until they are complete:
    a text that ends in U+FFFD may still become another. Bytes that are no character at all are given out as U+FFFD
    as soon as a whole character follows them.
    """

    def push(self, token: int) -> str:
        """Take one more token and return the text that it completes, often a word, sometimes nothing."""
        ...

    def finish(self) -> str:
        """Return the text held back, without a last character whose end never came."""
        ...


class Characters:
    """A vocabulary's way from tokens to characters; stories that share it share what it has looked up."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._texts = TokenTexts(tokenizer) if isinstance(tokenizer.decoder, decoders.ByteLevel) else None

    def begin(self, prompt: Sequence[int]) -> CharacterStream:
        """Start after the tokens of a prompt, which decide about the first space in some vocabularies."""
        if self._texts is None:
            return _WindowStream(self._tokenizer, prompt)
        return _ByteStream(self._texts, prompt)


class TokenTexts(dict[int, str | bytes]):
    """What each token of a byte-level vocabulary stands for, looked up when it is first met.

    Text where a token is whole characters, bytes where it isn't or where it ends in U+FFFD; special tokens are nothing.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer
        added = tokenizer.get_added_tokens_decoder().items()
        self.update((token, "") for token, meaning in added if meaning.special)

    def __missing__(self, token: int) -> str | bytes:
        letters = self._tokenizer.id_to_token(token) or ""
        try:
            content = bytes(BYTES[letter] for letter in letters)
        except KeyError:  # an added token is written as it is
            content = letters.encode()
        meaning: str | bytes = content
        if is_text(content):
            meaning = content.decode()
        self[token] = meaning
        return meaning


def is_text(content: bytes) -> bool:
    """Say whether bytes are whole characters of which the last is settled."""
    try:
        return not content.decode().endswith(REPLACEMENT)
    except UnicodeDecodeError:
        return False


def _byte_letters() -> dict[str, int]:
    """Return the byte that each letter of a byte-level vocabulary stands for (GPT-2's `bytes_to_unicode`)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}


BYTES = _byte_letters()


class _ByteStream:
    """Of a byte-level vocabulary: every token is some bytes, whatever stands beside it."""

    def __init__(self, texts: TokenTexts, prompt: Sequence[int]) -> None:
        self._texts = texts
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._whole = True
        for token in prompt[-BEFORE:]:
            self.push(token)
        self._held = ""

    def push(self, token: int) -> str:
        meaning = self._texts[token]
        if isinstance(meaning, str):
            if self._whole:
                return meaning
            meaning = meaning.encode()
        text = self._held + self._decoder.decode(meaning)
        given = text.rstrip(REPLACEMENT)
        self._held = text[len(given) :]
        self._whole = not self._held and not self._decoder.getstate()[0]
        return given

    def finish(self) -> str:
        return ""


class _WindowStream:
    """Of any vocabulary: the tokenizer decodes the last few tokens with and without the new ones."""

    def __init__(self, tokenizer: Tokenizer, prompt: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._tokens = list(prompt[-BEFORE:])
        self._given = len(self._tokens)
        self._given_text = self._decode(self._tokens)

    def push(self, token: int) -> str:
        self._tokens.append(token)
        text = self._decode(self._tokens)
        if len(text) <= len(self._given_text) or text.endswith(REPLACEMENT):
            return ""
        new = text[len(self._given_text) :]
        self._tokens = self._tokens[self._given :]
        self._given = len(self._tokens)
        self._given_text = self._decode(self._tokens)
        return new

    def finish(self) -> str:
        return self._decode(self._tokens)[len(self._given_text) :].rstrip(REPLACEMENT)

    def _decode(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True))
