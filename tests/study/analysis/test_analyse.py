"""Whole studies: one that learns, one that doesn't, one that is under way."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as parquet
import pytest

from fabula.errors import UserError
from fabula.study.analysis import analyse, write_item_scores
from fabula.study.analysis.dating import horizons
from fabula.study.analysis.measuring import Measured
from fabula.study.folder import Series, StudyFolder
from fabula.study.probes import PROBES, probe
from fabula.study.results import Result, read_curves, read_results, read_verdicts
from fabula.study.scores import Scores
from tests.study.synthetic import NEVER, save, smooth, synthetic_study, untrained

QUICK = {"draws": 200, "phase_draws": 100}
PRIMARY = tuple(entry.name for entry in PROBES if entry.primary)
FEW = ("grammar", "ladder", "intruder", "far_context", "ending", "position_loss")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> StudyFolder:
    folder = synthetic_study(tmp_path_factory.mktemp("study"), seeds=3, items=60, single=True, probes=PRIMARY)
    analyse(folder, **QUICK)
    return folder


@pytest.fixture(scope="module")
def results(study):
    return read_results(study.results)


def at(results, **wanted):
    (row,) = (row for row in results if all(getattr(row, name) == value for name, value in wanted.items()))
    return row


def test_a_value_is_the_mean_of_its_scores(study, results):
    row = at(results, series="seed-1", step=1_000, probe="ending", condition="", measure="value")
    scores = Scores.load(study.scores("seed-1", 1_000, "ending"))
    assert row.value == pytest.approx(scores.columns["correct"].mean())
    assert row.low < row.value < row.high
    assert (row.n, row.clusters) == (60, 30)
    assert (row.chance, row.baseline, row.baseline_name) == (0.25, 0.25, "chance")
    assert row.above == pytest.approx(row.value - 0.25)
    assert row.above_low == pytest.approx(row.low - 0.25)
    assert row.tokens == 1_000 * 8_192


def test_the_best_baseline_is_paired(study, results):
    row = at(results, series="seed-0", step=4_000, probe="grammar", condition="", measure="value")
    baselines = Scores.load(study.baseline("grammar")).columns
    best = max(baselines, key=lambda name: baselines[name].mean())
    assert (row.baseline_name, row.baseline) == (best, pytest.approx(baselines[best].mean()))
    correct = Scores.load(study.scores("seed-0", 4_000, "grammar")).columns["correct"]
    hard = at(results, series="seed-0", step=4_000, probe="grammar", condition="", measure="hard")
    assert hard.value == pytest.approx(correct[baselines["fivegram"] == 0].mean())


def test_parts_of_probes_and_columns_of_panels_have_rows(results):
    last = [row for row in results if row.series == "seed-0" and row.step == 4_000]
    assert {row.condition for row in last if row.probe == "memory"} == {"", "0", "25", "100", "400"}
    assert {row.measure for row in last if row.probe == "ladder"} >= {"value", "gain1", "gain5"}
    assert {row.condition for row in last if row.probe == "context_gain" and row.measure == "gain"} >= {"1", "256"}
    assert at(last, probe="position_loss", measure="value").value == pytest.approx(1, abs=0.1)
    assert len([row for row in last if row.probe == "position" and row.measure == "nats"]) == 2


def test_a_weighted_panel_is_weighted(study, results):
    scores = Scores.load(study.scores("seed-0", 500, "ladder"))
    row = at(results, series="seed-0", step=500, probe="ladder", condition="", measure="value")
    assert row.value == pytest.approx(np.average(scores.columns["gain2"], weights=scores.columns["weight"]))
    row = at(results, series="seed-0", step=500, probe="ladder", condition="", measure="nats_per_token")
    assert row.value == pytest.approx(np.average(scores.columns["nats_per_token"], weights=scores.columns["tokens"]))
    assert not any(row.measure in ("weight", "tokens") for row in results)


def test_an_unknown_ceiling_is_the_best_value_reached(results):
    rows = [row for row in results if row.probe == "far_context" and row.measure == "value"]
    assert {row.ceiling for row in rows} == {max(row.value for row in rows)}
    assert at(rows, series="seed-0", step=0).ceiling is not None
    assert {row.ceiling for row in results if row.probe == "binding" and row.measure == "value"} == {1.0}


def test_verdicts_of_a_study_that_learns(study):
    verdicts = read_verdicts(study.verdicts)
    by_probe = {(entry.group, entry.probe): entry for entry in verdicts.probes}
    for name in ("ladder", "far_context", "ending"):
        assert by_probe["demo", name].capability == "supported", by_probe["demo", name].reason
        assert by_probe["demo", name].seeds == 3
        assert by_probe["solo", name].capability == "supported"
        assert "seeds=1" in by_probe["solo", name].reason
    for name in set(NEVER) & {p.name for p in PROBES if p.primary}:
        assert by_probe["demo", name].capability == "not supported"
        assert by_probe["demo", name].half is None
    claims = {(entry.group, entry.claim): entry for entry in verdicts.claims}
    assert claims["demo", "C2"].capability == "not supported"
    assert claims["demo", "C2"].decided_by == "binding"
    assert claims["demo", "C2"].window == (250, 1_000)
    assert claims["solo", "C2"].timing is None
    assert claims["demo", "C1"].timing in ("supported", "inconclusive")
    assert verdicts.phases == {"demo": "not supported", "solo": "inconclusive"}
    assert verdicts.phase_reasons["demo"]
    assert len(verdicts.rules_sha256) == 64
    assert "understand" not in study.verdicts.read_text(encoding="utf-8")


def test_a_claim_is_as_good_as_its_worst_primary_probe(study):
    verdicts = read_verdicts(study.verdicts)
    rank = ["not supported", "inconclusive", "supported"]
    for claim in verdicts.claims:
        mine = [v for v in verdicts.probes if (v.claim, v.group) == (claim.claim, claim.group)]
        assert {v.probe for v in mine} == {p.name for p in PROBES if p.primary and p.claim == claim.claim}
        assert rank.index(claim.capability) == min(rank.index(v.capability) for v in mine)


def test_curves(study):
    curves = read_curves(study.curves)
    fits = {(entry.probe, entry.series): entry for entry in curves.acquisitions}
    assert fits["far_context", "seed-0"].model == "logistic"
    assert 500 < fits["far_context", "seed-0"].t50 < 3_000
    low, high = fits["far_context", "seed-0"].t50_interval
    assert low < fits["far_context", "seed-0"].t50 < high
    assert fits["far_context", "seed-0"].depends_on_loss > 0.8
    assert {test.series for test in curves.phase_tests} == {"seed-0", "seed-1", "seed-2"}
    for test in curves.phase_tests:
        assert test.verdict == "not supported"
        assert test.schedule_breaks == (200, 3_200)
        assert test.claimed == (250, 1_000, 2_000, 3_000)
        assert len(test.null) == 100
    steps, horizons = zip(*curves.horizons["seed-0"], strict=True)
    assert steps == tuple(sorted(steps))
    assert horizons[0] is None
    assert horizons[-1] == 256
    crossings = curves.crossings["seed-0"]
    assert [*crossings.values()] == sorted(crossings.values())
    assert "solo" not in curves.crossings


def test_the_same_seed_gives_the_same_files(study, tmp_path):
    again = synthetic_study(tmp_path / "again", seeds=1, checkpoints=5, items=20, probes=FEW)
    analyse(again, **QUICK)
    first = again.results.read_bytes(), again.verdicts.read_bytes(), again.curves.read_bytes()
    analyse(again, **QUICK)
    assert first == (again.results.read_bytes(), again.verdicts.read_bytes(), again.curves.read_bytes())


@pytest.mark.parametrize("seed", [0, 1])
def test_an_untrained_model_is_never_supported(tmp_path, seed):
    folder = synthetic_study(tmp_path / "study", 3, 6, trajectory=untrained, single=True, seed=seed, probes=PRIMARY)
    analyse(folder, **QUICK)
    verdicts = read_verdicts(folder.verdicts)
    assert {entry.group for entry in verdicts.probes} == {"demo", "solo"}
    assert [entry for entry in verdicts.probes if "supported" in (entry.capability, entry.timing)] == []
    assert [entry for entry in verdicts.claims if "supported" in (entry.capability, entry.timing)] == []
    assert "supported" not in verdicts.phases.values()


def test_a_study_under_way_has_what_was_measured(tmp_path):
    folder = synthetic_study(tmp_path / "study", seeds=1, checkpoints=8, items=40, probes=FEW)
    for panel in ("ending", "ladder"):
        folder.scores("seed-0", 4_000, panel).unlink()
    for path in (tmp_path / "study" / "scores").rglob("intruder.npz"):
        path.unlink()
    kept = Scores.load(folder.scores("seed-0", 1_000, "far_context"))
    half = Scores(
        kept.units[::2], kept.clusters[::2], kept.conditions[::2], {n: v[::2] for n, v in kept.columns.items()}
    )
    save(half, folder.scores("seed-0", 1_000, "far_context"))
    analyse(folder, **QUICK)
    results = read_results(folder.results)
    assert not any(row.probe == "intruder" for row in results)
    assert at(results, step=1_000, probe="far_context", measure="value").n == 20
    verdicts = {entry.probe: entry for entry in read_verdicts(folder.verdicts).probes}
    for name in ("ending", "intruder", "ladder"):
        assert verdicts[name].capability == "inconclusive"
        assert "not measured" in verdicts[name].reason
    assert verdicts["position_loss"].capability == "inconclusive"
    assert "5-gram" in verdicts["position_loss"].reason


def test_questions_that_a_gate_refused_decide_nothing(tmp_path):
    folder = synthetic_study(tmp_path / "study", 1, 6, items=40, probes=("ending", "ladder", "grammar"))
    folder.write_study(replace(folder.study(), refused={"ending": "too easy"}))
    analyse(folder, **QUICK)
    verdicts = read_verdicts(folder.verdicts)
    assert {entry.claim for entry in verdicts.claims} == {"C1", "C3"}
    (ending,) = (entry for entry in verdicts.probes if entry.probe == "ending")
    assert ending.capability == "inconclusive"
    assert "too easy" in ending.reason


def test_what_is_learned_too_late_is_not_supported_by_the_window_s_end(tmp_path):
    def late(entry, step):
        return float(step >= 3_500) if entry.name == "far_context" else smooth(entry, step)

    folder = synthetic_study(tmp_path / "study", items=200, trajectory=late, probes=("far_context",))
    analyse(folder, **QUICK)
    (verdict,) = (entry for entry in read_verdicts(folder.verdicts).probes if entry.probe == "far_context")
    assert verdict.value > 0.8
    assert verdict.capability == "not supported"
    assert "at step 2,000" in verdict.reason
    assert verdict.timing == "not supported"
    assert verdict.half > 2_500


def test_a_horizon_ends_where_a_longer_context_is_worth_nothing():
    def horizon(**lows):
        row = Result("run", "run", 0, 8, None, "context_gain", "", "gain", 0.1, 0.0, 0.2, 9, 9, *(None,) * 7)
        rows = [replace(row, condition=name[1:], low=low) for name, low in lows.items()]
        run = Series("run", "run", 0, 1, 8, 8, (), ())
        return horizons(SimpleNamespace(series=[run]), Measured({}, rows))["run"]

    assert horizon(k1=0.3, k4=0.02, k16=0.009) == ((8, 4),)
    assert horizon(k16=0.02, k1=0.3, k4=0.0) == ((8, 1),)
    assert horizon(k1=None, k4=0.3) == ((8, None),)


def test_every_answer_can_be_written(study):
    write_item_scores(study)
    table = parquet.read_table(study.path / "item_scores.parquet", filters=[("probe", "=", "grammar")])
    assert table.num_rows == 60 * (3 * 12 + 1)
    assert {"item", "correct", "baseline fivegram"} <= set(table.column_names)


def test_damaged_files_are_named(tmp_path, study):
    with pytest.raises(UserError, match=r"study\.json"):
        analyse(StudyFolder(tmp_path))
    broken = tmp_path / "results.parquet"
    broken.write_bytes(b"no")
    with pytest.raises(UserError, match="study again"):
        read_results(broken)
    (tmp_path / "verdicts.json").write_text("{}")
    with pytest.raises(UserError, match="record of verdicts"):
        read_verdicts(tmp_path / "verdicts.json")
    with pytest.raises(UserError, match="record of curves"):
        read_curves(tmp_path / "verdicts.json")
    assert probe("grammar").primary
