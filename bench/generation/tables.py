"""What was measured, as Markdown."""

import statistics
from typing import Any

from bench.generation.contenders import PRECISIONS
from bench.tables import spread, table

HEAD = (
    "contender",
    "tok/s",
    "of the limit",
    "first token, ms",
    "prompt, tok/s",
    "8 stories, tok/s",
    "memory, MB",
    "start, s",
    "disturbed",
)
MB = 1e6
REFERENCE = "transformers eager float32"


def markdown(found: dict[str, Any]) -> str:
    """Return a paragraph of conditions and a table for each precision."""
    lines = [_conditions(found)]
    for precision in PRECISIONS:
        records = [record for record in found["contenders"] if record["precision"] == precision]
        measured = [record for record in records if record["story"]]
        if measured:
            lines += ["", f"**{precision}**{_limit(found, precision)}", ""]
            lines += _table(measured, found)
    missing = [f"- {record['name']}: {record['missing']}" for record in found["contenders"] if record["missing"]]
    if missing:
        lines += ["", "Not measured, or not to the end:", "", *missing]
    return "\n".join(lines) + "\n"


def _conditions(found: dict[str, Any]) -> str:
    plan, weights = found["plan"], found["weights_read_per_token"] / 1e6
    versions = dict.fromkeys(record["version"] for record in found["contenders"] if record["version"])
    return (
        f"{found['machine']}. Model: {found['model']}, {weights:.1f} M weights read for a token. "
        f"{plan['threads']} threads, {plan['rounds']} rounds, medians (and smallest to largest). "
        f"{', '.join(versions)}. Command: `{found['command']}`."
    )


def _limit(found: dict[str, Any], precision: str) -> str:
    rates = found["bytes_per_second"].get(precision)
    return f" (memory reads {spread([rate / 1e9 for rate in rates], 1)} GB/s)" if rates else ""


def _table(records: list[dict[str, Any]], found: dict[str, Any]) -> list[str]:
    head = [name.replace("8 stories", f"{found['plan']['stories']} stories") for name in HEAD]
    rows = [[*map(str, _row(record, found))] for record in records]
    return table(head, rows)


def _row(record: dict[str, Any], found: dict[str, Any]) -> tuple[str, ...]:
    speeds = [told["speed"] for told in record["story"]]
    memory = record["memory"]
    kept = [pair["disturbed"] / pair["quiet"] for pair in record["disturbed"]]
    return (
        record["name"],
        spread(speeds),
        _share_of_limit(record, found),
        spread([1e3 * told["first"] for told in record["story"]]),
        spread([told["speed"] for told in record["prompt"]]),
        spread([told["speed"] for told in record["stories"]]),
        f"{memory['story'] / MB:,.0f}" if memory else "",
        spread([start["total"] for start in record["starts"]], 2),
        f"{100 * statistics.median(kept):.0f} %" if kept else "",
    )


def _share_of_limit(record: dict[str, Any], found: dict[str, Any]) -> str:
    """Return bytes of weights per token times tokens per second, over the bytes per second that memory gives."""
    rates = found["bytes_per_second"].get(record["precision"], [])
    if not record["weight_bytes"] or not rates:
        return ""
    shares = [told["speed"] * record["weight_bytes"] / rate for told, rate in zip(record["story"], rates, strict=False)]
    return f"{100 * statistics.median(shares):.0f} %"


def agreement(found: dict[str, Any]) -> list[str]:
    """Say for each contender how far its greedy stories go along with the reference's, in tokens."""
    reference = next(
        (record for record in found["contenders"] if record["name"] == REFERENCE and record["tokens"]), None
    )
    if reference is None:
        return []
    lines = []
    for record in found["contenders"]:
        pairs = list(zip(record["tokens"], reference["tokens"], strict=False))
        equal = [_equal_tokens(*pair) for pair in pairs]
        if equal:
            lines.append(f"{record['name']}: {statistics.median(equal):.0f} of {len(pairs[0][0])} tokens")
    return lines


def _equal_tokens(first: list[int], second: list[int]) -> int:
    """Count the tokens before two stories part."""
    pairs = zip(first, second, strict=True)
    return next((place for place, (left, right) in enumerate(pairs) if left != right), len(first))
