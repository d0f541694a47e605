"""From files of scores to results.parquet, verdicts.json and curves.json."""

from dataclasses import replace

from fabula.study.analysis import dating
from fabula.study.analysis.deciding import decide, groups
from fabula.study.analysis.measuring import Measured, measure
from fabula.study.analysis.phase_testing import group_answer, order, series_test
from fabula.study.analysis.rules import Rules
from fabula.study.folder import StudyFolder
from fabula.study.probes import PROBES, Probe
from fabula.study.results import (
    Answer,
    ClaimVerdict,
    Curves,
    ProbeVerdict,
    Result,
    Verdicts,
    write_curves,
    write_results,
    write_verdicts,
)
from fabula.study.statistics import DRAWS
from fabula.terminal import progress

PHASE_DRAWS = 1_000
"""Simulations of smooth curves in the test for phases."""


def analyse(folder: StudyFolder, *, draws: int = DRAWS, seed: int = 0, phase_draws: int = PHASE_DRAWS) -> None:
    """Turn a study's scores into results, dates, tests and verdicts.

    Scores that are missing (a study that is under way, items too long for a model) leave their numbers out.

    Args:
        folder: with study.json and scores.
        draws: bootstrap resamples.
        seed: decides resamples and simulations.
        phase_draws: simulations behind the test for phases.

    Raises:
        UserError: study.json or a file of scores is missing or damaged.
    """
    study = folder.study()
    rules = Rules.load()
    probes = [probe for probe in PROBES if probe.name in study.probes]
    with progress("analysing", 3, "parts") as advance:
        measured = measure(folder, study, probes, draws, seed)
        advance(1)
        fits = dating.fit_all(measured, probes)
        advance(1)
        tests = {
            series.label: series_test(series, measured, fits, probes, rules, phase_draws, seed)
            for series in study.series
            if dating.trained(series)
        }
        advance(1)
    claims: list[ClaimVerdict] = []
    verdicts: list[ProbeVerdict] = []
    probabilities: dict[str, float | None] = {}
    trends: dict[str, float | None] = {}
    phases: dict[str, Answer] = {}
    reasons: dict[str, str] = {}
    for group in groups(study, draws, seed):
        decided, judged = decide(study, group, measured, fits, rules)
        claims += decided
        verdicts += judged
        found = order(group.members, fits, group.counts, rules)
        probabilities[group.name], trends[group.name] = found.probability, found.trend
        phases[group.name], reasons[group.name] = group_answer(group.members, tests, found, rules)
    write_results(folder.results, _with_ceilings(measured, probes))
    write_verdicts(
        folder.verdicts,
        Verdicts(
            rules_version=rules.version,
            rules_sha256=rules.sha256,
            claims=tuple(claims),
            probes=tuple(verdicts),
            order_probability=probabilities,
            phases=phases,
            phase_reasons=reasons,
            order_trend=trends,
        ),
    )
    write_curves(
        folder.curves,
        Curves(
            acquisitions=dating.acquisitions(measured, fits),
            phase_tests=tuple(tests.values()),
            horizons=dating.horizons(study, measured),
            crossings=dating.crossings(study, measured),
        ),
    )


def _with_ceilings(measured: Measured, probes: list[Probe]) -> list[Result]:
    """Return the rows; where a ceiling is unknown, the best value that any checkpoint reached stands for it."""
    best = {probe.name: measured.best(probe) for probe in probes if probe.rule == "accuracy"}
    return [
        replace(row, ceiling=best[row.probe])
        if row.probe in best and row.measure == "value" and row.ceiling is None
        else row
        for row in measured.rows
    ]
