"""Tokens and their probabilities in the form of OpenAI's first completions: four lists of one length.

`tokens` are as they are written alone. One that is no whole character is `bytes:` and its bytes, as OpenAI has it
(`bytes:\\xf0\\x9f`), so that two such tokens never share a name; one that ends a story has its own (`<|endoftext|>`).
`text_offset` says where in the choice's text a token begins. `top_logprobs` holds the token itself besides the most
probable ones, the most probable first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer, decoders

from fabula.generation.characters import TokenTexts


@dataclass(frozen=True)
class Scored:
    """A token of a choice."""

    token: int
    text: str
    """What it adds to the choice's text."""
    log_probability: float | None
    """ln p under the model itself; None where nothing stands before it."""
    alternatives: Sequence[tuple[int, float]] = ()
    """The most probable tokens of its place with their ln p."""


class TokenNames:
    """What a vocabulary's tokens are called."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._texts = TokenTexts(tokenizer) if isinstance(tokenizer.decoder, decoders.ByteLevel) else None
        added = tokenizer.get_added_tokens_decoder().items()
        self._special = {token: meaning.content for token, meaning in added if meaning.special}

    def __call__(self, token: int) -> str:
        """Return a token's name."""
        if token in self._special:
            return self._special[token]
        if self._texts is None:
            return str(self._tokenizer.decode([token], skip_special_tokens=False))
        meaning = self._texts[token]
        if isinstance(meaning, str):
            return meaning
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in meaning)


class Logprobs:
    """The lists of one choice, handed out part by part as the choice grows."""

    def __init__(self, names: TokenNames) -> None:
        self._names = names
        self._offset = 0

    def part(self, tokens: Iterable[Scored]) -> dict[str, Any]:
        """Return the lists of the next tokens."""
        lists: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for one in tokens:
            name = self._names(one.token)
            lists["tokens"].append(name)
            lists["token_logprobs"].append(one.log_probability)
            lists["top_logprobs"].append(self._top(name, one))
            lists["text_offset"].append(self._offset)
            self._offset += len(one.text)
        return lists

    def _top(self, name: str, one: Scored) -> dict[str, float] | None:
        if one.log_probability is None:
            return None
        found = {self._names(token): log_probability for token, log_probability in one.alternatives}
        return {**found, name: found.get(name, one.log_probability)}
