"""Which story goes to which split, decided by the stories' hashes before anything is tokenized."""

from array import array
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fabula.corpus.readers import RawStory, StoryFiles
from fabula.corpus.sample import Sample
from fabula.corpus.store import SPLITS, story_hash
from fabula.errors import UserError
from fabula.terminal import progress

SKIP, TRAIN, VALIDATION = 0, 1, 2
NAMES = {TRAIN: "train", VALIDATION: "validation"}
MEGABYTE = 1e6
STORIES_AT_ONCE = 1 << 14
"""Entries of the per-story arrays that are Python's numbers at one time."""

Hashes = NDArray[np.uint64]
Codes = NDArray[np.uint8]


class Surveyed(NamedTuple):
    """A story that a split takes."""

    text: str
    broken: bool
    """Whether it has replacement characters."""
    code: int
    """Its split's."""
    hash: int
    size: int
    """UTF-8 bytes."""


@dataclass
class Part:
    """Some files' stories, with the split and the hash of each."""

    files: StoryFiles
    codes: Codes
    hashes: Hashes

    def stories(self, doing: str) -> Iterator[Surveyed]:
        """Yield each story that a split takes, showing progress by bytes.

        Raises:
            UserError: the files' stories are no longer those that were surveyed.
        """
        surveyed = self._surveyed()
        count = 0
        for text, broken in _watched(self.files, doing):
            code, known = next(surveyed, (SKIP, None))
            if known is None:
                break
            count += 1
            content = text.encode()
            if story_hash(content) != known:
                raise UserError(f"{self.files.paths[0]} changed while it was being read; try again")
            if code != SKIP:
                yield Surveyed(text, broken, code, known, len(content))
        if count != len(self.codes):
            raise UserError(f"{self.files.paths[0]} changed while it was being read; try again")

    def _surveyed(self) -> Iterator[tuple[int, int]]:
        for start in range(0, len(self.codes), STORIES_AT_ONCE):
            part = slice(start, start + STORIES_AT_ONCE)
            yield from zip(self.codes[part].tolist(), self.hashes[part].tolist(), strict=True)


@dataclass
class Plan:
    """Every story's split, and what was left out on the way."""

    parts: list[Part]
    sample: Sample
    """Stories of all parts, and their characters."""
    empty: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    """Stories of white space in the files of each split (of files that are divided: under `train`)."""
    removed_in_both: int = 0
    """Training stories left out because the validation split holds the same text."""

    def stories(self, doing: str) -> Iterator[Surveyed]:
        """Yield every story that a split takes."""
        for part in self.parts:
            yield from part.stories(doing)

    def training_texts(self, doing: str) -> Iterator[str]:
        """Yield the text of every training story."""
        for part in self.parts:
            if TRAIN in part.codes:
                for story in part.stories(doing):
                    if story.code == TRAIN:
                        yield story.text


def plan_given(train: StoryFiles, validation: StoryFiles, limit: int) -> Plan:
    """Plan for a corpus with its own validation files; training stories that stand in both are left out.

    Args:
        train: where training stories come from.
        validation: where held-out stories come from; all are taken.
        limit: training stories to take at most; 0: all.

    Raises:
        UserError: a split would be empty.
    """
    sample = Sample()
    held_out = survey(validation, sample)
    if not len(held_out):
        raise UserError(f"{_names(validation)} held no stories to hold out")
    hashes = survey(train, sample, limit, set(held_out.tolist()) if limit else frozenset())
    if not len(hashes):
        raise UserError(f"{_names(train)} held no stories")
    removed = np.isin(hashes, held_out)
    if removed.all():
        raise UserError(f"{_names(train)}: every story is also in {_names(validation)}, nothing is left to train on")
    parts = [
        Part(train, np.where(removed, SKIP, TRAIN).astype(np.uint8), hashes),
        Part(validation, np.full(len(held_out), VALIDATION, np.uint8), held_out),
    ]
    empty = {"train": train.counts.empty, "validation": validation.counts.empty}
    return Plan(parts, sample, empty, int(removed.sum()))


def plan_held_out(files: StoryFiles, fraction: float, limit: int) -> Plan:
    """Plan for files without validation: hold out about `fraction` of the stories, chosen by their hashes.

    A story's split depends on its text alone, so equal stories stay together and the choice survives reordering.
    At least one story is held out and at least one is left to train on.

    Raises:
        UserError: fewer than two different stories.
    """
    sample = Sample()
    hashes = survey(files, sample)
    if not len(hashes):
        raise UserError(f"{_names(files)} held no stories")
    lowest, highest = hashes.min(), hashes.max()
    if lowest == highest:
        count = "a single story" if len(hashes) == 1 else f"{len(hashes):,} copies of one story"
        raise UserError(
            f"{_names(files)} held {count}; at least two different ones are needed, "
            "one to train on and one to hold out (or name corpus.validation files)"
        )
    held_out = (hashes < np.uint64(int(fraction * 2**64))) | (hashes == lowest)
    held_out &= hashes != highest
    codes = np.where(held_out, VALIDATION, TRAIN).astype(np.uint8)
    if limit:
        codes[np.flatnonzero(codes == TRAIN)[limit:]] = SKIP
    return Plan([Part(files, codes, hashes)], sample, {"train": files.counts.empty, "validation": 0})


def survey(files: StoryFiles, sample: Sample, limit: int = 0, not_counted: Set[int] = frozenset()) -> Hashes:
    """Return the hash of each story, stopping after `limit` stories (0: none) whose hash isn't in `not_counted`."""
    hashes = array("Q")
    counted = 0
    for text, _ in _watched(files, "reading stories"):
        value = story_hash(text.encode())
        hashes.append(value)
        sample.see(text)
        counted += value not in not_counted
        if counted == limit:
            break
    return np.array(hashes, np.uint64)


def _watched(files: StoryFiles, doing: str) -> Iterator[RawStory]:
    """Yield the files' stories while showing how many bytes of them are read."""
    with progress(doing, files.size / MEGABYTE, "MB") as advance:
        before = 0
        for story in files:
            if files.position != before:
                advance((files.position - before) / MEGABYTE)
                before = files.position
            yield story


def _names(files: StoryFiles) -> str:
    names: Iterable[str] = [str(path) for path in files.paths]
    shown = list(names)[:3]
    return ", ".join(shown) + (f" and {len(files.paths) - 3} more" if len(files.paths) > 3 else "")
