"""How much is measured: three suites, from a look that fits into a demo to the numbers that verdicts rest on."""

from dataclasses import dataclass

from fabula.study.generations.telling import MODES
from fabula.study.probes import TOLD, Probe
from fabula.training.series import phase_bounds


@dataclass(frozen=True)
class Suite:
    """Sizes of one suite."""

    secondary: bool
    """Whether probes are asked that no verdict rests on, beyond what told stories show anyway."""
    items: int
    """Questions of each probe."""
    boundary_items: int
    """Questions of each primary probe at the phases' boundaries and at the end of training: verdicts rest on them."""
    held_out: int
    """Held-out stories whose loss is set against n-grams."""
    targets: int
    """Words whose loss is measured under shortened contexts."""
    windows: int
    """Windows of the whole context whose loss is measured by position."""
    stories: int
    """Stories told in each mode of generation."""
    boundary_stories: int
    """The same at the phases' boundaries and at the end of training."""
    modes: tuple[str, ...]
    """Modes of `fabula.study.generations.telling`."""
    checkpoints: int | None
    """Checkpoints studied at most, the phases' boundaries first; None: all."""
    phase_draws: int
    """Simulations behind the phase test."""

    def asks(self, probe: Probe) -> bool:
        """Say whether a probe belongs to the suite; one whose measurements are there anyway always does."""
        return self.secondary or probe.primary or probe.panel in ("ladder", *TOLD)

    def items_at(self, probe: Probe, step: int, steps: int) -> int:
        """Return how many questions of a probe the checkpoint of `step` answers in a run of `steps`."""
        return self.boundary_items if probe.primary and _is_boundary(step, steps) else self.items

    def stories_at(self, step: int, steps: int) -> int:
        """Return how many stories the checkpoint of `step` tells in each mode."""
        return self.boundary_stories if _is_boundary(step, steps) else self.stories


ALL_MODES = tuple(mode.name for mode in MODES)
SUITES = {
    "glance": Suite(
        secondary=False,
        items=32,
        boundary_items=32,
        held_out=40,
        targets=40,
        windows=4,
        stories=12,
        boundary_stories=12,
        modes=("sampled", "greedy", "overrun", "samples"),
        checkpoints=6,
        phase_draws=100,
    ),
    "fast": Suite(
        secondary=True,
        items=300,
        boundary_items=300,
        held_out=200,
        targets=120,
        windows=8,
        stories=48,
        boundary_stories=48,
        modes=ALL_MODES,
        checkpoints=None,
        phase_draws=300,
    ),
    "full": Suite(
        secondary=True,
        items=300,
        boundary_items=600,
        held_out=400,
        targets=250,
        windows=16,
        stories=48,
        boundary_stories=64,
        modes=ALL_MODES,
        checkpoints=None,
        phase_draws=1_000,
    ),
}


def _is_boundary(step: int, steps: int) -> bool:
    return steps == 0 or step in {bound for pair in phase_bounds(steps) for bound in pair}


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
