"""Pictures as SVG inside the page: matplotlib without its global state, with ids and colours that fit a web page."""

import io
import itertools
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from fabula.study.folder import Series
from fabula.study.report import formats, palette
from fabula.study.report.markup import Html

DPI = 72
"""SVG counts in points, so that one unit of a figure is one pixel of the page."""
FONT = 10.5
SMALL = 9.0
LARGEST = 1.15
"""Times its natural size that a figure may grow to fill its column."""
TICK_ROOM = 0.1
"""Share of the axis that lies between two labels at least."""
ZERO_GAP = 0.45
"""Decades between step 0, which has no logarithm, and the first step after it."""
CELLS = "cells"
"""Name of what is drawn without blurred edges, which would show as lines between the cells of a heat map."""
STYLE: dict[Any, Any] = {
    **{name: value for name, value in mpl.rcParamsDefault.items() if name not in ("backend", "toolbar")},
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": FONT,
    "text.color": palette.INK,
    "axes.edgecolor": palette.MUTED,
    "axes.linewidth": 0.8,
    "xtick.color": palette.MUTED,
    "ytick.color": palette.MUTED,
    "xtick.labelcolor": palette.INK,
    "ytick.labelcolor": palette.INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "path.simplify": False,
}


def style() -> AbstractContextManager[None]:
    """Return the context in which every figure of a report is drawn, whatever a user's own settings are."""
    return mpl.rc_context(STYLE)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty, transparent figure of that size in pixels; draw on it inside `style()`."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="none")
    FigureCanvasSVG(figure)
    return figure


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes at a place given in pixels from the upper left corner, with only the frame lines that carry ticks."""
    total_width, total_height = figure.get_size_inches() * DPI
    box = (left / total_width, 1 - (top + height) / total_height, width / total_width, height / total_height)
    axes = figure.add_axes(box, facecolor="none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=3, width=0.8)
    return axes


def to_svg(figure: Figure, name: str, description: str) -> Html:
    """Return a figure as an `<svg>` element.

    Args:
        figure: what was drawn.
        name: unique in the page; every id starts with it.
        description: what a screen reader says.
    """
    content = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(content, format="svg", metadata={"Date": None})
    return _inline(content.getvalue(), name, description)


def _inline(svg: str, name: str, description: str) -> Html:
    """Cut an SVG file down to what a page needs: no header, no styles of its own, short numbers, the page's colours."""
    svg = svg[svg.index("<svg") :].replace(f'id="{CELLS}"', 'shape-rendering="crispEdges"')
    svg = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", "", svg, flags=re.DOTALL)
    view = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert view
    title = str(Html(_escaped(description)))
    place = f'viewBox="0 0 {view[1]} {view[2]}" style="max-width:{float(view[1]) * LARGEST:.0f}px"'
    opening = f'<svg {place} role="img" aria-label="{title}">'
    svg = re.sub(r"<svg[^>]*>", lambda _: opening, svg, count=1)
    used = set(re.findall(r"#([\w-]+)(?=[\")])", svg))
    svg = re.sub(r' id="([^"]*)"', lambda match: f' id="{name}-{match[1]}"' if match[1] in used else "", svg)
    svg = re.sub(r'(xlink:href="|url\()#', lambda m: ("href=" + '"' if "href" in m[1] else "url(") + f"#{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: var(--sans)", svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 var(--sans)", svg)
    svg = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", svg)
    svg = re.sub(r"-?\d+\.\d{2,}", lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), svg)
    for colour, variable in palette.THEME.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r"\s*\n\s*", lambda m: " ", svg)
    svg = re.sub(r"<g>\s*</g>", "", svg)
    return Html(re.sub(r">\s+<", "><", svg).strip())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


class StepAxis:
    """A horizontal axis for steps: logarithmic, with step 0 a little to the left of the first step after it."""

    def __init__(self, steps: Sequence[float], tokens_per_step: float | None = None) -> None:
        """Fit the axis to steps of which at least one is positive."""
        positive = [step for step in steps if step > 0] or [1]
        self.first = float(np.log10(min(positive)))
        self.last = max(float(np.log10(max(positive))), self.first + 0.3)
        self.has_zero = min(steps) <= 0
        self.tokens_per_step = tokens_per_step

    @property
    def start(self) -> float:
        """Position of the left end."""
        return self.first - (ZERO_GAP if self.has_zero else 0)

    def position(self, step: float) -> float:
        """Return where a step stands."""
        return self.start if step <= 0 else max(float(np.log10(step)), self.start)

    def positions(self, steps: Sequence[float]) -> list[float]:
        """Return where several steps stand."""
        return [self.position(step) for step in steps]

    def ticks(self) -> list[float]:
        """Return the labelled steps: 0 and the last, and where there is room the decades and the first after 0."""
        last = round(10**self.last)
        decades = [10.0**power for power in range(int(np.ceil(self.first - 1e-9)), int(np.floor(self.last)) + 1)]
        room = (self.last - self.start) * TICK_ROOM
        chosen = [*([0.0] if self.has_zero else []), float(last)]
        for tick in (*decades, float(round(10**self.first))):
            if all(abs(self.position(tick) - self.position(other)) >= room for other in chosen):
                chosen.append(tick)
        return sorted(chosen)

    def label(self, axes: Axes, *, names: bool = True) -> None:
        """Put ticks under the axes and, with `names`, the step and below it the tokens seen by then."""
        ticks = self.ticks()
        axes.set_xlim(self.start - 0.04 * (self.last - self.start), self.last + 0.03 * (self.last - self.start))
        axes.xaxis.set_major_locator(FixedLocator(self.positions(ticks)))
        axes.tick_params(axis="x", labelbottom=names)
        if not names:
            return
        axes.set_xticklabels([formats.count(tick) for tick in ticks])
        place = {"xycoords": ("axes fraction", "axes fraction"), "textcoords": "offset points", "ha": "right"}
        axes.annotate("step", (0, 0), (-8, -13.5), color=palette.MUTED, fontsize=SMALL, **place)  # type: ignore[arg-type]
        if self.tokens_per_step:
            axes.annotate("tokens", (0, 0), (-8, -25.5), color=palette.MUTED, fontsize=SMALL, **place)  # type: ignore[arg-type]
            for tick in ticks:
                axes.annotate(
                    formats.tick_count(tick * self.tokens_per_step),
                    (self.position(tick), 0),
                    (0, -25.5),
                    xycoords=("data", "axes fraction"),
                    textcoords="offset points",
                    ha="center",
                    color=palette.MUTED,
                    fontsize=SMALL,
                )


def step_axis(series: Sequence[Series]) -> StepAxis:
    """Return the axis that fits several series' checkpoints."""
    checkpoints = [checkpoint for entry in series for checkpoint in entry.checkpoints]
    rates = [c.tokens / c.step for c in checkpoints if c.tokens and c.step]
    return StepAxis([c.step for c in checkpoints], rates[-1] if rates else None)


def value_axis(axes: Axes, unit: str, parts: int = 4) -> None:
    """Give the vertical axis a few ticks in its unit, and quiet lines across."""
    axes.yaxis.set_major_locator(MaxNLocator(parts, steps=[1, 2, 2.5, 5, 10]))
    if unit == "share":
        axes.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value * 100:.3g} %".replace("-", formats.MINUS))
        )
    else:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}".replace("-", formats.MINUS)))
    axes.grid(axis="y", color=palette.GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def learning_rate_strip(axes: Axes, series: Series, axis: StepAxis) -> None:
    """Draw the course of the learning rate, from 0 to its highest value, as a low band."""
    rates = [(step, rate) for step, rate in series.learning_rates if step >= 0]
    steps, values = zip(*rates, strict=True)
    axes.fill_between(axis.positions(steps), values, color=palette.MUTED, alpha=0.35, linewidth=0)
    axes.set_ylim(0, max(values) * 1.15)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.annotate(
        "learning\nrate",
        (0, 0.5),
        (-8, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="center",
        color=palette.MUTED,
        fontsize=SMALL - 1,
        linespacing=1.0,
    )


def spread(values: Sequence[float], gap: float, lowest: float = -np.inf) -> list[float]:
    """Return places for labels near their values: from `lowest` up, `gap` apart, in the order of the values."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    places = [float(value) for value in values]
    for _ in range(200):
        moved = False
        for below, above in itertools.pairwise(order):
            lack = gap - (places[above] - places[below])
            if lack > gap * 1e-3:
                places[below] -= lack / 2
                places[above] += lack / 2
                moved = True
        if not moved:
            break
    for index in order if min(places) < lowest else ():
        places[index] = max(places[index], lowest)
        lowest = places[index] + gap
    return places


def name_line(axes: Axes, name: str, height: float) -> None:
    """Write a line's name to the right of the axes."""
    axes.annotate(
        name,
        (1, height),
        (5, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=palette.INK,
        annotation_clip=False,
    )


def heat_map(
    axes: Axes, axis: StepAxis, steps: Sequence[int], values: NDArray[np.float64], limits: tuple[float, float]
) -> None:
    """Draw values of shape (rows, steps) as colours; row i fills the height from i - 0.5 to i + 0.5."""
    at = np.array(axis.positions(steps))
    middles = (at[1:] + at[:-1]) / 2
    edges = np.concatenate(([at[0] - (middles[0] - at[0])], middles, [at[-1] + (at[-1] - middles[-1])]))
    levels = np.arange(len(values) + 1) - 0.5
    axes.pcolormesh(
        edges,
        levels,
        np.ma.masked_invalid(values),
        cmap="cividis",
        vmin=limits[0],
        vmax=limits[1],
        edgecolor="face",
        linewidth=0.3,
        gid=CELLS,
    )


def colour_scale(axes: Axes, limits: tuple[float, float], unit: str, ticks: Mapping[float, str] | None = None) -> None:
    """Fill narrow axes with the colours of a heat map and their values; `ticks` names places, for other scales."""
    steps = np.linspace(*limits, 33)
    axes.pcolormesh(
        [0, 1], steps, ((steps[1:] + steps[:-1]) / 2)[:, None], cmap="cividis", vmin=limits[0], vmax=limits[1],
        edgecolor="face",
        linewidth=0.3,
        gid=CELLS,
    )  # fmt: skip
    axes.set_xticks([])
    axes.yaxis.tick_right()
    value_axis(axes, unit)
    if ticks is not None:
        axes.set_yticks(list(ticks), list(ticks.values()))
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
