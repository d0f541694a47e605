"""What was measured, as Markdown."""

from typing import Any

from bench.growth.fit import BYTES, SECONDS
from bench.tables import spread, table

GB, MB = 1e9, 1e6
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"), (1e-12, "ps"), (1e-15, "fs"))


def markdown(found: dict[str, Any]) -> str:
    """Return the conditions, a table for each axis, the fitted constants and the check of the estimate."""
    lines = [
        f"{found['machine']}. {found['precision']}, {found['threads']} threads, without torch.compile; "
        f"{found['rounds']} processes a point, {found['steps']} steps each, and up to {found['again']} more where they "
        "disagreed; lower quartile of the steps' times (median to fastest). "
        f"Command: `{found['command']}`.",
    ]
    for name, places in found["axes"].items():
        lines += ["", f"**{name}**", "", *_axis(found, places)]
    lines += ["", *_constants(found)]
    if found["check"]:
        lines += ["", *_checks(found["check"])]
    return "\n".join(lines) + "\n"


def _axis(found: dict[str, Any], places: list[int]) -> list[str]:
    rows = []
    for place in places:
        record = found["points"][place]
        fastest, middle = (record["positions"] / value for value in record["step_seconds_range"])
        rows.append(
            [
                f"{record['hidden']} wide, {record['layers']} deep",
                f"{record['context']:,}",
                f"{record['vocabulary']:,}",
                f"{record['windows']}",
                f"{record['attended']:,.0f}",
                f"{record['parameters'] / 1e6:.2f} M",
                f"{record['positions'] / record['step_seconds']:,.0f} ({middle:,.0f}-{fastest:,.0f})",
                f"{record['positions'] / record['step_seconds'] * record['product_flops'] / 1e9:,.0f}",
                f"{record['peak_bytes'] / GB:.2f}",
                f"{100 * found['seconds']['errors'][place]:+.0f} %, {100 * found['memory']['errors'][place]:+.0f} %",
            ]
        )
    head = ["model", "context", "vocabulary", "windows", "attended", "weights", "tokens/s"]
    return table([*head, "GFLOP/s of products", "peak, GB", "fit's error: time, memory"], rows)


def _constants(found: dict[str, Any]) -> list[str]:
    seconds, memory = found["seconds"], found["memory"]
    lines = [
        f"A step's seconds as a sum; left out in turn, a point is predicted to within {_error(seconds['errors'])}; its "
        f"peak memory to within {_error(memory['errors'])}.",
        "",
    ]
    times = [[name, _time(seconds["constants"][name])] for name in SECONDS]
    sizes = [[name, _size(memory["constants"][name])] for name in BYTES]
    return [*lines, *table(["seconds for", ""], times), "", *table(["memory for", ""], sizes)]


def _error(errors: list[float]) -> str:
    ordered = sorted(map(abs, errors))
    return f"{100 * ordered[len(ordered) // 2]:.0f} % in the median, {100 * ordered[-1]:.0f} % at worst"


def _time(seconds: float) -> str:
    size, unit = next((pair for pair in UNITS if seconds >= pair[0]), UNITS[-1])
    return f"{seconds / size:.3g} {unit}" if seconds else "0"


def _size(number: float) -> str:
    return f"{number / MB:,.0f} MB" if number >= MB else f"{number:.3g} bytes"


def _checks(checks: list[dict[str, Any]]) -> list[str]:
    rows = [
        [
            f"{check['shape']}, {check['steps']} steps",
            spread([each["predicted_seconds"] for each in check["rounds"]], 1),
            spread([each["seconds"] for each in check["rounds"]], 1),
            ", ".join(f"{100 * error:+.0f} %" for error in check["seconds_errors"]),
            ", ".join(f"{100 * error:+.0f} %" for error in check["bytes_errors"]),
            f"{100 * check['fit_error']:+.0f} %",
        ]
        for check in checks
    ]
    head = ["`--estimate` against a run", "predicted, s", "measured, s", "error", "memory's error", "the fit's error"]
    return table(head, rows)
