"""What is measured, what matters most first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.gpu import ceiling, checks, ladder, peer, product, race

Answer = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One thing to measure, in the worker's process."""

    part: str
    """The section of the results."""
    name: str
    """Its name there."""
    limit: float
    """Seconds after which it is given up."""
    given: Answer = field(default_factory=dict)
    """What its function takes besides the settings."""


WORK: dict[str, Callable[..., Answer]] = {
    "machine": product.machine,
    "checks": checks.run,
    "ceiling": ceiling.run,
    "product": product.run,
    "watched": product.run_watched,
    "peer": peer.run,
    "ladder": ladder.run,
    "memory": product.run_within,
    "race": race.run,
}
"""The function of each part."""


def plan(parts: Sequence[str], micro_batch: int, memory: Sequence[float]) -> list[Job]:
    """Return the jobs of some parts in the order of their worth.

    Args:
        parts: which parts; see `WORK`. `machine` is always one.
        micro_batch: windows of one forward pass where it isn't what is tried out.
        memory: sizes of GPUs, in GiB, to find a setting for.
    """
    size = {"micro_batch": micro_batch}
    stories, stream, fast = (
        Job("product", name, 240, {"recipe": recipe, "packing": packing, **size})
        for name, recipe, packing in (
            ("test-1, stories", "", "stories"),
            ("test-1, stream", "", "stream"),
            ("test-1-fast", "test-1-fast", ""),
        )
    )
    peers = [Job("peer", name, 240, {"name": name, **size}) for name in peer.NAMES]
    rungs = [Job("ladder", rung.name, 420 if rung.mode else 240, {"rung": rung.name}) for rung in ladder.RUNGS]
    slow = sum(bool(rung.mode) for rung in ladder.RUNGS)
    jobs = [
        Job("machine", "machine", 60),
        Job("checks", "checks", 120),
        Job("ceiling", "matrix products", 90),
        stories,
        Job("watched", "stories", 240, {"packing": "stories", **size}),
        stream,
        peers[0],
        *rungs[:-slow],
        *(Job("memory", f"{gibibytes:g} GiB", 500, {"gibibytes": gibibytes}) for gibibytes in memory),
        fast,
        *peers[1:],
        *rungs[-slow:],
        *(Job("race", name, 7200, {"name": name}) for name in race.NAMES),
    ]
    return [job for job in jobs if job.part in ("machine", *parts)]
