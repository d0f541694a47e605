"""Byte-level BPE over batches of stories with NumPy: cut where GPT-2's pre-tokenizer cuts, look up what was met before.

BPE never merges across the cuts, so a pretoken has the same tokens wherever it stands, and stories have few different
ones. Only ASCII is cut here. A stretch with other characters, from a space to a space, is looked up as a whole: it
begins and ends at cuts whatever is inside. What wasn't met before goes through `tokenizers`.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from tokenizers import Tokenizer

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Words = NDArray[np.uint64]
Integers = NDArray[np.int64]

END = 0xFF
"""Stands after every story of a batch; no byte of UTF-8."""
CHUNK_BYTES = 1 << 17
"""Text looked at together: its arrays fit a processor's cache."""
SHORT = 15
"""Bytes of a pretoken that fit its key, beside the length."""
KEPT_UNITS = 1 << 18
KEPT_BYTES = 1 << 24
"""Most units, and bytes of units longer than `SHORT`, that are remembered; beyond, everything is forgotten."""
FIRST_SLOTS = 1 << 16

LETTER, DIGIT, SPACE, OTHER, BEYOND, BORDER = range(6)


def _classes() -> Bytes:
    """Return the class of every byte in GPT-2's pattern; `BEYOND` is all that isn't ASCII."""
    classes = np.full(256, OTHER, np.uint8)
    for byte in range(128):
        if chr(byte).isalpha():
            classes[byte] = LETTER
        elif chr(byte).isdigit():
            classes[byte] = DIGIT
    classes[list(b" \t\n\v\f\r")] = SPACE
    classes[128:] = BEYOND
    classes[END] = BORDER
    return classes


CLASSES = _classes()


def unit_starts(text: Bytes) -> Flags:
    """Say for each byte of stories, each followed by `END`, whether a unit starts there: bool [bytes].

    A unit is a pretoken of GPT-2's pattern (Radford et al. 2019), an `END`, or a stretch that isn't all ASCII and
    whose first and last cut are the pattern's.
    """
    kind = CLASSES[text]
    space = kind == SPACE
    starts = np.ones(len(text), np.bool_)
    # ` ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+`: where the class changes, but a blank goes with what follows it.
    starts[1:] = kind[1:] != kind[:-1]
    starts[1:] &= (text[:-1] != ord(" ")) | space[1:] | (kind[1:] == BORDER)
    # `\s+(?!\S)|\s+`: of several white spaces before a text, the last stands apart.
    starts[:-1] |= space[:-1] & ~space[1:] & (kind[1:] != BORDER)
    starts |= kind == BORDER
    _cut_contractions(text, starts)
    if (kind == BEYOND).any():
        _join_beyond_ascii(text, kind, starts)
    return starts


def _cut_contractions(text: Bytes, starts: Flags) -> None:
    """Apply `'s|'t|'re|'ve|'m|'ll|'d`, which comes first in the pattern wherever an apostrophe starts a pretoken."""
    place = np.flatnonzero((text == ord("'")) & starts)
    place = place[place + 2 < len(text)]
    first, second = text[place + 1], text[place + 2]
    one = np.isin(first, list(b"stmd"))
    two = ((first == ord("r")) | (first == ord("v"))) & (second == ord("e"))
    two |= (first == ord("l")) & (second == ord("l"))
    starts[place[one | two] + 1] = False
    starts[place[one] + 2] = True
    starts[place[two] + 3] = True


def _join_beyond_ascii(text: Bytes, kind: Bytes, starts: Flags) -> None:
    """Leave no start inside a stretch with a byte beyond ASCII; stretches go from one sure cut to the next."""
    sure = kind == BORDER
    sure[1:] |= sure[:-1].copy()
    sure[1:] |= (text[1:] == ord(" ")) & (kind[:-1] != SPACE) & (kind[:-1] != BEYOND)
    sure[0] = True
    cuts = np.flatnonzero(sure)
    stretches = np.unique(np.searchsorted(cuts, np.flatnonzero(kind == BEYOND), side="right") - 1)
    for begin, end in zip(cuts[stretches].tolist(), cuts[stretches + 1].tolist(), strict=True):
        starts[begin + 1 : end] = False


class UnitTable:
    """A hash table from a unit's key (two 64-bit words) to its tokens, filled and asked by whole arrays."""

    def __init__(self) -> None:
        self.keys: Words = np.empty((2, 0), np.uint64)
        self._first: Integers = np.empty(0, np.int64)
        self._count: Integers = np.empty(0, np.int64)
        self._tokens: NDArray[np.uint32] = np.empty(0, np.uint32)
        self._resize(FIRST_SLOTS)

    def __len__(self) -> int:
        return len(self._first)

    def find(self, keys: Words) -> Integers:
        """Return the place of each key (uint64 [2, units]) in the table, -1 where it isn't there."""
        if not len(self):
            return np.full(keys.shape[1], -1, np.int64)
        slots = self._home(keys)
        found = self._slots[slots]
        other = np.flatnonzero(self._differs(found, keys[0], keys[1]))
        while len(other):
            slots[other] = (slots[other] + 1) & self._mask
            found[other] = self._slots[slots[other]]
            other = other[self._differs(found[other], keys[0][other], keys[1][other])]
        return found

    def add(self, keys: Words, tokens: list[list[int]]) -> None:
        """Add units that are not in the table yet, each once."""
        before = len(self)
        count = np.array([len(ids) for ids in tokens], np.int64)
        first = len(self._tokens) + np.cumsum(count) - count
        self._first = np.concatenate([self._first, first])
        self._count = np.concatenate([self._count, count])
        self._tokens = np.concatenate([self._tokens, np.array([id_ for ids in tokens for id_ in ids], np.uint32)])
        self.keys = np.concatenate([self.keys, keys], axis=1)
        if 2 * len(self) > len(self._slots):
            self._resize(4 * len(self))
        else:
            self._seat(np.arange(before, len(self)))

    def tokens(self, places: Integers) -> tuple[NDArray[np.uint32], Integers]:
        """Return the tokens of the units at some places, joined, and how many each has."""
        count = self._count[places]
        ends = np.cumsum(count)
        index = np.repeat(self._first[places] - ends + count, count)
        index += np.arange(len(index))
        return self._tokens[index], count

    def _differs(self, found: Integers, first: Words, second: Words) -> Flags:
        """Say where a seat is taken by another key; an empty seat ends a search."""
        differs: Flags = (self.keys[0][found] != first) | (self.keys[1][found] != second)
        differs &= found >= 0
        return differs

    def _home(self, keys: Words) -> Integers:
        mixed = keys[0] * np.uint64(0x9E3779B97F4A7C15) ^ keys[1] * np.uint64(0xC2B2AE3D27D4EB4F)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        home: Integers = (mixed >> self._shift).astype(np.int64)
        return home

    def _resize(self, least: int) -> None:
        slots = 1 << (least - 1).bit_length()
        self._slots: Integers = np.full(slots, -1, np.int64)
        self._mask = slots - 1
        self._shift = np.uint64(64 - self._mask.bit_length())
        self._seat(np.arange(len(self)))

    def _seat(self, places: Integers) -> None:
        """Give each place the first empty seat from its home on; where several want one, the others go on."""
        slots = self._home(self.keys[:, places])
        while len(places):
            free = self._slots[slots] < 0
            self._slots[slots[free]] = places[free]
            lost = self._slots[slots] != places
            places, slots = places[lost], (slots[lost] + 1) & self._mask


class PretokenEncoder:
    """Encodes stories with a tokenizer that cuts like GPT-2's (see `fast_tokenizer.plain_json`)."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._forget()

    def encode(self, texts: list[str]) -> tuple[NDArray[np.uint32], Integers]:
        """Return the texts' tokens, joined, and how many each text has."""
        parts = []
        chunk: list[bytes] = []
        size = 0
        for text in texts:
            content = text.encode()
            chunk.append(content)
            size += len(content)
            if size > CHUNK_BYTES:
                parts.append(self._encode(chunk))
                chunk, size = [], 0
        if chunk:
            parts.append(self._encode(chunk))
        if not parts:
            return np.empty(0, np.uint32), np.empty(0, np.int64)
        return np.concatenate([ids for ids, _ in parts]), np.concatenate([lengths for _, lengths in parts])

    def _encode(self, texts: list[bytes]) -> tuple[NDArray[np.uint32], Integers]:
        if len(self._table) > KEPT_UNITS or self._long_bytes > KEPT_BYTES:
            self._forget()
        border = bytes([END])
        joined = border.join(texts) + border
        text = np.frombuffer(joined + bytes(16), np.uint8)
        starts = np.flatnonzero(unit_starts(text[: len(joined)]))
        ends = np.append(starts[1:], len(joined))
        keys = self._keys(joined, text, starts, ends)
        places = self._table.find(keys)
        missing = np.flatnonzero(places < 0)
        if len(missing):
            self._learn(joined, keys, starts, ends, missing)
            places[missing] = self._table.find(keys[:, missing])
        ids, counts = self._table.tokens(places)
        after = np.cumsum(counts)[text[starts] == END]
        return ids, np.diff(after, prepend=0)

    def _keys(self, joined: bytes, text: Bytes, starts: Integers, ends: Integers) -> Words:
        """Return a key for each unit: its bytes and its length, or for a long one a number of its own."""
        words = as_strided(text[:8].view(np.uint64), (len(text) - 7,), (1,))
        lengths = np.minimum(ends - starts, SHORT + 1)
        keys = np.empty((2, len(starts)), np.uint64)
        np.bitwise_and(words[starts], MASKS[0][lengths], out=keys[0])
        np.bitwise_and(words[starts + 8], MASKS[1][lengths], out=keys[1])
        keys[1] |= LENGTHS[lengths]
        for unit in np.flatnonzero(lengths > SHORT).tolist():
            content = joined[starts[unit] : ends[unit]]
            if content not in self._long:
                self._long[content] = len(self._long)
                self._long_bytes += len(content)
            keys[:, unit] = self._long[content], LENGTHS[SHORT + 1]
        return keys

    def _learn(self, joined: bytes, keys: Words, starts: Integers, ends: Integers, missing: Integers) -> None:
        found = zip(zip(*keys[:, missing].tolist(), strict=True), missing.tolist(), strict=True)
        units = np.array(list(dict(found).values()), np.int64)
        spans = zip(starts[units].tolist(), ends[units].tolist(), strict=True)
        texts = ["" if joined[begin] == END else joined[begin:end].decode() for begin, end in spans]
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        self._table.add(keys[:, units], [encoding.ids for encoding in encodings])

    def _forget(self) -> None:
        self._table = UnitTable()
        self._long: dict[bytes, int] = {}
        self._long_bytes = 0


def _words(contents: list[bytes]) -> Words:
    """Return each 16 bytes as two words, as a text's bytes are read: uint64 [2, contents]."""
    return np.frombuffer(b"".join(contents), np.uint64).reshape(-1, 2).T.copy()


MASKS = _words([b"\xff" * length + bytes(16 - length) for length in range(SHORT + 1)] + [bytes(16)])
"""For each length of a unit the bytes of its key that it fills; none for a long one."""
LENGTHS = _words([bytes([0] * 15 + [length]) for length in range(SHORT + 2)])[1]
"""A unit's length, in the last byte of its key."""
