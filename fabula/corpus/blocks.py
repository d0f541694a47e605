"""A file as blocks of bytes, whatever its compression, and those blocks as pieces between separators."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from fabula.errors import UserError

BLOCK = 1 << 20
"""Bytes read at once."""
COMPRESSED_BLOCK = 1 << 16
"""Bytes of a zstandard file read at once: a block may unpack to many times its size."""
LONGEST_PIECE = 1 << 26
"""Bytes between two separators; more is no story, and would not fit a constant memory."""
COMPRESSIONS = (".gz", ".zst")


def read_blocks(path: Path, report: Callable[[int], None] = lambda position: None) -> Iterator[bytes]:
    """Yield a file's content, unpacked, block by block; `report` receives the bytes of the file read so far.

    Raises:
        UserError: the file can't be read, or is a damaged or truncated .gz or .zst.
    """
    unpack = {".gz": _gzip_blocks, ".zst": _zstandard_blocks}.get(path.suffix.lower(), _plain_blocks)
    try:
        with path.open("rb") as file:
            for block in unpack(file):
                report(file.tell())
                yield block
    except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError, EOFError) as error:
        raise UserError(f"{path} is damaged or not a {path.suffix} file: {error}") from None
    except OSError as error:
        raise UserError(f"can't read {path}: {error.strerror or error}") from error


def pieces(blocks: Iterator[bytes], separator: bytes, where: Path) -> Iterator[bytes]:
    """Yield what stands between separators, the last piece included even when it is empty.

    Raises:
        UserError: a piece longer than `LONGEST_PIECE`.
    """
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(separator)
        yield from whole
        if len(rest) > LONGEST_PIECE:
            raise UserError(
                f"{where}: a story of more than {LONGEST_PIECE >> 20} MiB; stories are separated by {separator!r}"
            )
    yield rest


def contains(blocks: Iterator[bytes], word: bytes) -> bool:
    """Say whether a word stands anywhere in the blocks, also across the border of two."""
    rest = b""
    for block in blocks:
        rest += block
        if word in rest:
            return True
        rest = rest[-len(word) :]
    return False


def _plain_blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _gzip_blocks(file: BinaryIO) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=file) as unpacked:
        while block := unpacked.read(BLOCK):
            yield block


def _zstandard_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Unpack frame after frame; zstandard's own stream reader doesn't notice a frame that ends too early."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 31)
    frame = unpacker.decompressobj()
    inside = False
    while packed := file.read(COMPRESSED_BLOCK):
        while packed:
            yield frame.decompress(packed)
            inside = not frame.eof
            packed = frame.unused_data if frame.eof else b""
            if frame.eof:
                frame = unpacker.decompressobj()
    if inside:
        raise EOFError("it ends in the middle of a frame")
