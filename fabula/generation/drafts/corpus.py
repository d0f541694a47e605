"""What usually follows what in a corpus: for contexts of up to four tokens the four likeliest next tokens.

The longest context that the corpus holds often enough decides, as in Brants et al. (2007), "Large language models in
machine translation". Of 4.4 million tokens of TinyStories (vocabulary 2,048), counted in 4 s with 300 MB, 188,000
contexts are kept, in 4.5 MB. A look-up takes a few microseconds.
"""

import io
import zipfile
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.files import explain_os_errors, sha256_text, to_json, write_bytes
from fabula.terminal import progress

ORDERS = 4
"""Tokens in the longest context."""
TOP = 4
"""Next tokens kept for each context."""
LEAST_COUNT = 8
"""Contexts that occur less often are left out: a shorter one guesses better."""
MOST_TOKENS = 8_000_000
"""Tokens of a corpus that are counted; of a longer one, pieces spread evenly."""
PIECES = 256
MULTIPLIER = 0x9E3779B97F4A7C15
"""2**64 over the golden ratio, odd."""
MASK_64 = (1 << 64) - 1
FORMAT_VERSION = 1
WHOLE = (1 << 16) - 1
"""Share 1 in a file."""


Frequent = tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint16]]
"""Contexts, their likeliest next tokens, and those tokens' shares."""


def pushed(hashes: Sequence[int], token: int) -> list[int]:
    """Return the hashes of a text's last 0 to `ORDERS` tokens after one more token."""
    return [0, *(((hash_ + token + 1) * MULTIPLIER) & MASK_64 for hash_ in hashes[:ORDERS])]


@dataclass(frozen=True, eq=False)
class CorpusStatistics:
    """The likeliest next tokens of a corpus's frequent contexts.

    A context is known by a hash, see `pushed`, whose low bits are dropped. Two contexts with one hash would cost a few
    guesses, no more; among the million of a corpus that is a matter of one in ten thousand corpora.
    """

    keys: NDArray[np.uint64]
    """Contexts, sorted: (contexts,)."""
    tokens: NDArray[Any]
    """Their next tokens, the likeliest first, uint16 or uint32: (contexts, `TOP`)."""
    shares: NDArray[np.uint16]
    """How often each of them followed, `WHOLE` is always; 0 where there are fewer: (contexts, `TOP`)."""
    end_of_text: int
    """The token after every story."""
    vocab_size: int
    vocabulary: str
    """SHA-256 of the tokenizer's vocabulary."""

    @classmethod
    def from_store(cls, store: TokenStore, *, least_count: int = LEAST_COUNT) -> "CorpusStatistics":
        """Count a token store's training split."""
        split = store.train
        pieces = PIECES if split.tokens > MOST_TOKENS else 1
        length = min(split.tokens, MOST_TOKENS) // pieces
        starts = [piece * split.tokens // pieces for piece in range(pieces)]
        tokens = np.concatenate([split.read(start, start + length) for start in starts])
        return cls._count(tokens, store.tokenizer, store.vocab_size, store.end_of_text_id, least_count)

    @classmethod
    def from_stories(
        cls, stories: Iterable[str], tokenizer: Tokenizer, end_of_text: int, *, least_count: int = LEAST_COUNT
    ) -> "CorpusStatistics":
        """Count stories, as many as have `MOST_TOKENS` tokens."""
        parts = []
        left = MOST_TOKENS
        for story in stories:
            ids = [*tokenizer.encode(story, add_special_tokens=False).ids, end_of_text][:left]
            parts.append(np.array(ids, np.uint32))
            left -= len(ids)
            if not left:
                break
        tokens = np.concatenate([np.empty(0, np.uint32), *parts])
        vocab_size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1
        return cls._count(tokens, tokenizer, vocab_size, end_of_text, least_count)

    @classmethod
    def load(cls, path: Path) -> "CorpusStatistics":
        """Read what `save` wrote.

        Raises:
            UserError: no such file, or another one.
        """
        if not path.is_file():
            raise UserError(f"{path} does not exist")
        try:
            with explain_os_errors(path), np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ("keys", "tokens", "shares")}
                version, end_of_text, vocab_size = (int(number) for number in file["numbers"])
                vocabulary = str(file["vocabulary"])
        except (ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile):
            raise UserError(f"{path} holds no corpus statistics") from None
        if version != FORMAT_VERSION:
            raise UserError(f"{path} has format {version}; this Fabula reads format {FORMAT_VERSION}: count again")
        return cls(**arrays, end_of_text=end_of_text, vocab_size=vocab_size, vocabulary=vocabulary)

    def save(self, path: Path) -> None:
        """Write one file, NumPy's `.npz`, in one step.

        Raises:
            UserError: a place that can't be written to.
        """
        content = io.BytesIO()
        numbers = np.array([FORMAT_VERSION, self.end_of_text, self.vocab_size], np.int64)
        arrays = {"keys": self.keys, "tokens": self.tokens, "shares": self.shares}
        np.savez(content, allow_pickle=False, numbers=numbers, vocabulary=np.array(self.vocabulary), **arrays)
        with explain_os_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content.getvalue())

    def check(self, tokenizer: Tokenizer) -> None:
        """Make sure that these are the statistics of a tokenizer's tokens.

        Raises:
            UserError: they are another tokenizer's.
        """
        if self.vocabulary != vocabulary_hash(tokenizer):
            raise UserError("the corpus statistics were counted with another tokenizer than the model's")

    def after(self, hashes: Sequence[int]) -> dict[int, float]:
        """Return the likeliest next tokens and their shares after the longest known context.

        Args:
            hashes: from `pushed`, of the last 0, 1, ... tokens.
        """
        keys, tokens, shares, low_bits = self._views
        for hash_ in reversed(hashes):
            key = hash_ & ~low_bits
            place = bisect_left(keys, key)
            if place < len(keys) and keys[place] == key:
                first = place * TOP
                return {tokens[at]: shares[at] / WHOLE for at in range(first, first + TOP) if shares[at]}
        return {}

    @cached_property
    def _views(self) -> tuple[memoryview, memoryview, memoryview, int]:
        """The arrays as Python reads them fastest, one number at a time, and the bits that keys don't have."""
        keys, tokens, shares = (
            np.ascontiguousarray(array).reshape(-1).data for array in (self.keys, self.tokens, self.shares)
        )
        return keys, tokens, shares, _low_bits(self.vocab_size)

    @classmethod
    def _count(
        cls, tokens: NDArray[Any], tokenizer: Tokenizer, vocab_size: int, end_of_text: int, least_count: int
    ) -> "CorpusStatistics":
        low_bits = np.uint64(_low_bits(vocab_size))
        found: list[Frequent] = []
        ends = tokens == end_of_text
        crossing = np.zeros(len(tokens), np.bool_)
        hashes = np.zeros(len(tokens), np.uint64)
        with progress("counting what follows what", ORDERS * len(tokens) / 1e6, "million tokens") as advance:
            for order in range(1, ORDERS + 1):
                # hashes[i] becomes that of the `order` tokens that end at i. End-of-text may only be the first of them.
                hashes[1:] = hashes[:-1]
                hashes += tokens
                hashes += np.uint64(1)
                hashes *= np.uint64(MULTIPLIER)
                if order > 1:
                    crossing[1:] = crossing[:-1]
                    crossing |= ends
                contexts = hashes[order - 1 : -1] & ~low_bits
                pairs = (contexts | tokens[order:])[~crossing[order - 1 : -1]]
                found.append(_frequent(pairs, low_bits, least_count))
                advance(len(tokens) / 1e6)
        keys, followers, shares = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        ascending = np.argsort(keys)
        dtype = np.uint16 if vocab_size <= 1 << 16 else np.uint32
        return cls(
            keys=keys[ascending],
            tokens=followers[ascending].astype(dtype),
            shares=shares[ascending],
            end_of_text=end_of_text,
            vocab_size=vocab_size,
            vocabulary=vocabulary_hash(tokenizer),
        )


def vocabulary_hash(tokenizer: Tokenizer) -> str:
    """Return the SHA-256 of a tokenizer's tokens and their numbers."""
    return sha256_text(to_json(dict(sorted(tokenizer.get_vocab(with_added_tokens=True).items()))))


def _low_bits(vocab_size: int) -> int:
    """Return the bits of a hash that make room for a token."""
    return (1 << max(1, (vocab_size - 1).bit_length())) - 1


def _frequent(pairs: NDArray[np.uint64], low_bits: np.uint64, least_count: int) -> Frequent:
    """Return the frequent contexts, their likeliest next tokens and those tokens' shares.

    Args:
        pairs: context and next token in one number each, sorted here in place.
        low_bits: where the token is.
        least_count: how often a context must occur.
    """
    pairs.sort()
    starts = _starts(pairs)
    counts = np.diff(starts, append=len(pairs))
    pairs = pairs[starts]
    context_starts = _starts(pairs & ~low_bits)
    totals = np.add.reduceat(counts, context_starts) if len(counts) else counts
    sizes = np.diff(context_starts, append=len(pairs))

    frequent = np.repeat(totals >= least_count, sizes)
    pairs, counts = pairs[frequent], counts[frequent]
    sizes, totals = sizes[totals >= least_count], totals[totals >= least_count]
    context = np.repeat(np.arange(len(sizes)), sizes)
    descending = np.lexsort((-counts, context))  # Stable: of equally frequent tokens the smallest comes first.
    rank = np.arange(len(pairs)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = rank < TOP
    place = (context[kept], rank[kept])

    tokens = np.zeros((len(sizes), TOP), np.uint64)
    shares = np.zeros((len(sizes), TOP), np.uint16)
    tokens[place] = pairs[descending][kept] & low_bits
    shares[place] = np.maximum(1, counts[descending][kept] * WHOLE // totals[context[kept]])
    return pairs[np.cumsum(sizes) - sizes] & ~low_bits, tokens, shares


def _starts(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return where runs of equal values start."""
    return np.flatnonzero(np.diff(values, prepend=~values[:1]) != 0)
