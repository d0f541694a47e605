"""What was found, as Markdown for docs/performance.md."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.studio.load import quantile
from bench.tables import table

MEBI = 1 << 20
SHARES = (0.5, 0.95, 0.99)


def markdown(found: Mapping[str, Any]) -> str:
    """Return all of it."""
    about = [
        f"{found['machine']}. Model: {found['model']}. {found['date']}, fabula {found['fabula']}. The clients run on "
        f"the same cores; load average before: {found['others']:.1f}. Command: `{found['command']}`.",
        "",
    ]
    return "\n".join([*about, *_load(found["load"]), "", *_leaving(found["leaving"]), "", *_attacks(found)]) + "\n"


def _load(load: Mapping[str, Any]) -> list[str]:
    head = [
        "clients", "seconds", "accepted", "completed", "429", "errors", "tokens/s", "first token, ms: p50", "p95",
        "p99", "between tokens, ms: p50", "p95", "p99", "memory before, MiB", "after",
    ]  # fmt: skip
    row = [
        str(load["clients"]),
        f"{load['seconds']:.0f}",
        *(f"{load[name]:,}" for name in ("accepted", "completed", "refused")),
        f"{sum(load['faults'].values()):,}",
        f"{load['tokens'] / load['seconds']:,.0f}",
        *(f"{1000 * value:,.0f}" for value in load["first_quantiles"]),
        *(f"{1000 * value:,.1f}" for value in load["gap_quantiles"]),
        *(f"{value / MEBI:,.0f}" for value in load["memory"]),
    ]
    return table(head, [row])


def _leaving(leaving: Mapping[str, Any]) -> list[str]:
    memory = " / ".join(f"{value / MEBI:,.0f}" for value in leaving["memory"])
    return [
        f"{leaving['clients']} clients that vanish in the middle of their story, {leaving['rounds']} times: "
        f"{leaving['cancelled']:,} stories given up; {1000 * leaving['settled']:.0f} ms after the last client had "
        f"left, at most, none was open or waiting ({leaving['open']} stayed open). Memory before, and after each time: "
        f"{memory} MiB.",
    ]


def _attacks(found: Mapping[str, Any]) -> list[str]:
    wrong = [one for one in found["attacks"] if not (one["right"] and one["alive"])]
    listed = "; ".join(f"{one['name']}: {one['answer']}" for one in wrong) or "none"
    loris = found["loris"]
    lines = [
        f"{len(found['attacks'])} malformed or hostile requests, each followed by a good one: {len(wrong)} answered "
        f"otherwise than they should be ({listed}).",
    ]
    if loris:
        lines.append(
            f"{loris['clients']} clients that send a byte every half second: {loris['closed']} cut off, the last after "
            f"{loris['seconds']:.0f} s; `/health` answered within {1000 * loris['slowest_health']:.0f} ms meanwhile."
        )
    return lines


def quantiles(values: Sequence[float]) -> list[float]:
    """Return the median, and the values below which 95 and 99 % lie."""
    return [quantile(values, share) for share in SHARES]
