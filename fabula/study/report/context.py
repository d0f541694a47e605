"""How far back a model reads: gains by length of context, loss by position, memory by distance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from fabula.study.folder import Series
from fabula.study.report import drawing, formats, palette
from fabula.study.report.evidence import Evidence, leading_number
from fabula.study.report.figures import Figures, Panel, Source
from fabula.study.report.markup import Html, element, paragraph
from fabula.study.report.panels import estimate, legend
from fabula.study.results import Result

WIDTH, LEFT, RIGHT = 350, 54, 52
LEVELS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ticks of a logarithmic scale of colours."""
PLOT = 150
"""Height of a plot in pixels."""


@dataclass(frozen=True)
class Map:
    """A measurement over conditions (rows) and steps (columns)."""

    probe: str
    measure: str
    unit: str
    rows: str
    """What the rows are."""
    title: str
    least: float
    """Value of the darkest colour; for nats, which are drawn by their logarithm, what is less is as dark."""


GAIN = Map("context_gain", "gain", "nats/token", "tokens kept", "what farther tokens are worth (nats/token)", 0.01)
MEMORY = Map("memory", "value", "share", "words between", "memory at a distance", 0.4)
RECALL = Map("world_recall", "value", "share", "words between", "early facts of long stories", 0.4)
POSITION = ("position", "nats")
SOURCE = Source(
    "results.parquet",
    "probes context_gain (measure gain), position (nats), memory and world_recall (value); columns condition, step, "
    "value; curves.json: horizons",
    "value as a colour over step and condition; for position value over condition at the last step",
)


def section(evidence: Evidence, figures: Figures) -> Html:
    """Return the three pictures, those that there are."""
    trained = [series for series in evidence.study.series if len(series.checkpoints) > 1]
    gains = _maps(evidence, GAIN, trained)
    positions = _positions(evidence)
    memories = [*_maps(evidence, MEMORY, trained), *_maps(evidence, RECALL, trained)]
    said = (
        (
            gains,
            "Worth of farther tokens: the loss with only the last k tokens less the loss with all, on the same "
            "targets; the line is the horizon, the largest k whose gain is above 0.01 nats with its whole interval.",
            "Loss under shortened contexts was not measured at several checkpoints: no map of gains.",
        ),
        (
            positions,
            "Loss by position, at the last checkpoint: level or falling means no harm far in.",
            "Loss by position in the context was not measured.",
        ),
        (
            memories,
            "Memory: share of right answers by how many words lie between a fact and its use; 50\u202f% is guessing.",
            "Memory at a distance was not measured at several checkpoints: no map of it.",
        ),
    )
    caption = " ".join(text for panels, text, _ in said if panels)
    missing = [paragraph(text, class_="missing") for panels, _, text in said if not panels]
    every = [*gains, *positions, *memories]
    shown = figures.add("How far back it reads", every, caption, SOURCE) if every else None
    return element("section", element("h2", "How far back it reads"), shown, *missing, id="context")


def _maps(evidence: Evidence, what: Map, members: list[Series]) -> list[Panel]:
    drawn = [_heat_map(evidence, series, what, f"{what.probe}-{index}") for index, series in enumerate(members)]
    return [panel for panel in drawn if panel is not None]


def _heat_map(evidence: Evidence, series: Series, what: Map, name: str) -> Panel | None:
    rows = {
        condition: found
        for condition in evidence.conditions(what.probe, what.measure)
        if (found := evidence.rows(what.probe, series.label, what.measure, condition))
    }
    steps = sorted({row.step for found in rows.values() for row in found})
    if len(rows) < 2 or len(steps) < 2:
        return None
    values = np.full((len(rows), len(steps)), np.nan)
    for index, found in enumerate(rows.values()):
        for row in found:
            values[index, steps.index(row.step)] = row.value
    shown, limits, ticks = _colours(values, what)
    figure = drawing.new_figure(WIDTH, PLOT + 62)
    axis = drawing.step_axis([series])
    axes = drawing.axes_at(figure, LEFT, 20, WIDTH - LEFT - RIGHT, PLOT)
    drawing.heat_map(axes, axis, steps, shown, limits)
    axes.set_yticks(range(len(rows)), [formats.count(leading_number(condition)) for condition in rows])
    axes.annotate(
        what.rows, (0, 1), (-LEFT + 2, 6), xycoords="axes fraction", textcoords="offset points",
        color=palette.MUTED, fontsize=drawing.SMALL,
    )  # fmt: skip
    if what is GAIN:
        _horizon(evidence, axes, axis, series, list(rows))
    axis.label(axes)
    axes.set_ylim(-0.5, len(rows) - 0.5)
    axes.spines["left"].set_visible(False)
    scale = drawing.axes_at(figure, WIDTH - RIGHT + 8, 20, 8, PLOT)
    drawing.colour_scale(scale, limits, what.unit, ticks)
    svg = drawing.to_svg(figure, name, f"{series.label}: {what.rows} by training step")
    return Panel(f"{series.label}: {what.title}", svg, None, *_table(rows, steps, what.unit))


def _colours(
    values: NDArray[np.float64], what: Map
) -> tuple[NDArray[np.float64], tuple[float, float], dict[float, str] | None]:
    """Return what decides the colours, its lowest and highest value, and the ticks where it is a logarithm."""
    if what.unit == "share":
        return values, (min(what.least, float(np.nanmin(values))), 1.0), None
    highest = max(float(np.nanmax(values)), 10 * what.least)
    ticks = {float(np.log10(level)): f"{level:g}" for level in LEVELS if what.least < level <= highest}
    ends = (float(np.log10(what.least)), float(np.log10(highest)))
    return np.log10(np.maximum(values, what.least)), ends, {ends[0]: f"\u2264 {what.least:g}", **ticks}


def _horizon(evidence: Evidence, axes: Axes, axis: drawing.StepAxis, series: Series, names: list[str]) -> None:
    """Draw the horizon over the cells, with a dark edge so that it shows on every colour."""
    found = [(step, h) for step, h in evidence.curves.horizons.get(series.label, ()) if h]
    if not found:
        return
    sizes = np.log2(np.maximum([leading_number(name) for name in names], 0.5))
    heights = np.interp(np.log2([h for _, h in found]), sizes, range(len(sizes)))
    for colour, width in (("#000000", 3.4), ("#ffffff", 1.8)):
        axes.plot(
            axis.positions([step for step, _ in found]), heights, color=colour, linewidth=width, drawstyle="steps-mid"
        )


def _table(
    rows: dict[str, list[Result]], steps: Sequence[int], unit: str
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    by = {(condition, row.step): row for condition, found in rows.items() for row in found}
    numbers = tuple(
        (
            formats.count(step),
            *(formats.number(by[c, step].value, unit) if (c, step) in by else formats.NOTHING for c in rows),
        )
        for step in steps
    )
    return ("step", *(formats.count(leading_number(condition)) for condition in rows)), numbers


def _positions(evidence: Evidence) -> list[Panel]:
    """Draw the loss by position at each series' last checkpoint."""
    probe, measure = POSITION
    conditions = [c for c in evidence.conditions(probe, measure) if np.isfinite(leading_number(c))]
    found: dict[str, list[Result]] = {}
    for series in evidence.study.series:
        rows = [at[-1] for c in conditions if (at := evidence.rows(probe, series.label, measure, c))]
        if len(rows) > 1:
            found[series.label] = rows
    if not found:
        return []
    figure = drawing.new_figure(WIDTH, PLOT + 62)
    axes = drawing.axes_at(figure, LEFT, 20, WIDTH - LEFT - 14, PLOT)
    for label, rows in found.items():
        style = evidence.styles[label]
        places = [leading_number(row.condition) for row in rows]
        low = [row.value if row.low is None else row.low for row in rows]
        high = [row.value if row.high is None else row.high for row in rows]
        axes.fill_between(places, low, high, color=style.colour, alpha=0.16, linewidth=0)
        axes.plot(
            places, [row.value for row in rows], color=style.colour, dashes=style.dash or (None, None),
            marker=style.marker, markersize=4, linewidth=1.6,
        )  # fmt: skip
    drawing.value_axis(axes, "nats/token")
    every = sorted({leading_number(row.condition) for rows in found.values() for row in rows})
    axes.set_xticks(every[:: max(1, -(-len(every) // 5))])
    axes.set_xlabel("position in the context (tokens)", fontsize=drawing.SMALL, color=palette.MUTED)
    svg = drawing.to_svg(figure, "position", "Loss by position in the context")
    by = {(label, row.condition): row for label, rows in found.items() for row in rows}
    numbers = tuple(
        (
            formats.count(leading_number(c)),
            *(estimate(by[label, c], "nats/token") if (label, c) in by else formats.NOTHING for label in found),
        )
        for c in conditions
    )
    members = tuple(series for series in evidence.study.series if series.label in found)
    key = legend(evidence, members)
    return [Panel("Loss by position (nats/token)", svg, key, ("position", *found), numbers)]
