"""What trainings cost and reached, as Markdown."""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import t as student

from bench.losses.plan import Arm
from bench.tables import table

LEVEL = 0.95
HEAD = ("recipe", "tokens", "share", "held-out nats/token", "bits/byte", "training, s")

Results = Mapping[Arm, Mapping[int, dict[str, Any]]]
"""Finished runs by what they are repetitions of, and by seed."""
Curve = Sequence[tuple[float, float]]
"""Tokens and loss, by growing number of tokens."""


def mean_interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean and the half-width of its 95 % t-interval, or None for a single value."""
    n = len(values)
    if n < 2:
        return statistics.fmean(values), None
    quantile = float(student.ppf((1 + LEVEL) / 2, n - 1))
    return statistics.fmean(values), quantile * statistics.stdev(values) / math.sqrt(n)


def crossing(curve: Curve, target: float) -> float | None:
    """Return the number of tokens at which a curve comes down to `target`; None: it doesn't, or began below.

    Between two measured budgets the loss is taken to be linear in the logarithm of the tokens; outside of them nothing
    is claimed.
    """
    for (fewer, before), (more, after) in itertools.pairwise(curve):
        if before > target >= after:
            part = (before - target) / (before - after)
            return math.exp(math.log(fewer) + part * math.log(more / fewer))
    return None


def markdown(results: Results, baselines: Sequence[str]) -> str:
    """Return, for each size and corpus, a table of recipes and what they need for the baselines' losses."""
    lines: list[str] = []
    for size, corpus in dict.fromkeys((arm.size, arm.corpus) for arm in results):
        here = {arm: found for arm, found in results.items() if (arm.size, arm.corpus) == (size, corpus) and found}
        if here:
            lines += ["", f"**{size}, {corpus}**", "", *_table(here, baselines), "", *_reached(here, baselines)]
    return "\n".join(lines).strip() + "\n"


def _table(here: Results, baselines: Sequence[str]) -> list[str]:
    references = {name: found for name in baselines for arm, found in here.items() if arm.contender == name}
    head = [*HEAD, *(f"minus {name}" for name in references)]
    rows = []
    for arm, found in here.items():
        differences = [
            _difference(found, reference) if name != arm.contender else "" for name, reference in references.items()
        ]
        rows.append([*_row(arm, found), *differences])
    return table(head, rows)


def _row(arm: Arm, found: Mapping[int, dict[str, Any]]) -> list[str]:
    runs = list(found.values())
    chosen = runs[0]["choice"]
    name = arm.contender + (f" ({chosen})" if chosen else "")
    return [
        name + ("" if len(runs) > 1 else " (one seed)"),
        f"{statistics.fmean(run['tokens'] for run in runs) / 1e6:.2f} M",
        f"{100 * arm.share:.0f} %",
        _stated([run["evaluation"]["nats_per_token"] for run in runs]),
        _stated([run["evaluation"]["bits_per_byte"] for run in runs]),
        f"{statistics.fmean(run['training_seconds'] for run in runs):,.0f}",
    ]


def _difference(found: Mapping[int, dict[str, Any]], reference: Mapping[int, dict[str, Any]]) -> str:
    """Compare seed by seed."""
    both = [seed for seed in found if seed in reference]
    return _stated([_loss(found[seed]) - _loss(reference[seed]) for seed in both], signed=True) if both else ""


def _stated(values: Sequence[float], *, signed: bool = False) -> str:
    mean, half = mean_interval(values)
    return f"{mean:{'+' if signed else ''}.4f}" + ("" if half is None else f" ± {half:.4f}")


def _loss(run: dict[str, Any]) -> float:
    return float(run["evaluation"]["nats_per_token"])


def _reached(here: Results, baselines: Sequence[str]) -> list[str]:
    """Say with what share of a baseline's tokens the others reach its loss."""
    lines = []
    for arm, reference in here.items():
        if arm.contender not in baselines:
            continue
        for name in dict.fromkeys(other.contender for other in here):
            series = {other.share: found for other, found in here.items() if other.contender == name}
            if name != arm.contender and len(series) > 1:
                lines.append(f"- The loss of {arm.contender}, by {name}: {reached(series, reference)}.")
    return lines


def reached(series: Mapping[float, Mapping[int, dict[str, Any]]], reference: Mapping[int, dict[str, Any]]) -> str:
    """Say with what share of the reference's tokens a recipe's series of budgets comes down to its loss, mean to mean.

    The range in parentheses is that of the seeds, each against the reference's run of the same seed.
    """
    seeds = [seed for seed in reference if all(seed in found for found in series.values())]
    if not seeds:
        return "not known yet, no seed has all its runs"
    shares = {seed: _share(_curve(series, [seed]), reference, [seed]) for seed in seeds}
    together = _share(_curve(series, seeds), reference, seeds)
    text = _said(together, _curve(series, seeds), reference, seeds)
    known = [share for share in shares.values() if share is not None]
    if len(seeds) < 2 or not known:
        return text
    range_ = f"{100 * min(known):.0f} to {100 * max(known):.0f} %"
    return f"{text} (seed by seed: {range_}, {len(known)} of {len(seeds)} cross within the measured budgets)"


def _curve(series: Mapping[float, Mapping[int, dict[str, Any]]], seeds: Sequence[int]) -> Curve:
    return [
        (
            statistics.fmean(found[seed]["tokens"] for seed in seeds),
            statistics.fmean(_loss(found[seed]) for seed in seeds),
        )
        for _, found in sorted(series.items())
    ]


def _share(curve: Curve, reference: Mapping[int, dict[str, Any]], seeds: Sequence[int]) -> float | None:
    tokens = crossing(curve, statistics.fmean(_loss(reference[seed]) for seed in seeds))
    return None if tokens is None else tokens / statistics.fmean(reference[seed]["tokens"] for seed in seeds)


def _said(share: float | None, curve: Curve, reference: Mapping[int, dict[str, Any]], seeds: Sequence[int]) -> str:
    if share is not None:
        return f"with {100 * share:.0f} % of its tokens"
    all_tokens = statistics.fmean(reference[seed]["tokens"] for seed in seeds)
    target = statistics.fmean(_loss(reference[seed]) for seed in seeds)
    if curve[0][1] <= target:
        return f"with {100 * curve[0][0] / all_tokens:.0f} % of its tokens or less (the smallest budget is below it)"
    return f"not reached with {100 * curve[-1][0] / all_tokens:.0f} % of its tokens, the largest budget"
