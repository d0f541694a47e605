"""The fastest way to a corpus's tokens that gives the very tokens of `tokenizers`.

`tokenizers` is slow and always right. `gigatoken` (the extra `fast`) is many times faster and young;
`fabula.corpus.pretokens` needs no library. Before a store is written they are tried in turn, on a sample of the corpus,
on each of its characters and on texts made to go wrong; the first whose tokens are those of `tokenizers` is used.
"""

import itertools
import json
from array import array
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fabula import __version__
from fabula.corpus.pretokens import PretokenEncoder
from fabula.terminal import say

REFERENCE = "tokenizers"
TEXTS_AT_ONCE = 256
"""Texts that `tokenizers` is given together: what it returns of a text takes many times the text's memory."""
AWKWARD = (
    "",
    "<|endoftext|>",
    "a<|endoftext|>b <|endoftext|><|endoftext|>\n",
    "Hello  world,   three    spaces\n\n\n and\tlines \r\n \r\n ends \t",
    "I'm don't WE'VE they'll he'd 's 'sx ''s !'s  'll\n've 're'd'm rock'n'roll '' '",
    "1 23 456,789.0 a1b2 ½ Ⅷ ²³ ١٢٣ 一二三",
    "naïve café Ærøskøbing Ελληνικά кириллица עברית العربية हिन्दी ไทย 한국어 日本語 漢字",
    "\u201cQuoted,\u201d she said \u2014 it\u2019s \u2018fine\u2019\u2026 don\u2019t they\u2019ll",
    "😀 👩‍👩‍👧‍👦 🇩🇪🏳️‍🌈 a😀b 😀's",
    "e\u0301\u0301 \u0301 \u0345 x\u0308y \u200d\u200b\u2060\ufeff\ufffd\U0010ffff\U0001f1e6",
    "\x00\x00a\x00 \x01\x1b\x1c\x1d\x1e\x1f\x7f \x85 \xa0\xa0x \u2028\u2029 \u3000\u3000y \u180e\u1680z",
    " \u3000 \xa0\n \u2003a  \u2003 b\u2003 ",
    "Supercalifragilisticexpialidocious " + "a" * 700 + " " * 300 + "!" * 300 + "\n" * 300 + "x",
    "".join(map(chr, range(1, 0x250))),
    " ".join(map(chr, range(1, 0x250))),
    *map("".join, itertools.product("as1! \t\n'", repeat=3)),
)
"""Texts on which tokenizers have been known to part."""

Ids = NDArray[np.uint32]
Stated = dict[str, Any]
"""The content of a tokenizer.json."""


class Encoded(NamedTuple):
    """The tokens of some texts."""

    ids: Ids
    """All texts' tokens, joined."""
    lengths: NDArray[np.int64]
    """Tokens of each text."""


class Encoder(Protocol):
    """Turns texts into tokens, without special tokens."""

    def encode(self, texts: list[str]) -> Encoded:
        """Return the texts' tokens."""
        ...


class Reference:
    """`tokenizers`, the judge of the others."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, texts: list[str]) -> Encoded:
        """Return the texts' tokens."""
        ids, lengths = array("I"), array("q")
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = texts[start : start + TEXTS_AT_ONCE]
            for encoding in self._tokenizer.encode_batch_fast(part, add_special_tokens=False):
                tokens = encoding.ids
                ids.extend(tokens)
                lengths.append(len(tokens))
        return Encoded(np.array(ids, np.uint32), np.array(lengths, np.int64))


class Gigatoken:
    """The library `gigatoken`."""

    def __init__(self, tokenizer: Tokenizer, stated: Stated) -> None:
        import gigatoken

        self._tokenizer = gigatoken.Tokenizer.from_json(json.dumps(stated))

    def encode(self, texts: list[str]) -> Encoded:
        """Return the texts' tokens."""
        import awkward

        found = self._tokenizer.encode_batch(texts)
        lengths = awkward.to_numpy(awkward.num(found))
        return Encoded(awkward.to_numpy(awkward.flatten(found)).astype(np.uint32), lengths.astype(np.int64))


class Pretokens:
    """Fabula's own `PretokenEncoder`."""

    def __init__(self, tokenizer: Tokenizer, stated: Stated) -> None:
        self._encoder = PretokenEncoder(tokenizer)

    def encode(self, texts: list[str]) -> Encoded:
        """Return the texts' tokens."""
        return Encoded(*self._encoder.encode(texts))


CANDIDATES: dict[str, Callable[[Tokenizer, Stated], Encoder]] = {
    "gigatoken": Gigatoken,
    "fabula": Pretokens,
}
"""What is tried, the fastest first, by the name of its package. It is made of a tokenizer and its `plain_json`."""
LARGE = 1 << 26
"""Characters of a corpus below which what is quick to start, the last, is tried first."""


class CorpusEncoder:
    """Encodes a corpus's stories with the fastest candidate that was proved on it, else with `tokenizers`."""

    def __init__(self, tokenizer: Tokenizer, sample: Sequence[str] = (), size: int = LARGE) -> None:
        """Try the candidates.

        Args:
            tokenizer: the one whose tokens are wanted.
            sample: stories of the corpus; none: it is too small to be worth a trial, and `tokenizers` is used.
            size: characters of the corpus.
        """
        self._reference = Reference(tokenizer)
        self._fast: Encoder | None = None
        self.name = REFERENCE
        """The package whose tokens these are."""
        stated = plain_json(tokenizer) if sample else None
        if stated:
            in_turn = list(CANDIDATES) if size >= LARGE else list(reversed(CANDIDATES))
            self._choose(in_turn, tokenizer, stated, [*AWKWARD, *sample])

    def encode(self, texts: list[str]) -> Encoded:
        """Return the texts' tokens."""
        if self._fast:
            try:
                found = self._fast.encode(texts)
                if len(found.lengths) != len(texts) or found.lengths.sum() != len(found.ids):
                    raise ValueError("the tokens don't fit the texts")
                return found
            except BaseException as error:
                self._give_up(self.name, error)
                self._fast, self.name = None, REFERENCE
        return self._reference.encode(texts)

    @property
    def version(self) -> str:
        """The package that is used, with its version."""
        return f"{self.name} {__version__ if self.name == 'fabula' else version(self.name)}"

    def _choose(self, names: list[str], tokenizer: Tokenizer, stated: Stated, texts: list[str]) -> None:
        expected = self._reference.encode(texts)
        for name in names:
            if not find_spec(name):
                continue
            try:
                candidate = CANDIDATES[name](tokenizer, stated)
                odd = first_difference(candidate.encode(texts), expected)
            except BaseException as error:
                self._give_up(name, error)
                continue
            if odd is None:
                self._fast, self.name = candidate, name
                return
            say(f"{name} gives other tokens than {REFERENCE} for {texts[odd][:40]!r}: it is not used")

    @staticmethod
    def _give_up(name: str, error: BaseException) -> None:
        """Go on without a candidate after any error: a panic in Rust comes as a BaseException."""
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error
        reason = (str(error).splitlines() or [""])[0]
        say(f"{name} failed ({type(error).__name__}: {reason}): {REFERENCE} goes on without it")


def first_difference(found: Encoded, expected: Encoded) -> int | None:
    """Return the first text whose tokens differ, None if there is none."""
    count = len(expected.lengths)
    if len(found.lengths) != count:
        return 0
    if np.array_equal(found.lengths, expected.lengths) and np.array_equal(found.ids, expected.ids):
        return None
    mine, theirs = np.cumsum(found.lengths).tolist(), np.cumsum(expected.lengths).tolist()
    before = (0, 0)
    for text, ends in enumerate(zip(mine, theirs, strict=True)):
        if not np.array_equal(found.ids[before[0] : ends[0]], expected.ids[before[1] : ends[1]]):
            return text
        before = ends
    return count - 1


def plain_json(tokenizer: Tokenizer) -> Stated | None:
    """Return a tokenizer.json's content, special tokens' letters being letters; None for other kinds of tokenizers.

    The kind is a byte-level BPE that cuts like GPT-2's, and in which nothing else changes the tokens. The rest is left
    to `tokenizers`: the fast libraries know fewer kinds, and don't always say so.
    """
    stated: Stated = json.loads(tokenizer.to_str())
    model, before = stated["model"], stated["pre_tokenizer"] or {}
    if model["type"] != "BPE" or before.get("type") != "ByteLevel":
        return None
    unusual = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges")
    plain = (
        not any(model.get(name) for name in unusual)
        and sorted(model["vocab"].values()) == list(range(len(model["vocab"])))
        and stated["normalizer"] is None
        and not before["add_prefix_space"]
        and before["use_regex"]
        and all(token["special"] for token in stated["added_tokens"])
        and tokenizer.encode_special_tokens
    )
    left_out: Stated = {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
    return {**stated, **left_out} if plain else None
