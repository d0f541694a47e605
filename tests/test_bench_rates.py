"""What bench.rates makes of its figures: means, the best rate, and what a carried rate costs."""

from pathlib import Path
from typing import Any

import pytest

from bench.rates import trials
from bench.rates.picture import draw
from bench.rates.tables import best_rate, markdown
from bench.rates.trials import Trial, by_rate, means, run
from fabula import recipe as recipes
from fabula.errors import UserError


def entry(width: int, rate: float, loss: float | None, seed: int = 0, way: str = "rule") -> dict[str, Any]:
    return {"trial": vars(Trial(way, width, rate, seed)), "nats_per_token": loss, "tokens": None if loss is None else 9}


FOUND = [
    *(entry(64, rate, loss) for rate, loss in ((0.02, 3.0), (0.01, 2.5), (0.04, 3.5))),
    *(entry(64, 0.01, loss, seed) for seed, loss in ((1, 2.7), (2, 2.6))),
    *(entry(128, rate, loss) for rate, loss in ((0.01, 2.25), (0.02, 2.0), (0.04, None))),
    entry(64, 0.01, 1.0, way="muon"),
]


def test_a_line_has_all_seeds_and_only_its_own() -> None:
    assert by_rate(FOUND, "rule", 64) == {0.01: [2.5, 2.7, 2.6], 0.02: [3.0], 0.04: [3.5]}
    assert means(by_rate(FOUND, "rule", 64))[0.01] == pytest.approx(2.6)


def test_a_rate_at_which_a_seed_diverged_is_never_the_best() -> None:
    assert best_rate({0.1: [1.0, None], 0.2: [3.0]}) == 0.2
    assert best_rate({0.1: [None]}) is None


def test_the_table_says_what_carrying_the_narrowest_best_rate_costs() -> None:
    record = {
        "machine": "M", "date": "D", "precision": "float32", "steps": 2, "tokens_per_step": 8, "stories": 3,
        "command": "C", "trials": FOUND,
    }  # fmt: skip
    text = markdown(record)
    assert "| 64 | **2.600** | 3.000 (1) | 3.500 (1) | 0.01, an edge | +0.000 |" in text
    assert "| 128 | 2.250 (1) | **2.000 (1)** | diverged | 0.02 | +0.250 |" in text


def test_a_wider_trial_keeps_the_head_and_gets_the_rule() -> None:
    base = recipes.load("nano-fast")
    wide = Trial("muon", 384, 0.02, 5).recipe(base, 64)
    assert (wide.model.heads, wide.model.intermediate, wide.train.seed) == (6, 640, 5)
    assert (wide.optimizer.kind, wide.optimizer.matrix_learning_rate, wide.optimizer.base_width) == ("muon", 0.02, 64)
    assert wide.optimizer.learning_rate == base.optimizer.learning_rate
    assert Trial("adamw", 384, 0.02, 5).recipe(base, 64).optimizer.base_width == 0
    with pytest.raises(UserError, match="multiple of the recipe's head width, 64"):
        Trial("adamw", 96, 0.02, 0).recipe(base, 64)


def test_what_is_measured_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Trial] = []

    def measure(trial: Trial, *_: Any) -> dict[str, Any]:
        measured.append(trial)
        return {"nats_per_token": trial.rate, "tokens": 1}

    monkeypatch.setattr(trials, "_measure", measure)
    base = recipes.override(recipes.load("nano-fast"), {"train.precision": "float32"})
    some = [Trial("adamw", 64, rate, 0) for rate in (0.1, 0.2)]
    run(some, base, tmp_path, 10)
    record = run([*some, Trial("adamw", 128, 0.1, 0)], base, tmp_path, 10)
    assert [trial.width for trial in measured] == [64, 64, 128]
    assert len(record["trials"]) == 3
    with pytest.raises(UserError, match="smallest width"):  # its rule would be another one
        run([Trial("rule", 128, 0.1, 0)], base, tmp_path, 10)
    draw(record["trials"], tmp_path / "rates.png", "two widths")
    assert (tmp_path / "rates.png").stat().st_size
