"""What bench.growth makes of the steps that it timed."""

from typing import Any

import pytest

from bench.growth.points import CENTRE
from bench.growth.summary import disturbed, summary


def process(*seconds: float, peak: int = 100) -> dict[str, Any]:
    return {"seconds": list(seconds), "update_seconds": [0.1], "peak_bytes": peak, "parameters": 7}


QUIET = [process(1.0, 1.02), process(1.01, 1.03, peak=200)]
BUSY = [process(1.0, 1.02), process(1.5, 9.0)]


def test_a_point_is_what_the_undisturbed_steps_say() -> None:
    found = summary(CENTRE, [*BUSY, *QUIET])
    assert found["step_seconds"] == pytest.approx(1.0075)
    assert found["step_seconds_range"] == [1.0, pytest.approx(1.02)]
    assert (found["processes"], found["peak_bytes"], found["parameters"]) == (4, 100, 7)
    assert found["seconds"] == [1.0, 1.02, 1.5, 9.0, 1.0, 1.02, 1.01, 1.03]


def test_steps_that_disagree_are_measured_again() -> None:
    assert disturbed(BUSY)
    assert not disturbed(QUIET)
    assert not disturbed([*BUSY, *QUIET])
