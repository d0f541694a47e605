"""Who takes part: every way of training that a user would choose, with the same model, data and batch."""

from dataclasses import dataclass, replace
from typing import Literal

Precision = Literal["float32", "bfloat16"]
Feed = Literal["windows", "stories"]
"""`windows`: full windows cut from one endless text, the same for all. `stories`: whole stories, as each has them."""
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
FEEDS: tuple[Feed, ...] = ("windows", "stories")
ALLOCATORS = ("own", "plain", "kept", "both")
KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 60)}
"""What makes glibc keep freed memory, for a process that doesn't ask for it itself."""
CLONED = ("nano_gpt", "llama2_c")
"""Engines that need a clone of the peer's repository."""
REFERENCE = "transformers eager float32"


@dataclass(frozen=True)
class Contender:
    """One program, set up in one way."""

    engine: str
    """Its module in `bench.training.engines`."""
    program: str
    precision: Precision
    feed: Feed = "windows"
    compiled: bool = False
    kept: bool = False
    """Whether freed memory is kept by the process instead of given back to the kernel."""
    says_kept: bool = False
    """Whether its name says so: where not all of a program's contenders are alike."""

    @property
    def name(self) -> str:
        """What it is called in tables."""
        how = "compiled" if self.compiled else "eager"
        allocator = (" + kept memory" if self.kept else " + plain memory") if self.says_kept else ""
        return (
            f"{self.program}{'' if 'Trainer' in self.program else f' {how}'} {self.precision}{self._fed()}{allocator}"
        )

    def _fed(self) -> str:
        if self.feed == "windows":
            return ""
        return ", packed stories" if self.program == "Fabula" else ", a story a row"

    @property
    def is_ours(self) -> bool:
        """Whether it is Fabula."""
        return self.program == "Fabula"


def contenders(allocator: str) -> list[Contender]:
    """List all of them, ours first.

    Args:
        allocator: `own`: as each program does by itself (Fabula keeps freed memory); `plain` or `kept`: all alike;
            `both`: each in both ways.
    """
    found = [*_fabula(), *_transformers(), *_clones()]
    if allocator == "own":
        return [replace(entry, kept=entry.is_ours) for entry in found]
    ways = {"plain": (False,), "kept": (True,), "both": (False, True)}[allocator]
    return [replace(entry, kept=kept, says_kept=entry.is_ours != kept) for entry in found for kept in ways]


def _fabula() -> list[Contender]:
    return [
        Contender("fabula_engine", "Fabula", precision, feed, compiled)
        for feed in FEEDS
        for precision in PRECISIONS
        for compiled in (False, True)
    ]


def _transformers() -> list[Contender]:
    by_hand = [
        Contender("hugging_face", "transformers", precision, feed, compiled)
        for feed in FEEDS
        for precision in PRECISIONS
        for compiled in (False, True)
    ]
    trainer = [
        Contender("hugging_face_trainer", "transformers Trainer", precision, feed)
        for feed in FEEDS
        for precision in PRECISIONS
    ]
    return [*by_hand, *trainer]


def _clones() -> list[Contender]:
    """List those that compute in float32 on a CPU as shipped, and what autocast would make of them."""
    return [
        Contender(engine, program, precision, compiled=compiled)
        for engine, program in (("nano_gpt", "nanoGPT"), ("llama2_c", "llama2.c"), ("lit_gpt", "litgpt"))
        for precision in PRECISIONS
        for compiled in (False, True)
    ]


LIMITS = tuple(Contender("products", "matrix products", precision) for precision in PRECISIONS)
"""What the others are measured against, in the same rounds."""
