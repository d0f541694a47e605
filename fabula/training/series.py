"""Which steps of a run become checkpoints."""

import itertools

from fabula.recipe import Series

REFERENCE_STEPS = 4_000
PHASES = (0, 250, 1_000, 2_000, 3_000, 4_000)
"""Boundaries of the reference card's five phases, in steps of its 4,000."""
POWERS_UNTIL = 512
EVERY = 250
PER_PHASE = 3
"""Checkpoints that each phase holds at least, its boundaries counted."""


def checkpoint_steps(series: Series, steps: int) -> list[int]:
    """Return the checkpoint steps of a run, ascending; 0 and the last step are always among them.

    The reference series is 0, 1, 2, 4, ... 512 and every 250 steps. A run of another length scales the steps of the
    second kind and the end of the first, and fills up phases that rounding left with too few (a run shorter than 15
    steps has too few steps for that).
    """
    if series.steps:
        return sorted({*series.steps, steps})
    scale = steps / REFERENCE_STEPS
    chosen = {0, steps}
    power = 1
    while power <= min(POWERS_UNTIL * scale, steps):
        chosen.add(power)
        power *= 2
    chosen |= {round(step * scale) for step in range(0, REFERENCE_STEPS + 1, EVERY)}
    for start, end in phase_bounds(steps):
        inside = {step for step in chosen if start <= step <= end}
        wanted = min(PER_PHASE, end - start + 1)
        if len(inside) < wanted:
            chosen |= {round(start + (end - start) * part / max(wanted - 1, 1)) for part in range(wanted)}
    return sorted(chosen)


def phase_bounds(steps: int) -> list[tuple[int, int]]:
    """Return the five phases' first and last steps in a run of `steps`."""
    bounds = [round(bound * steps / REFERENCE_STEPS) for bound in PHASES]
    return list(itertools.pairwise(bounds))
