"""Writing a token store, story by story, in constant memory but for a few integers a story."""

from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fabula import __version__
from fabula.corpus.store import (
    DOCUMENTS,
    FORMAT_VERSION,
    MANIFEST,
    SPLITS,
    STORY_BYTES,
    STORY_HASHES,
    TOKENIZER,
    Split,
    content_hash,
    token_dtype,
    tokens_file,
)
from fabula.corpus.tokenizer import end_of_text_id, id_count
from fabula.files import sha256, to_json, write_text

SHARD_TOKENS = 1 << 28
"""Tokens in one file of a split: half a gibibyte of uint16."""


class SplitWriter:
    """Appends stories to one split's files."""

    def __init__(self, folder: Path, dtype: np.dtype[Any], shard_tokens: int = SHARD_TOKENS) -> None:
        folder.mkdir()
        self.folder = folder
        self.dtype = dtype
        self.shard_tokens = shard_tokens
        self._offsets = array("q", [0])
        self._bytes = array("i")
        self._hashes = array("Q")
        self._file: BinaryIO | None = None
        self._shards = 0
        self._room = 0

    @property
    def stories(self) -> int:
        """Stories written so far."""
        return len(self._bytes)

    @property
    def tokens(self) -> int:
        """Tokens written so far, end-of-text included."""
        return self._offsets[-1]

    @property
    def story_bytes(self) -> int:
        """UTF-8 bytes of the stories written so far."""
        return sum(self._bytes)

    @property
    def duplicates(self) -> int:
        """Stories written so far that equal an earlier one."""
        return self.stories - len(np.unique(np.frombuffer(self._hashes, np.uint64)))

    def add(
        self, tokens: NDArray[Any], lengths: NDArray[np.int64], sizes: Iterable[int], hashes: Iterable[int]
    ) -> None:
        """Append stories: their tokens, joined, with end-of-text, the tokens, UTF-8 bytes and hash of each."""
        self._offsets.frombytes((self._offsets[-1] + np.cumsum(lengths, dtype=np.int64)).tobytes())
        self._bytes.extend(sizes)
        self._hashes.extend(hashes)
        self._write(tokens.astype(self.dtype, copy=False))

    def close(self) -> None:
        """Finish the token files and write the per-story arrays."""
        self.abandon()
        np.save(self.folder / DOCUMENTS, np.frombuffer(self._offsets, np.int64))
        np.save(self.folder / STORY_BYTES, np.frombuffer(self._bytes, np.int32))
        np.save(self.folder / STORY_HASHES, np.frombuffer(self._hashes, np.uint64))

    def abandon(self) -> None:
        """Close the token file without finishing the split."""
        if self._file:
            self._file.close()
            self._file = None

    def _write(self, tokens: NDArray[Any]) -> None:
        while len(tokens):
            if not self._room:
                self.abandon()
                self._file = (self.folder / tokens_file(self._shards)).open("wb")
                self._shards += 1
                self._room = self.shard_tokens
            assert self._file is not None
            part, tokens = tokens[: self._room], tokens[self._room :]
            self._file.write(part.tobytes())
            self._room -= len(part)


class StoreWriter:
    """Fills a folder with a token store. Use it as a context manager, inside `fabula.files.new_folder`."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, shard_tokens: int = SHARD_TOKENS) -> None:
        self.folder = folder
        self.tokenizer = tokenizer
        self.end_of_text_id = end_of_text_id(tokenizer)
        self.vocab_size = id_count(tokenizer)
        self.dtype = token_dtype(self.vocab_size)
        self.splits = {name: SplitWriter(folder / name, self.dtype, shard_tokens) for name in SPLITS}

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(self, *error: object) -> None:
        for split in self.splits.values():
            split.abandon()

    def finish_splits(self) -> dict[str, Split]:
        """Write the rest of both splits and return them for reading."""
        for split in self.splits.values():
            split.close()
        return {
            name: Split(split.folder, self.dtype, split.stories, split.tokens, lambda: self.tokenizer)
            for name, split in self.splits.items()
        }

    def finish(self, kind: str, origin: dict[str, Any], counts: dict[str, dict[str, int]]) -> None:
        """Write what is left after `finish_splits`: the tokenizer and, last, the manifest.

        Args:
            kind: the tokenizer's, `gpt2` or `bpe`.
            origin: manifest entries that say where the stories came from.
            counts: for each split, what the writer can't know: stories left out, near-duplicates and the like.
        """
        write_text(self.folder / TOKENIZER, self.tokenizer.to_str(pretty=True))
        files = {
            file.relative_to(self.folder).as_posix(): {"size": file.stat().st_size, "sha256": sha256(file)}
            for file in sorted(self.folder.rglob("*"))
            if file.is_file()
        }
        manifest = {
            "format_version": FORMAT_VERSION,
            "fabula_version": __version__,
            **origin,
            "tokenizer": {
                "kind": kind,
                "vocab_size": self.vocab_size,
                "end_of_text_id": self.end_of_text_id,
                "sha256": files[TOKENIZER]["sha256"],
            },
            "dtype": self.dtype.name,
            "splits": {
                name: {
                    "stories": split.stories,
                    "tokens": split.tokens,
                    "bytes": split.story_bytes,
                    "duplicates": split.duplicates,
                    **counts[name],
                }
                for name, split in self.splits.items()
            },
            "files": files,
            "hash": content_hash(files),
        }
        write_text(self.folder / MANIFEST, to_json(manifest))
