"""How varied and how sound the stories are, in numbers that can be set beside TinyStories."""

from __future__ import annotations

import multiprocessing
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from fabula.corpus.storyworld import tell
from fabula.corpus.storyworld.checking import contradictions
from fabula.terminal import progress

if TYPE_CHECKING:
    from rich.table import Table

TINYSTORIES_TYPES = 4074
"""Distinct lower-cased words in 1,000 random stories of TinyStories (train)."""
TINYSTORIES_FOUR_GRAM_SHARE = 0.74
"""Distinct 4-grams as a share of all 4-grams in those 1,000 stories."""
TINYSTORIES_MEAN_WORDS = 190.0
"""Mean length of those stories in words."""
TINYSTORIES_SD_WORDS = 73.0
"""Standard deviation of their length in words."""

FOUR_GRAM_SAMPLE = 1000
"""Stories over which 4-grams are counted; the share falls with the number, so it is fixed."""

Result = TypeVar("Result")

_WORD = re.compile(r"[a-z']+")
_CHUNK = 250


@dataclass(frozen=True)
class Measures:
    """Measures of `count` stories of the series `seed`."""

    seed: int
    count: int
    identical: int  # stories whose text another one has already
    types: int  # distinct lower-cased words in all stories
    mean_words: float
    sd_words: float
    four_gram_share: float  # distinct 4-grams / all 4-grams in a random FOUR_GRAM_SAMPLE of the stories
    contradictions: int  # conflicts in all checked stories
    contradictory_stories: int
    checked: int
    schemas: dict[str, int]  # stories by schema
    stories_per_second: float  # simulation and telling, without starting processes, checking and counting
    stories_per_cpu_second: float  # the same on one core of an otherwise idle machine
    processes: int

    def to_json(self) -> dict[str, Any]:
        """Return the measures as a dictionary that JSON can hold."""
        return asdict(self)


def table(measures: Measures) -> Table:
    """Return the measures beside their bars and TinyStories' values, for a terminal."""
    from rich.table import Table

    shown = Table(title=f"{measures.count:,} stories of the story world, seed {measures.seed}")
    shown.add_column("")
    for column in ("here", "wanted", "TinyStories"):
        shown.add_column(column, justify="right")
    rows = (
        ("identical stories", f"{measures.identical:,}", "0", ""),
        ("types (distinct words)", f"{measures.types:,}", "1,200-2,500", f"{TINYSTORIES_TYPES:,} in 1,000 stories"),
        ("mean length, words", f"{measures.mean_words:.1f}", "150-220", f"{TINYSTORIES_MEAN_WORDS:.0f}"),
        ("standard deviation, words", f"{measures.sd_words:.1f}", "at least 40", f"{TINYSTORIES_SD_WORDS:.0f}"),
        ("distinct 4-grams", f"{measures.four_gram_share:.3f}", "at least 0.40", f"{TINYSTORIES_FOUR_GRAM_SHARE:.2f}"),
        (f"contradictions in {measures.checked:,}", f"{measures.contradictions:,}", "0", ""),
        (f"stories/s, {measures.processes} processes", f"{measures.stories_per_second:,.0f}", "", ""),
    )
    for row in rows:
        shown.add_row(*row)
    shown.add_section()
    for schema, count in measures.schemas.items():
        shown.add_row(schema, f"{count:,}")
    return shown


def words_of(text: str) -> list[str]:
    """Return the words of a text: lower-cased runs of letters and apostrophes."""
    return _WORD.findall(text.lower())


def measure(seed: int, count: int, processes: int = 1, check: bool = True) -> Measures:
    """Tell `count` stories on `processes` processes and measure them; `check` looks for contradictions in each.

    Raises ValueError when `count` or `processes` is less than 1.
    """
    if count < 1 or processes < 1:
        raise ValueError(f"count = {count}, processes = {processes}: both must be at least 1")
    chunks = [(seed, start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    conflicts: list[list[int]]
    if processes == 1:
        began = time.perf_counter()
        told = _watched("telling stories", map(_tell_chunk, chunks), count)
        seconds = time.perf_counter() - began
        conflicts = _watched("checking stories", map(_check_chunk, chunks), count) if check else []
    else:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            pool.map(_tell_chunk, [(seed, 0, 1)] * processes * 2, chunksize=1)  # imports are not story telling
            began = time.perf_counter()
            told = _watched("telling stories", pool.imap(_tell_chunk, chunks), count)
            seconds = time.perf_counter() - began
            conflicts = _watched("checking stories", pool.imap(_check_chunk, chunks), count) if check else []
    texts = [text for chunk, _ in told for text, _ in chunk]
    per_story = [n for chunk in conflicts for n in chunk]
    lengths = [len(words_of(text)) for text in texts]
    return Measures(
        seed=seed,
        count=count,
        identical=count - len(set(texts)),
        types=len({word for text in texts for word in words_of(text)}),
        mean_words=statistics.fmean(lengths),
        sd_words=statistics.pstdev(lengths),
        four_gram_share=four_gram_share(random.Random(f"sample/{seed}").sample(texts, min(count, FOUR_GRAM_SAMPLE))),
        contradictions=sum(per_story),
        contradictory_stories=sum(n > 0 for n in per_story),
        checked=len(per_story),
        schemas=dict(Counter(schema for chunk, _ in told for _, schema in chunk).most_common()),
        stories_per_second=count / seconds,
        stories_per_cpu_second=count / sum(cpu_seconds for _, cpu_seconds in told),
        processes=processes,
    )


def _watched(doing: str, results: Iterable[Result], count: int) -> list[Result]:
    """Gather the chunks' results while showing how many of `count` stories are done."""
    gathered = []
    with progress(doing, count, "stories") as advance:
        for result in results:
            gathered.append(result)
            advance(_CHUNK)
    return gathered


def four_gram_share(texts: list[str]) -> float:
    """Return distinct 4-grams / all 4-grams of the texts; 4-grams do not cross stories."""
    distinct = set()
    total = 0
    for text in texts:
        words = words_of(text)
        grams = list(zip(words, words[1:], words[2:], words[3:], strict=False))
        distinct.update(grams)
        total += len(grams)
    return len(distinct) / total if total else 0.0


def _tell_chunk(chunk: tuple[int, int, int]) -> tuple[list[tuple[str, str]], float]:
    seed, start, stop = chunk
    began = time.process_time()
    told = [tell(seed, index) for index in range(start, stop)]
    seconds = time.process_time() - began
    return [(story.text, story.record.schema) for story in told], seconds


def _check_chunk(chunk: tuple[int, int, int]) -> list[int]:
    seed, start, stop = chunk
    return [len(contradictions(tell(seed, index))) for index in range(start, stop)]
