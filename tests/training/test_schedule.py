import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula.recipe import Optimizer, Schedule, Series
from fabula.training.schedule import rates
from fabula.training.series import checkpoint_steps, phase_bounds


@settings(deadline=None, max_examples=25)
@given(
    steps=st.integers(10, 400),
    warmup=st.floats(0.15, 0.9),
    div=st.floats(1, 100),
    final=st.floats(1, 1e5),
    cycle=st.booleans(),
)
def test_one_cycle_is_torchs(steps: int, warmup: float, div: float, final: float, cycle: bool) -> None:
    schedule = Schedule(warmup_fraction=warmup, div_factor=div, final_div_factor=final, cycle_beta1=cycle)
    optimizer = Optimizer(learning_rate=5e-4)
    theirs = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0, betas=(0.9, 0.999))
    cycler = torch.optim.lr_scheduler.OneCycleLR(
        theirs,
        max_lr=5e-4,
        total_steps=steps,
        pct_start=warmup,
        div_factor=div,
        final_div_factor=final,
        cycle_momentum=cycle,
    )
    for step in range(steps):
        group = theirs.param_groups[0]
        assert rates(schedule, optimizer, steps, step) == pytest.approx((group["lr"], group["betas"][0]), rel=1e-9)
        theirs.step()
        if step < steps - 1:
            cycler.step()


@pytest.mark.parametrize("kind", ["cosine", "constant"])
def test_warmup_then_peak(kind: str) -> None:
    schedule, optimizer = Schedule(kind=kind, warmup_fraction=0.2), Optimizer(learning_rate=1.0)  # type: ignore[arg-type]
    rising = [rates(schedule, optimizer, 100, step)[0] for step in range(20)]
    assert rising == pytest.approx([(step + 1) / 20 for step in range(20)])
    last = rates(schedule, optimizer, 100, 99)[0]
    assert last == pytest.approx(1.0 if kind == "constant" else 1e-4)


def test_trapezoid_rises_stays_and_falls() -> None:
    schedule = Schedule(kind="trapezoid", warmup_fraction=0.1, decay_fraction=0.25, final_div_factor=100)
    found = [rates(schedule, Optimizer(learning_rate=1.0), 100, step)[0] for step in range(100)]
    assert found[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert found[10:75] == [1.0] * 65
    assert found[75:] == pytest.approx([0.01 + 0.99 * left / 25 for left in range(24, -1, -1)])


def test_reference_series() -> None:
    steps = checkpoint_steps(Series(), 4000)
    assert steps == sorted({0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *range(250, 4001, 250)})


@given(st.integers(15, 20_000))
def test_each_phase_holds_three(steps: int) -> None:
    chosen = checkpoint_steps(Series(), steps)
    assert chosen[0] == 0
    assert chosen[-1] == steps
    assert len(set(chosen)) == len(chosen) <= 45
    for start, end in phase_bounds(steps):
        assert sum(start <= step <= end for step in chosen) >= min(3, end - start + 1)


@given(st.integers(1, 14))
def test_short_runs_have_a_series_too(steps: int) -> None:
    chosen = checkpoint_steps(Series(), steps)
    assert {0, steps} <= set(chosen) <= set(range(steps + 1))


def test_chosen_steps_and_the_last() -> None:
    assert checkpoint_steps(Series(steps=(3, 1)), 10) == [1, 3, 10]
