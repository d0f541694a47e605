"""How much is measured: three suites, from a look that fits into a demo to the numbers that verdicts rest on."""

from dataclasses import dataclass

from fabula.training.series import phase_bounds


@dataclass(frozen=True)
class Suite:
    """Sizes of one suite."""

    items: int
    """Items of each probe that every checkpoint answers."""
    boundary_items: int
    """Items of each probe at the phases' boundaries and at the end of training."""
    held_out: int
    """Held-out stories whose loss is set against n-grams."""
    targets: int
    """Words whose loss is measured under shortened contexts."""
    windows: int
    """Windows of the whole context whose loss is measured by position."""
    stories: int
    """Stories told in each mode of generation."""
    checkpoints: int | None
    """Checkpoints studied at most, the phases' boundaries first; None: all."""
    phase_draws: int
    """Simulations behind the phase test."""

    def items_at(self, step: int, steps: int) -> int:
        """Return how many items of a probe the checkpoint of `step` answers in a run of `steps`."""
        boundaries = {bound for pair in phase_bounds(steps) for bound in pair}
        return self.boundary_items if step in boundaries or steps == 0 else self.items


SUITES = {
    "glance": Suite(
        items=60, boundary_items=60, held_out=60, targets=40, windows=4, stories=16, checkpoints=10, phase_draws=100
    ),
    "fast": Suite(
        items=300, boundary_items=300, held_out=200, targets=120, windows=8, stories=50, checkpoints=None, phase_draws=300
    ),
    "full": Suite(
        items=400,
        boundary_items=2_400,
        held_out=1_000,
        targets=400,
        windows=24,
        stories=200,
        checkpoints=None,
        phase_draws=1_000,
    ),
}


def chosen_checkpoints(steps: list[int], limit: int | None) -> list[int]:
    """Return at most `limit` of a series' steps, ascending: the end, the start, boundaries of phases, then widest gaps.

    Gaps are measured in the logarithm of the step, because that is where learning is even.
    """
    if limit is None or len(steps) <= limit:
        return sorted(steps)
    bounds = {bound for pair in phase_bounds(max(steps)) for bound in pair}
    chosen = [max(steps), min(steps), *(step for step in sorted(steps)[1:-1] if step in bounds)][:limit]
    while len(chosen) < limit:
        chosen.append(max(set(steps) - set(chosen), key=lambda step: (_distance(step, chosen), step)))
    return sorted(chosen)


def _distance(step: int, others: list[int]) -> float:
    """Return the ratio between a step and the nearest of the others."""
    return min(max((step + 1) / (other + 1), (other + 1) / (step + 1)) for other in others)
