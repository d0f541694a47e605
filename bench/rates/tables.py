"""The figures as Markdown: a table a way, and what it costs to carry the narrowest width's best rate to the others."""

from typing import Any

from bench.rates.trials import WAYS, Found, by_rate, means
from bench.tables import table


def markdown(record: dict[str, Any]) -> str:
    """Return the conditions and a table for each way."""
    found: Found = record["trials"]
    seeds = {entry["trial"]["seed"] for entry in found}
    lines = [
        f"{record['machine']}, {record['date']}. {record['precision']}, {record['steps']:,} steps of "
        f"{record['tokens_per_step']:,} positions, {record['stories']} held-out stories, nats per token; "
        f"seeds: {', '.join(map(str, sorted(seeds)))} (the mean, and how many there are where not all). "
        f"Command: `{record['command']}`.",
    ]
    for way, said in WAYS.items():
        widths = sorted({entry["trial"]["width"] for entry in found if entry["trial"]["way"] == way})
        if widths:
            lines += ["", f"**{said}**", "", *_table(found, way, widths, len(seeds))]
    return "\n".join(lines) + "\n"


def _table(found: Found, way: str, widths: list[int], seeds: int) -> list[str]:
    lines = {width: by_rate(found, way, width) for width in widths}
    rates = sorted({rate for losses in lines.values() for rate in losses})
    narrowest = best_rate(lines[widths[0]])
    rows = []
    for width, losses in lines.items():
        best = best_rate(losses)
        cells = [_cell(losses.get(rate), seeds, best=rate == best) for rate in rates]
        rows.append([str(width), *cells, _stated_best(best, losses), _carried(losses, narrowest, best)])
    head = ["width", *(f"{rate:g}" for rate in rates), "best rate", f"at {narrowest or 0:g}, above the best"]
    return table(head, rows)


def best_rate(losses: dict[float, list[float | None]]) -> float | None:
    """Return the rate of the least mean loss, None where all diverged."""
    middle = means(losses)
    return min(middle, key=middle.__getitem__) if middle else None


def _cell(values: list[float | None] | None, seeds: int, *, best: bool) -> str:
    if not values:
        return ""
    whole = [value for value in values if value is not None]
    if len(whole) < len(values):
        return "diverged"
    text = f"{sum(whole) / len(whole):.3f}" + (f" ({len(whole)})" if len(whole) < seeds else "")
    return f"**{text}**" if best else text


def _stated_best(best: float | None, losses: dict[float, list[float | None]]) -> str:
    if best is None:
        return "none"
    return f"{best:g}" + (", an edge" if best in (min(losses), max(losses)) else "")


def _carried(losses: dict[float, list[float | None]], carried: float | None, best: float | None) -> str:
    """Say how much worse than its own best rate the narrowest width's is here."""
    middle = means(losses)
    if best is None or carried not in middle:
        return "" if carried not in losses else "diverged"
    return f"{middle[carried] - middle[best]:+.3f}"
