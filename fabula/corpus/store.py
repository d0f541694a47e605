"""The token store: a folder of tokens that training and evaluation read from.

manifest.json          where it came from, counts, sizes and SHA-256 of every file
tokenizer.json
train/, validation/
    tokens-NNNNN.bin   little-endian uint16 (uint32 beyond 65,536 ids), one end-of-text token after each story
    documents.npy      int64 [stories + 1], where each story starts; the last entry is the number of tokens
    bytes.npy          int32 [stories], UTF-8 bytes of each story's text
    hashes.npy         uint64 [stories], BLAKE2b-64 of each story's text
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fabula.corpus.tokenizer import prepare
from fabula.errors import UserError
from fabula.files import read_json, sha256

FORMAT_VERSION = 1
"""Of the folder's layout; a reader refuses any other."""
SPLITS = ("train", "validation")
MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
DOCUMENTS = "documents.npy"
STORY_BYTES = "bytes.npy"
STORY_HASHES = "hashes.npy"
DTYPES = ("uint16", "uint32")

Tokens: TypeAlias = NDArray[Any]
"""uint16 or uint32."""


def story_hash(text: bytes) -> int:
    """Return the 64-bit BLAKE2b hash of a story's UTF-8 text; equal hashes are treated as equal stories."""
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def token_dtype(ids: int) -> np.dtype[Any]:
    """Return the little-endian integer that holds token ids below `ids`."""
    return np.dtype("<u2" if ids <= 1 << 16 else "<u4")


def tokens_file(number: int) -> str:
    """Return the name of a split's token file."""
    return f"tokens-{number:05d}.bin"


def content_hash(files: dict[str, dict[str, Any]]) -> str:
    """Return the SHA-256 over the hashes of the token, document and tokenizer files of a manifest's `files`.

    It says what a training sees, and nothing of names, versions or times.
    """
    relevant = [name for name in sorted(files) if name == TOKENIZER or name.endswith((".bin", DOCUMENTS))]
    lines = [f"{name} {files[name]['sha256']}\n" for name in relevant]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Split:
    """One split of a store: its stories' tokens one after the other. Nothing is read before it is asked for."""

    folder: Path
    dtype: np.dtype[Any]
    stories: int
    """Stories in the split."""
    tokens: int
    """Tokens in the split, with each story's end-of-text."""
    load_tokenizer: Callable[[], Tokenizer] = field(repr=False)
    """Returns the store's tokenizer."""

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where each story's tokens start, and at the end the number of tokens: int64 [stories + 1]."""
        return np.asarray(self._array(DOCUMENTS), np.int64)

    @cached_property
    def story_bytes(self) -> NDArray[np.int32]:
        """UTF-8 bytes of each story's text: int32 [stories]."""
        return np.asarray(self._array(STORY_BYTES), np.int32)

    @cached_property
    def story_hashes(self) -> NDArray[np.uint64]:
        """BLAKE2b-64 of each story's text: uint64 [stories]."""
        return np.asarray(self._array(STORY_HASHES), np.uint64)

    @cached_property
    def _shards(self) -> list[Tokens]:
        files = sorted(self.folder.glob("tokens-*.bin"))
        return [np.memmap(file, dtype=self.dtype, mode="r") for file in files]

    @cached_property
    def _shard_starts(self) -> NDArray[np.int64]:
        return np.cumsum([0, *(len(shard) for shard in self._shards)], dtype=np.int64)

    def read(self, start: int, stop: int) -> Tokens:
        """Return the tokens [start, stop) of the split, as the store keeps them (read-only where mapped)."""
        if not 0 <= start <= stop <= self.tokens:
            raise IndexError(f"tokens [{start}, {stop}) of a split of {self.tokens}")
        first = int(np.searchsorted(self._shard_starts, start, side="right")) - 1
        parts: list[Tokens] = []
        while start < stop:
            offset = int(self._shard_starts[first])
            part = self._shards[first][start - offset : stop - offset]
            parts.append(part)
            start += len(part)
            first += 1
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.empty(0, self.dtype)

    def story(self, index: int) -> Tokens:
        """Return one story's tokens, its end-of-text last."""
        if not 0 <= index < self.stories:
            raise IndexError(f"story {index} of a split of {self.stories}")
        return self.read(int(self.offsets[index]), int(self.offsets[index + 1]))

    def text(self, index: int) -> str:
        """Return one story's text, exactly as it was read."""
        ids = self.story(index)[:-1].tolist()
        return str(self.load_tokenizer().decode(ids, skip_special_tokens=False))

    def _array(self, name: str) -> Any:
        return np.load(self.folder / name, mmap_mode="r")


@dataclass(frozen=True, eq=False)
class TokenStore:
    """A token store on the disk, opened for reading."""

    path: Path
    manifest: dict[str, Any] = field(repr=False)

    @classmethod
    def open(cls, path: str | Path) -> "TokenStore":
        """Open a store after checking its manifest and the size of every file.

        Raises:
            UserError: no store, another format, or files that are missing or have another size.
        """
        path = Path(path)
        if not is_store(path):
            raise UserError(f"{path} is not a token store: it has no {MANIFEST}; `fabula corpus build` makes one")
        manifest = read_json(path / MANIFEST)
        _check_manifest(path, manifest)
        for name, entry in manifest["files"].items():
            size = (path / name).stat().st_size if (path / name).is_file() else None
            if size != entry["size"]:
                found = "is missing" if size is None else f"has {size:,} bytes instead of {entry['size']:,}"
                raise UserError(f"{path / name} {found}: the store is damaged, build it again")
        return cls(path, manifest)

    def verify(self) -> None:
        """Read every file and compare its SHA-256 with the manifest.

        Raises:
            UserError: a file has changed since the store was built.
        """
        for name, entry in self.manifest["files"].items():
            if sha256(self.path / name) != entry["sha256"]:
                raise UserError(f"{self.path / name} has changed since the store was built: build it again")
        if content_hash(self.manifest["files"]) != self.hash:
            raise UserError(f"{self.path / MANIFEST}: `hash` doesn't belong to these files; build the store again")

    @property
    def hash(self) -> str:
        """SHA-256 of what a training sees: tokens, story borders and tokenizer."""
        return str(self.manifest["hash"])

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the stories; it treats the letters `<|endoftext|>` as letters."""
        return prepare(Tokenizer.from_file(str(self.path / TOKENIZER)))

    @property
    def vocab_size(self) -> int:
        """The largest token id plus one."""
        return int(self.manifest["tokenizer"]["vocab_size"])

    @property
    def end_of_text_id(self) -> int:
        """The token after every story."""
        return int(self.manifest["tokenizer"]["end_of_text_id"])

    @cached_property
    def train(self) -> Split:
        """The stories to learn from."""
        return self._split("train")

    @cached_property
    def validation(self) -> Split:
        """The stories held out."""
        return self._split("validation")

    def _split(self, name: str) -> Split:
        counts = self.manifest["splits"][name]
        dtype = np.dtype(self.manifest["dtype"]).newbyteorder("<")
        return Split(self.path / name, dtype, counts["stories"], counts["tokens"], lambda: self.tokenizer)


def is_store(path: Path) -> bool:
    """Say whether a folder looks like a token store."""
    return (path / MANIFEST).is_file()


def _check_manifest(path: Path, manifest: Any) -> None:
    try:
        version = manifest["format_version"]
        if version != FORMAT_VERSION:
            raise UserError(f"{path} has store format {version}; this Fabula reads format {FORMAT_VERSION}")
        sizes = [entry["size"] for entry in manifest["files"].values()]
        counts = [manifest["splits"][split][key] for split in SPLITS for key in ("stories", "tokens")]
        counts += [manifest["tokenizer"][key] for key in ("vocab_size", "end_of_text_id")]
        whole = all(isinstance(number, int) for number in sizes + counts)
        whole &= manifest["dtype"] in DTYPES and isinstance(manifest["hash"], str)
    except (KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise UserError(f"{path / MANIFEST} is not the manifest of a token store: build the store again")
