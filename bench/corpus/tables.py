"""What was measured, as Markdown."""

import statistics
from typing import Any

from bench.tables import spread, table

HEAD = ("contender", "MB/s", "against datasets.map", "memory, MB", "tokens by")
MB = 1e6
PEER = "datasets.map"


def markdown(found: dict[str, Any]) -> str:
    """Return a paragraph of conditions and a table."""
    measured = [record for record in found["contenders"] if record["seconds"]]
    peer = next((record for record in measured if record["name"] == PEER), None)
    lines = [_conditions(found, measured), ""]
    lines += table(HEAD, [_row(record, peer, found["bytes"]) for record in measured])
    missing = [f"- {record['name']}: {record['missing']}" for record in found["contenders"] if record["missing"]]
    if missing:
        lines += ["", "Not measured:", "", *missing]
    return "\n".join(lines) + "\n"


def _conditions(found: dict[str, Any], measured: list[dict[str, Any]]) -> str:
    size = f"{found['bytes'] / MB:,.1f} MB"
    if measured:
        size += f", {measured[0]['stories']:,} stories, {measured[0]['tokens']:,} tokens"
    equal = "the same tokens from all; " if len(measured) > 1 else ""
    return (
        f"{found['machine']}. Text: {found['text']}, {size} of a vocabulary of {found['vocabulary']:,}; {equal}"
        f"{found['rounds']} rounds, medians (and smallest to largest). Command: `{found['command']}`."
    )


def _row(record: dict[str, Any], peer: dict[str, Any] | None, size: int) -> tuple[str, ...]:
    gain = ""
    if peer and peer is not record:
        # Of the same round: they met the same machine.
        pairs = zip(peer["seconds"], record["seconds"], strict=False)
        gain = f"{statistics.median(theirs / ours for theirs, ours in pairs):.1f}x"
    return (
        record["name"],
        spread([size / MB / seconds for seconds in record["seconds"]], 1),
        gain,
        spread([memory / MB for memory in record["memory"]], 0),
        record["version"],
    )
