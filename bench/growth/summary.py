"""What many timed steps of one point say together, on a machine that others use as well."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.growth.points import Point

DISTURBED = 0.1
"""A point whose median step takes so much longer than its lower quartile was disturbed: it is measured again."""


def summary(point: Point, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a point with the lower quartile over all its steps, and the fastest and the median one.

    The lower quartile, because what else runs on the machine makes a step slower and never faster.
    """
    seconds = _seconds(found)
    first, middle, _ = statistics.quantiles(seconds, n=4, method="inclusive")
    return {
        **asdict(point),
        **{key: value for key, value in found[0].items() if not isinstance(value, list)},
        "positions": point.positions,
        "processes": len(found),
        "seconds": seconds,
        "step_seconds": first,
        "step_seconds_range": [min(seconds), middle],
        "peak_bytes": statistics.median(record["peak_bytes"] for record in found),
    }


def disturbed(found: Sequence[dict[str, Any]]) -> bool:
    """Say whether the steps of a point's processes differ by more than a quiet machine's would."""
    first, middle, _ = statistics.quantiles(_seconds(found), n=4, method="inclusive")
    return middle > (1 + DISTURBED) * first


def _seconds(found: Sequence[dict[str, Any]]) -> list[float]:
    return [value for record in found for value in record["seconds"]]
