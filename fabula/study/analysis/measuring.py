"""From a panel's scores to rows of results, estimates at checkpoints, and courses through training."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fabula.study.analysis.estimates import Course, Estimate, Mean, Means, ratio, shared_units, widened
from fabula.study.analysis.panels import HELD_OUT, NOT_MEASURED, Key, Panel, by_position, checkpoints, in_condition
from fabula.study.folder import Series, StudiedCheckpoint, Study, StudyFolder
from fabula.study.probes import Probe
from fabula.study.results import Result
from fabula.study.scores import Scores
from fabula.study.statistics.bootstrap import ClusterBootstrap
from fabula.study.statistics.intervals import percentile_interval

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
HARD = "fivegram"
"""Baseline whose wrong answers make up the hard items."""
SHARES = ("value", "choice", "pair", "hard")
"""Measures of item probes that are shares of right answers."""


@dataclass
class Measured:
    """What the analysis knows of all probes."""

    about: Mapping[Key, tuple[Series, StudiedCheckpoint]]
    rows: list[Result] = field(default_factory=list)
    estimates: dict[str, dict[Key, Estimate]] = field(default_factory=dict)
    """By probe and checkpoint."""
    courses: dict[str, dict[str, Course]] = field(default_factory=dict)
    """By probe and series."""
    bands: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By probe of generation: value of held-out and of control text."""

    def best(self, probe: Probe) -> float | None:
        """Return a probe's ceiling: the known one, or the best value that any checkpoint reached."""
        reached = [estimate.mean.value for estimate in self.estimates.get(probe.name, {}).values()]
        return probe.ceiling if probe.ceiling is not None else max(reached, default=None)


def measure(folder: StudyFolder, study: Study, probes: Iterable[Probe], draws: int, seed: int) -> Measured:
    """Read all scores of a study, panel by panel, and bootstrap them."""
    measured = Measured({(series.label, c.step): (series, c) for series, c in checkpoints(study)})
    by_panel: dict[str, list[Probe]] = {}
    for probe in probes:
        by_panel.setdefault(probe.scores, []).append(probe)
    for name, members in by_panel.items():
        panel = Panel.load(folder, study, name)
        if panel.scores:
            bootstrap = ClusterBootstrap(panel.clusters(), draws, (seed, zlib.crc32(name.encode())))
            if all(probe.panel == "" for probe in members):
                _measure_items(measured, study, panel, members[0], bootstrap)
            else:
                _measure_panel(measured, folder, study, panel, members, bootstrap)
    return measured


def _measure_items(measured: Measured, study: Study, panel: Panel, probe: Probe, bootstrap: ClusterBootstrap) -> None:
    """Measure questions: right answers, whole and by condition, beside the best baseline's on the same items."""
    asked = Means(bootstrap)
    plans: list[tuple[Key, str, str, int, int | None, str | None]] = []
    for key, scores in panel.scores.items():
        baselines = panel.baseline_columns(scores)
        for condition, mask in _parts(scores).items():
            name, column = _best(baselines, mask, probe.chance)
            values = scores.columns["correct"]
            paired = values if column is None else np.where(np.isnan(column), np.nan, values)
            base = None if column is None else asked.add(scores, column, mask)
            plans.append((key, condition, "value", asked.add(scores, paired, mask), base, name))
            plans.append((key, condition, "margin", asked.add(scores, scores.columns["margin"], mask), None, None))
        everything = in_condition(scores, None)
        for measure in ("choice", "pair"):
            plans.append((key, "", measure, asked.add(scores, scores.columns[measure], everything), None, None))
        if HARD in baselines and (hard := baselines[HARD] == 0).any():
            plans.append((key, "", "hard", asked.add(scores, values, hard), None, None))
    means = asked.take()
    for key, condition, measure, number, base, name in plans:
        mean = widened(means[number], number) if measure in SHARES else means[number]
        if mean.n == 0:
            continue
        estimate = _estimate(mean, None if base is None else means[base], name, probe.chance)
        if measure != "value":
            measured.rows.append(_row(measured.about, key, probe.name, condition, measure, mean))
            continue
        if condition == "":
            measured.estimates.setdefault(probe.name, {})[key] = estimate
        row = _row(
            measured.about, key, probe.name, condition, measure, mean, chance=probe.chance, ceiling=probe.ceiling
        )
        measured.rows.append(_with_baseline(row, estimate))
    everything_by_key = {key: in_condition(scores, None) for key, scores in panel.scores.items()}
    measured.courses[probe.name] = _courses(study, panel, "correct", everything_by_key, bootstrap, "margin")


def _measure_panel(
    measured: Measured,
    folder: StudyFolder,
    study: Study,
    panel: Panel,
    probes: Sequence[Probe],
    bootstrap: ClusterBootstrap,
) -> None:
    """Measure held-out text or told stories: every column under every condition, and the probes among them."""
    asked = Means(bootstrap)
    plans = []
    for key, scores in panel.scores.items():
        for condition in np.unique(scores.conditions).tolist():
            for column in (name for name in scores.columns if name not in NOT_MEASURED):
                number = asked.add(scores, scores.columns[column], in_condition(scores, condition), column)
                plans.append((key, condition, column, number))
    means = asked.take()
    for key, condition, column, number in plans:
        if means[number].n:
            measured.rows.append(_row(measured.about, key, panel.name, condition, column, means[number]))
    for probe in probes:
        _measure_probe(measured, folder, study, panel, probe, bootstrap)


def _measure_probe(
    measured: Measured, folder: StudyFolder, study: Study, panel: Panel, probe: Probe, bootstrap: ClusterBootstrap
) -> None:
    masks = {
        key: in_condition(scores, probe.condition)
        for key, scores in panel.scores.items()
        if probe.column in scores.columns
    }
    band = _band(folder, probe) if probe.rule == "band" else None
    found: dict[Key, Mean] = {}
    if probe.rule == "ratio":
        found, courses = _ratios(study, panel, probe, masks, bootstrap)
    else:
        asked = Means(bootstrap)
        numbers = {
            key: asked.add(panel.scores[key], panel.scores[key].columns[probe.column], masks[key]) for key in masks
        }
        means = asked.take()
        found = {key: means[number] for key, number in numbers.items() if means[number].n}
        kept = {key: masks[key] for key in found}
        courses = _courses(study, panel, probe.column, kept, bootstrap, probe.column)
    measured.courses[probe.name] = courses
    if band:
        measured.bands[probe.name] = band
    for key, mean in found.items():
        chance = None if band else probe.chance
        row = _row(measured.about, key, probe.name, "", "value", mean, chance=chance, ceiling=probe.ceiling)
        if band:
            row = replace(row, ceiling=band[0], baseline=band[1], baseline_name=probe.control)
        measured.rows.append(row)
        measured.estimates.setdefault(probe.name, {})[key] = Estimate(mean, None, None, None)


def _ratios(
    study: Study, panel: Panel, probe: Probe, masks: dict[Key, Mask], bootstrap: ClusterBootstrap
) -> tuple[dict[Key, Mean], dict[str, Course]]:
    """Return the column's mean under the last condition over that under the first, by position."""
    asked = Means(bootstrap)
    numbers = {}
    for key in masks:
        scores = panel.scores[key]
        places = by_position(set(scores.conditions.tolist()))
        if len(places) > 1:
            ends = (places[-1], places[0])
            values = scores.columns[probe.column]
            numbers[key] = tuple(asked.add(scores, values, in_condition(scores, place)) for place in ends)
    means = asked.take()
    found = {key: ratio(means[last], means[first]) for key, (last, first) in numbers.items()}
    courses = {}
    for series in study.series:
        steps = tuple(c.step for c in series.checkpoints if (series.label, c.step) in found)
        if steps:
            means = [found[series.label, step] for step in steps]
            courses[series.label] = _course(steps, means, means)
    return found, courses


def _courses(
    study: Study, panel: Panel, column: str, masks: dict[Key, Mask], bootstrap: ClusterBootstrap, margin: str
) -> dict[str, Course]:
    """Follow a column through each series, over the units that all its checkpoints share."""
    courses = {}
    for series in study.series:
        steps = tuple(c.step for c in series.checkpoints if (series.label, c.step) in masks)
        parts = [(panel.scores[series.label, step], masks[series.label, step]) for step in steps]
        if not parts:
            continue
        asked = Means(bootstrap)
        for (scores, _), mask in zip(parts, shared_units(parts), strict=True):
            asked.add(scores, scores.columns[column], mask)
            asked.add(scores, scores.columns[margin], mask)
        means = asked.take()
        kept = [place for place in range(len(steps)) if means[2 * place].n]
        if kept:
            values, margins = ([means[2 * place + shift] for place in kept] for shift in (0, 1))
            courses[series.label] = _course([steps[place] for place in kept], values, margins)
    return courses


def _course(steps: Sequence[int], values: Sequence[Mean], margins: Sequence[Mean]) -> Course:
    """Put the checkpoints' means into a row; a resample that holds no unit says what the mean says."""
    draws = [np.where(np.isnan(mean.draws), mean.value, mean.draws) for mean in values]
    leads = np.array([mean.value for mean in margins])
    return Course(tuple(steps), np.array([mean.value for mean in values]), np.stack(draws, 1), leads)


def _parts(scores: Scores) -> dict[str, Mask]:
    """Return which units belong to all of a probe ("") and, where it has several parts, to each."""
    names = np.unique(scores.conditions).tolist()
    parts = {name: in_condition(scores, name) for name in names if name} if len(names) > 1 else {}
    return {"": in_condition(scores, None), **parts}


def _best(baselines: dict[str, Floats], mask: Mask, chance: float) -> tuple[str | None, Floats | None]:
    """Return the baseline with the best mean, if it is above chance."""
    known = {name: values for name, values in baselines.items() if (mask & ~np.isnan(values)).any()}
    if not known:
        return None, None
    means = {name: float(np.nanmean(values[mask])) for name, values in known.items()}
    name = max(means, key=lambda entry: means[entry])
    return (name, known[name]) if means[name] > chance else (None, None)


def _estimate(mean: Mean, baseline: Mean | None, name: str | None, chance: float) -> Estimate:
    if baseline is None:
        return Estimate(mean, None, "chance", chance)
    return Estimate(mean, baseline, name, baseline.value)


def _band(folder: StudyFolder, probe: Probe) -> tuple[float, float] | None:
    """Return what held-out and control text score; None when either is not on record."""
    values = []
    for name in (HELD_OUT, probe.control):
        path = folder.control(name, probe.scores)
        scores = Scores.load(path) if path.exists() else None
        if scores is None or probe.column not in scores.columns:
            return None
        mask = in_condition(scores, probe.condition)
        mask = mask if mask.any() else in_condition(scores, None)
        kept = scores.columns[probe.column][mask]
        if np.isnan(kept).all():
            return None
        values.append(float(np.nanmean(kept)))
    return values[0], values[1]


def _row(
    about: Mapping[Key, tuple[Series, StudiedCheckpoint]],
    key: Key,
    probe: str,
    condition: str,
    measure: str,
    mean: Mean,
    *,
    chance: float | None = None,
    ceiling: float | None = None,
) -> Result:
    series, checkpoint = about[key]
    low, high = mean.interval or (None, None)
    return Result(
        series=series.label,
        group=series.group,
        seed=series.seed,
        step=checkpoint.step,
        tokens=checkpoint.tokens,
        probe=probe,
        condition=condition,
        measure=measure,
        value=mean.value,
        low=low,
        high=high,
        n=mean.n,
        clusters=mean.clusters,
        chance=chance,
        baseline=None,
        baseline_name=None,
        ceiling=ceiling,
        above=None,
        above_low=None,
        above_high=None,
    )


def _with_baseline(row: Result, estimate: Estimate) -> Result:
    """Return a row with its best baseline and the paired difference."""
    bounds: tuple[float | None, float | None] = (None, None)
    if row.low is not None:
        above = estimate.mean.draws - estimate.floor_draws
        bounds = percentile_interval(above)
    return replace(
        row,
        baseline=estimate.floor,
        baseline_name=estimate.baseline_name,
        above=estimate.above,
        above_low=bounds[0],
        above_high=bounds[1],
    )
