"""What all comparisons print alike: Markdown tables, medians with their spread, a section put into a document."""

import statistics
from collections.abc import Sequence
from pathlib import Path


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table's lines: the first column to the left, the others to the right, empty ones left out."""
    shown = [column for column in range(len(head)) if any(row[column] for row in rows)]
    rule = ["---" if column == 0 else "---:" for column in range(len(head))]
    return ["| " + " | ".join(line[column] for column in shown) + " |" for line in (head, rule, *rows)]


def spread(values: Sequence[float], digits: int | None = None) -> str:
    """Return the median with the smallest and the largest value."""
    if not values:
        return ""
    middle = statistics.median(values)
    places = digits if digits is not None else (1 if middle < 100 else 0)
    low, high = min(values), max(values)
    return f"{middle:,.{places}f}" + (f" ({low:,.{places}f}-{high:,.{places}f})" if len(values) > 1 else "")


def paste(path: Path, section: str, text: str) -> None:
    """Put tables between a section's marks in a document."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    before, found_begin, rest = path.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise SystemExit(f"{path} has no {begin} ... {end} to put the tables between")
    path.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")
