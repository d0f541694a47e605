"""What was measured, as Markdown."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.tables import spread, table
from bench.training.contenders import REFERENCE

MB = 1e6
LIMIT = "matrix products"
HEAD = (
    "contender",
    "tok/s",
    "times the reference",
    "useful tok/s",
    "GFLOP/s",
    "of the limit",
    "memory, MB",
    "first step, s",
    "again, s",
    "loss",
)

Record = Mapping[str, Any]


def markdown(found: Mapping[str, Any]) -> str:
    """Return a paragraph of conditions, the contenders' table, and how Fabula stands to each of the others."""
    records = [record for record in found["contenders"] if record["rounds"]]
    limits = {record["precision"]: record for record in records if record["program"] == LIMIT}
    rows = [_row(record, limits, records, found["shape"]) for record in records if record["program"] != LIMIT]
    lines = [_conditions(found, limits), "", *(table(HEAD, rows) if rows else ["Nothing was measured."])]
    for quantity, feeds in (("targets", ("windows",)), ("useful", ("windows", "stories"))):
        compared = _comparison(records, quantity, feeds)
        if compared:
            title = "All targets, the same windows" if quantity == "targets" else "Useful targets"
            lines += ["", f"{title}: how many times as fast Fabula is, round by round.", "", *compared]
    missing = [f"- {record['name']}: {record['missing']}" for record in found["contenders"] if record["missing"]]
    if missing:
        lines += ["", "Not measured, or not to the end:", "", *missing]
    return "\n".join(lines) + "\n"


def flops_per_round(record: Record, shape: Mapping[str, Any]) -> list[float]:
    """Return the FLOPs that each round's targets needed.

    6 for every weight of a matrix product, and 12 * layers * width for every position that a query may see, forward
    and backward: what padding, masked scores and recomputation cost is not counted.
    """
    per_position = 12 * shape["layers"] * shape["hidden"]
    return [
        6 * record["matrix_weights"] * round_["targets"] + per_position * round_["attended"]
        for round_ in record["rounds"]
    ]


def speeds(record: Record, quantity: str = "targets") -> list[float]:
    """Return each round's targets, or useful targets, per second."""
    return [round_[quantity] / round_["seconds"] for round_ in record["rounds"]]


def ratios(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Divide round by round."""
    return [one / other for one, other in zip(first, second, strict=False) if other]


def _conditions(found: Mapping[str, Any], limits: Mapping[str, Record]) -> str:
    shape, plan, batch = found["shape"], found["plan"], found["batch"]
    versions = dict.fromkeys(
        part for record in found["contenders"] if record["version"] for part in record["version"].split(", ")
    )
    limit = ", ".join(
        f"{precision} {spread(_gigaflops(record, shape))} GFLOP/s" for precision, record in limits.items()
    )
    return (
        f"**{found['size']}**: hidden {shape['hidden']}, {shape['layers']} layers, {shape['heads']} heads, vocabulary "
        f"{shape['vocab_size']:,}, context {shape['context']:,}; {batch['windows']} windows a step, or "
        f"{batch['story_rows']} stories a row each. {found['corpus']}. {found['machine']}, {found['date']}. "
        f"{plan['threads']} threads, {plan['rounds']} rounds of {plan['steps']} steps, medians (and smallest to "
        f"largest). Its matrix products alone: {limit}. {', '.join(versions)}. Command: `{found['command']}`."
    )


def _row(
    record: Record, limits: Mapping[str, Record], records: Sequence[Record], shape: Mapping[str, Any]
) -> list[str]:
    reference = next((other for other in records if other["name"] == REFERENCE), None)
    times = ratios(speeds(record), speeds(reference)) if reference else []
    return [
        record["name"],
        spread(speeds(record)),
        spread(times, 2),
        spread(speeds(record, "useful")),
        spread(_gigaflops(record, shape)),
        _of_limit(record, limits, shape),
        f"{record['peak_memory'] / MB:,.0f}" if record["peak_memory"] else "",
        f"{record['start_cold']:.1f}",
        spread(record["starts_warm"], 1),
        _losses(record["losses"]),
    ]


def _gigaflops(record: Record, shape: Mapping[str, Any]) -> list[float]:
    flops = flops_per_round(record, shape)
    return [amount / round_["seconds"] / 1e9 for amount, round_ in zip(flops, record["rounds"], strict=True)]


def _of_limit(record: Record, limits: Mapping[str, Record], shape: Mapping[str, Any]) -> str:
    limit = limits.get(record["precision"])
    if limit is None:
        return ""
    return f"{100 * statistics.median(ratios(_gigaflops(record, shape), _gigaflops(limit, shape))):.0f} %"


def _losses(losses: Sequence[float]) -> str:
    """Return the first and the last loss; the last is the mean of a few, since stories differ."""
    last = losses[-max(1, len(losses) // 4) :]
    return f"{losses[0]:.2f} to {statistics.fmean(last):.2f}" if losses and not math.isnan(losses[0]) else ""


def _comparison(records: Sequence[Record], quantity: str, feeds: Sequence[str]) -> list[str]:
    """Return a row for each peer and a column for each of Fabula's contenders."""
    others = [record for record in records if record["program"] not in ("Fabula", LIMIT) and record["feed"] in feeds]
    ours = [record for record in records if record["program"] == "Fabula" and record["feed"] == feeds[-1]]
    if not ours or not others:
        return []
    rows = [
        [other["name"], *(spread(ratios(speeds(our, quantity), speeds(other, quantity)), 2) for our in ours)]
        for other in others
    ]
    return table(["beside", *(our["name"] for our in ours)], rows)
