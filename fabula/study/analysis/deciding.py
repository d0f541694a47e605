"""From what was measured to a verdict on every claim, group by group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabula.study.analysis import judging
from fabula.study.analysis.dating import Fits
from fabula.study.analysis.evidence import Evidence, evidence
from fabula.study.analysis.judging import Ceiling, Judged
from fabula.study.analysis.measuring import Measured
from fabula.study.analysis.rules import Rules
from fabula.study.folder import Series, Study
from fabula.study.probes import CLAIMS, Claim, Probe
from fabula.study.probes import probe as probe_named
from fabula.study.results import Answer, ClaimVerdict, Interval, ProbeVerdict
from fabula.study.statistics.acquisition import smooth_share
from fabula.study.statistics.bootstrap import over_seeds, seed_counts
from fabula.study.statistics.intervals import LEVEL, holm_levels, percentile_interval

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Series that differ in their seed, or one single model."""

    name: str
    members: tuple[Series, ...]
    counts: Floats
    """Bootstrap draws of its seeds."""

    @property
    def steps(self) -> int:
        """Length of its runs; 0 for a single model."""
        return self.members[0].steps


@dataclass(frozen=True)
class Dates:
    """When a probe was learned, over a group's seeds."""

    share: float
    share_draws: Floats
    half: float
    half_draws: Floats


@dataclass(frozen=True)
class Context:
    """What the verdicts on one group's probes have in common."""

    study: Study
    group: Group
    measured: Measured
    fits: Fits
    rules: Rules
    at_end: Mapping[str, Evidence | None]
    """Each primary probe at the end of training."""
    levels: Mapping[str, float]
    """Of its intervals, Holm-adjusted."""


def groups(study: Study, draws: int, seed: int) -> list[Group]:
    """Return the study's groups, in its order."""
    names = list(dict.fromkeys(series.group for series in study.series))
    found = []
    for name in names:
        members = tuple(series for series in study.series if series.group == name)
        found.append(Group(name, members, seed_counts(len(members), draws, seed)))
    return found


def decide(
    study: Study, group: Group, measured: Measured, fits: Fits, rules: Rules
) -> tuple[list[ClaimVerdict], list[ProbeVerdict]]:
    """Judge every claim of one group."""
    asked = [claim for claim in CLAIMS if set(rules.primary[claim.name]) & set(study.probes)]
    primary = [probe_named(name) for claim in asked for name in rules.primary[claim.name]]
    at_end = {p.name: _evidence(group, measured, rules, p, None) for p in primary}
    levels = _levels(primary, at_end, measured, rules)
    context = Context(study, group, measured, fits, rules, at_end, levels)
    probes = [_probe_verdict(context, probe) for probe in primary]
    return [_claim_verdict(claim, group, probes, rules) for claim in asked], probes


def _levels(
    primary: Sequence[Probe], at_end: Mapping[str, Evidence | None], measured: Measured, rules: Rules
) -> dict[str, float]:
    """Return the level of each primary probe's intervals, Holm-adjusted over those that were measured."""
    known = [(probe, found) for probe in primary if (found := at_end[probe.name]) is not None]
    p_values = [judging.significance(p, found, rules, measured.bands.get(p.name)) for p, found in known]
    return dict(zip((probe.name for probe, _ in known), holm_levels(p_values), strict=True))


def _evidence(group: Group, measured: Measured, rules: Rules, probe: Probe, step: int | None) -> Evidence | None:
    return evidence(probe, group.members, step, measured, rules, group.counts)


def _probe_verdict(context: Context, probe: Probe) -> ProbeVerdict:
    group, measured, end = context.group, context.measured, context.at_end[probe.name]
    window = context.rules.window(probe.claim, group.steps)
    dates = None if window is None else _dates(group, context.fits, probe, window)
    capability = _capability(context, probe, window)
    when, reason = _timing(context, probe, window, dates)
    ceiling = capability.ceiling if capability.ceiling is not None else measured.best(probe)
    floor = None if end is None else end.floor
    if probe.name in measured.bands:
        ceiling, floor = measured.bands[probe.name]
    return ProbeVerdict(
        probe=probe.name,
        claim=probe.claim,
        group=group.name,
        capability=capability.answer,
        timing=when,
        reason=f"{capability.reason}. {reason}".removesuffix(". "),
        value=None if end is None else end.value,
        interval=None if end is None else _finite(percentile_interval(end.value_draws)),
        baseline=floor,
        ceiling=ceiling,
        normalised=capability.normalised,
        normalised_interval=capability.normalised_interval,
        window_share=None if dates is None else dates.share,
        window_interval=None if dates is None else percentile_interval(dates.share_draws),
        smooth_share=None if window is None else smooth_share(*window, group.steps),
        half=None if dates is None else dates.half,
        half_interval=None if dates is None else percentile_interval(dates.half_draws),
        seeds=len(group.members),
    )


def _capability(context: Context, probe: Probe, window: tuple[int, int] | None) -> Judged:
    """Judge a probe at the end of training and at the end of its window; the worse counts.

    The normalised score reported is the one at the end of training.
    """
    study, end = context.study, context.at_end[probe.name]
    if probe.name in study.refused:
        return Judged("inconclusive", f"its questions were refused: {study.refused[probe.name]}")
    if end is None:
        return Judged("inconclusive", "not measured at the end of training")
    if probe.rule in ("band", "ratio") and not _learned(context):
        return Judged("inconclusive", "says nothing about a model that is not known to be better than a 5-gram")
    at_end = _judge(context, probe, end)
    if window is None or window[1] == context.group.steps:
        return _marked(context, probe, at_end, at_end)
    within = _evidence(context.group, context.measured, context.rules, probe, window[1])
    if within is None:
        reason = f"not measured at step {window[1]:,}, the end of the claimed window"
        at_window = Judged("inconclusive", reason)
    else:
        at_window = _judge(context, probe, within)
    return _marked(context, probe, min(at_end, at_window, key=lambda judged: judging.RANK[judged.answer]), at_end)


def _judge(context: Context, probe: Probe, found: Evidence) -> Judged:
    """Apply the probe's rule to what was found at one step."""
    ceiling = Ceiling(probe.ceiling, context.measured.best(probe))
    band = context.measured.bands.get(probe.name)
    return judging.judge(probe, found, context.rules, context.levels[probe.name], ceiling, band)


def _learned(context: Context) -> bool:
    """Return whether the precondition of rules that a constant would pass holds at the end of training."""
    probe = probe_named(context.rules.precondition)
    end = _evidence(context.group, context.measured, context.rules, probe, None)
    if end is None:
        return False
    return judging.judge(probe, end, context.rules, LEVEL, Ceiling(None, None), None).answer == "supported"


def _marked(context: Context, probe: Probe, deciding: Judged, at_end: Judged) -> Judged:
    """Return the deciding answer with the numbers at the end of training, and its reason with the level."""
    level = context.levels[probe.name]
    reason = f"{deciding.reason} (intervals at {100 * level:.1f} %, Holm-adjusted)"
    return Judged(deciding.answer, reason, at_end.ceiling, at_end.normalised, at_end.normalised_interval)


def _dates(group: Group, fits: Fits, probe: Probe, window: tuple[int, int]) -> Dates | None:
    """Pool W and t50 over seeds; None when a seed's curve did not change or was not fitted."""
    found = [fits.get((probe.name, series.label)) for series in group.members]
    shares = [fit.share(*window) for fit in found if fit is not None]
    halves = [fit.half_draws() for fit in found if fit is not None]
    points = [fit.dates()[1] for fit in found if fit is not None]
    kept_shares = [share for share in shares if share is not None]
    kept_halves = [half for half in halves if half is not None]
    if len(kept_shares) < len(group.members):
        return None
    return Dates(
        share=float(np.mean([value for value, _ in kept_shares])),
        share_draws=over_seeds(np.array([draws for _, draws in kept_shares]), group.counts),
        half=float(10 ** np.mean(np.log10([point for point in points if point is not None]))),
        half_draws=np.power(10.0, over_seeds(np.log10(np.array(kept_halves)), group.counts)),
    )


def _timing(context: Context, probe: Probe, window: tuple[int, int] | None, dates: Dates | None) -> tuple[Answer, str]:
    if window is None:
        return "inconclusive", ""
    seeds = context.group.members
    if dates is None:
        fitted = all((probe.name, series.label) in context.fits for series in seeds)
        why = "it did not change in every run" if fitted else "too few checkpoints"
        return "inconclusive", f"Timing: no date, {why}"
    shares = dates.share, dates.share_draws
    answer, reason = judging.timing(window, shares, dates.half_draws, len(seeds), context.rules)
    return answer, f"Timing: {reason}"


def _claim_verdict(claim: Claim, group: Group, probes: Sequence[ProbeVerdict], rules: Rules) -> ClaimVerdict:
    """Return the worst of a claim's primary probes."""
    mine = [verdict for verdict in probes if verdict.claim == claim.name]
    decisive = min(mine, key=lambda verdict: judging.RANK[verdict.capability])
    window = rules.window(claim.name, group.steps)
    wording = {
        "supported": claim.wording,
        "not supported": f"asked and not found: {claim.wording}",
        "inconclusive": f"not decided: {claim.wording}",
    }
    return ClaimVerdict(
        claim=claim.name,
        group=group.name,
        capability=decisive.capability,
        timing=None if window is None else judging.worst([verdict.timing for verdict in mine]),
        decided_by=decisive.probe,
        wording=wording[decisive.capability],
        window=window,
    )


def _finite(bounds: Interval) -> Interval | None:
    return None if any(bound != bound for bound in bounds) else bounds
