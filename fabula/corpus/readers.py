"""Stories from local files, streamed: .txt, .jsonl (both also .gz and .zst) and .parquet."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fabula.corpus.blocks import BLOCK, COMPRESSIONS, contains, pieces, read_blocks
from fabula.errors import UserError

END_OF_TEXT = "<|endoftext|>"
"""Stands between two stories in a text file; as a token, it ends every story."""
FIELDS = ("text", "story")
"""Where a jsonl object or a parquet row keeps its story; the first one present is taken."""
SUFFIXES = (*(kind + packed for kind in (".txt", ".jsonl") for packed in ("", *COMPRESSIONS)), ".parquet")
PARQUET_ROWS = 1_024
"""Rows of a parquet file decoded at once."""
UNDECODABLE = 0.3
"""Share of characters that aren't UTF-8 from which a file is binary, not damaged text."""

Report = Callable[[int], None]


class RawStory(NamedTuple):
    """One story as a file holds it: stripped, inner text untouched."""

    text: str
    broken: bool
    """Whether bytes that aren't UTF-8 (or half a surrogate pair) became U+FFFD."""


@dataclass
class Counts:
    """What a reader met so far."""

    stories: int = 0
    """Stories yielded."""
    empty: int = 0
    """Stories of nothing but white space, which are left out."""
    broken_encoding: int = 0
    """Stories yielded with replacement characters."""


@dataclass
class StoryFiles:
    """The stories of some files, in order; every iteration starts again from the first.

    Raises:
        UserError: when made: a file that is missing, a folder, or has an unknown suffix; when iterated: a file
            that isn't what its suffix says.
    """

    paths: Sequence[Path]
    counts: Counts = field(default_factory=Counts)
    """Of the latest iteration."""
    position: int = 0
    """Bytes of the files read by the latest iteration."""

    def __post_init__(self) -> None:
        for path in self.paths:
            check_file(path)
        self.size = sum(path.stat().st_size for path in self.paths)
        """Bytes of all files, as they are on the disk."""

    def __iter__(self) -> Iterator[RawStory]:
        self.counts = Counts()
        self.position = before = 0

        def report(position: int) -> None:
            self.position = before + position

        for path in self.paths:
            for raw in _read(path, report):
                text = raw.text.strip()
                if text:
                    self.counts.stories += 1
                    self.counts.broken_encoding += raw.broken
                    yield RawStory(text, raw.broken)
                else:
                    self.counts.empty += 1
            before += path.stat().st_size
            self.position = before


def check_file(path: Path) -> None:
    """Raise a UserError unless `path` is a file that a reader exists for."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; name its files: {', '.join(SUFFIXES)}")
    if not path.exists():
        raise UserError(f"{path} does not exist")
    if _suffix(path) not in SUFFIXES:
        raise UserError(f"{path} has an unknown suffix; allowed: {', '.join(SUFFIXES)}")


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:] if suffixes[-1:] and suffixes[-1] in COMPRESSIONS else suffixes[-1:])


def _read(path: Path, report: Report) -> Iterator[RawStory]:
    kind = _suffix(path)
    if kind == ".parquet":
        return _parquet_stories(path, report)
    return _jsonl_stories(path, report) if kind.startswith(".jsonl") else _text_stories(path, report)


def _text_stories(path: Path, report: Report) -> Iterator[RawStory]:
    marker = END_OF_TEXT.encode()
    separator = marker if contains(_text_blocks(path), marker) else b"\n"
    last = b""
    for number, piece in enumerate(pieces(_text_blocks(path, report), separator, path)):
        if number:
            yield _decode(last)
        last = piece
    if last.strip():  # What follows the last separator is a story only when there is something.
        yield _decode(last)


def _jsonl_stories(path: Path, report: Report) -> Iterator[RawStory]:
    for number, line in enumerate(pieces(_text_blocks(path, report), b"\n", path), start=1):
        if not line.strip():
            continue
        decoded = _decode(line)
        try:
            value = json.loads(decoded.text)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {number}: not JSON ({error})") from None
        text = _story_field(value)
        if text is None:
            raise UserError(f"{path}, line {number}: must be an object with a text in the field `text` or `story`")
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        yield RawStory(whole, decoded.broken or whole != text)


def _parquet_stories(path: Path, report: Report) -> Iterator[RawStory]:
    import pyarrow as pa  # here: it takes a while, and only parquet files need it
    import pyarrow.parquet as pq

    size = path.stat().st_size
    done = 0
    try:
        # Buffered and not read ahead: otherwise a whole row group, which may be the whole file, comes into memory.
        with pq.ParquetFile(path, buffer_size=BLOCK, pre_buffer=False) as file:
            column = _parquet_column(path, file.schema_arrow)
            for batch in file.iter_batches(batch_size=PARQUET_ROWS, columns=[column]):
                # As bytes: pyarrow would raise an error at the first story that isn't UTF-8.
                for value in batch.column(0).cast(pa.large_binary()).to_pylist():
                    yield _decode(value or b"")
                done += batch.num_rows
                report(size * done // file.metadata.num_rows)
    except pa.ArrowException as error:
        raise UserError(f"{path} is damaged or not a .parquet file: {_first_line(error)}") from None
    except OSError as error:
        raise UserError(f"can't read {path}: {_first_line(error)}") from error


def _parquet_column(path: Path, schema: Any) -> str:
    import pyarrow as pa

    for name in FIELDS:
        if name in schema.names:
            kind = schema.field(name).type
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise UserError(f"{path}: column `{name}` holds {kind}; it must hold strings")
            return name
    raise UserError(f"{path} has no column `text` or `story`; its columns are: {', '.join(schema.names)}")


def _text_blocks(path: Path, report: Report = lambda position: None) -> Iterator[bytes]:
    """Yield a text file's blocks without the byte order mark.

    Raises:
        UserError: the file is binary.
    """
    for number, block in enumerate(read_blocks(path, report)):
        if number == 0:
            _refuse_binary(path, block)
            yield block.removeprefix(b"\xef\xbb\xbf")
        else:
            yield block


def _refuse_binary(path: Path, block: bytes) -> None:
    text = block.decode("utf-8", "replace")
    if b"\0" in block or text.count("\ufffd") - block.count("\ufffd".encode()) > UNDECODABLE * len(text):
        raise UserError(f"{path} is not a UTF-8 text file; {_suffix(path)} must hold text")


def _decode(raw: bytes) -> RawStory:
    try:
        return RawStory(raw.decode(), broken=False)
    except UnicodeDecodeError:
        return RawStory(raw.decode("utf-8", "replace"), broken=True)


def _story_field(value: object) -> str | None:
    if isinstance(value, dict):
        for name in FIELDS:
            if name in value:
                text = value[name]
                return text if isinstance(text, str) else None
    return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
