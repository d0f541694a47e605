"""Small multiples: speed above, memory below, a column for each factor."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from bench.growth.fit import BYTES, SECONDS, predict

INK, SECOND, BAND = "#1b4965", "#ca6702", "#bee3db"
GB = 1e9
COLUMNS = (
    ("width", "hidden", ("width",)),
    ("layers", "layers", ("depth",)),
    ("context", "context", ("context, one text", "context, stories apart")),
    ("vocabulary", "vocabulary", ("vocabulary",)),
    ("windows in a micro-batch", "windows", ("micro-batch",)),
)
"""Label, field of a point, axes drawn."""


def draw(found: dict[str, Any], out: Path) -> None:
    """Draw what was measured (dots, with the fastest and the median step) and what the fits say (lines)."""
    figure, panels = plt.subplots(2, len(COLUMNS), figsize=(13, 5.6), sharey="row", layout="constrained")
    for (speed, memory), (label, field, names) in zip(panels.T, COLUMNS, strict=True):
        for name, colour in zip(names, (INK, SECOND), strict=False):
            records = [found["points"][place] for place in found["axes"][name]]
            words = name.partition(", ")[2]
            _speed(speed, records, field, colour, words, found["seconds"]["constants"])
            _memory(memory, records, field, colour, words, found["memory"]["constants"])
        for panel in (speed, memory):
            _finish(panel, [found["points"][place][field] for place in found["axes"][names[0]]])
        memory.set_xlabel(label)
        if len(names) > 1:
            speed.legend(frameon=False, fontsize=8)
    panels[1][0].set_ylim(0, 1.08 * max(record["peak_bytes"] for record in found["points"]) / GB)
    panels[0][0].yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    panels[0][0].yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    panels[0][0].set_ylabel("tokens per second")
    panels[1][0].set_ylabel("peak memory, GB")
    figure.align_xlabels()
    figure.suptitle(
        f"Growth of a training step, one factor at a time: measured (dots; median to fastest), fitted (lines), "
        f"{found['precision']}",
        fontsize=11,
    )
    figure.savefig(out, dpi=140)
    plt.close(figure)


def _speed(
    panel: Axes, records: list[dict[str, Any]], field: str, colour: str, words: str, constants: dict[str, float]
) -> None:
    places = [record[field] for record in records]
    speeds = [record["positions"] / record["step_seconds"] for record in records]
    ends = [[record["positions"] / value for value in record["step_seconds_range"]] for record in records]
    spans = [
        [speed - low for speed, (_, low) in zip(speeds, ends, strict=True)],
        [high - speed for speed, (high, _) in zip(speeds, ends, strict=True)],
    ]
    panel.errorbar(places, speeds, yerr=spans, fmt="o", color=colour, ecolor=BAND, elinewidth=4, markersize=4)
    fitted = [record["positions"] / predict(constants, SECONDS, record) for record in records]
    panel.plot(places, fitted, "-", color=colour, linewidth=1, label=words)
    panel.set_yscale("log")


def _memory(
    panel: Axes, records: list[dict[str, Any]], field: str, colour: str, words: str, constants: dict[str, float]
) -> None:
    places = [record[field] for record in records]
    panel.plot(places, [record["peak_bytes"] / GB for record in records], "o", color=colour, markersize=4)
    fitted = [predict(constants, BYTES, record) / GB for record in records]
    panel.plot(places, fitted, "-", color=colour, linewidth=1, label=words)


def _finish(panel: Axes, ticks: list[int]) -> None:
    panel.set_xscale("log")
    panel.set_xticks(ticks, [f"{tick:,}" for tick in ticks], fontsize=7, rotation=30)
    panel.minorticks_off()
    panel.spines[["top", "right"]].set_visible(False)
