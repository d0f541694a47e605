"""When things were learned, in which order, and whether there are phases at all."""

import statistics

from matplotlib.axes import Axes

from fabula.study.folder import Series
from fabula.study.probes import Probe
from fabula.study.report import drawing, formats, palette
from fabula.study.report.evidence import Evidence
from fabula.study.report.figures import Figures, Panel, Source
from fabula.study.report.markup import Html, element, paragraph, table
from fabula.study.report.panels import legend
from fabula.study.results import Acquisition, PhaseTest

ORDER_WIDTH, ORDER_LEFT, ORDER_ROW = 760, 200, 19
WIDTH, HEIGHT, LEFT = 350, 314, 84


def order_section(evidence: Evidence, figures: Figures) -> Html:
    """Return when each probe was half learned, sorted, with the claimed steps behind."""
    head = element("h2", "In which order things were learned")
    lead = paragraph(
        "The mark is the step of half the gain (t50), from a monotone fit over the logarithm of the step; the line is "
        "its 95\u202f% interval. The shaded block in each row is where the card places the probe\u2019s claim."
    )
    parts = []
    for index, (group, members) in enumerate(evidence.groups.items()):
        dated = _dated(evidence, members)
        if dated:
            parts.append(_order_figure(evidence, figures, group, members, dated, index))
    if not parts:
        parts = [paragraph("No probe can be dated: that takes several checkpoints and a change.", class_="missing")]
    else:
        parts.insert(0, lead)
    return element("section", head, *parts, id="order")


def _dated(evidence: Evidence, members: tuple[Series, ...]) -> list[tuple[Probe, list[Acquisition]]]:
    labels = {series.label for series in members}
    found: dict[str, list[Acquisition]] = {}
    for entry in evidence.curves.acquisitions:
        if entry.series in labels and entry.t50 is not None:
            found.setdefault(entry.probe, []).append(entry)
    pairs = [(evidence.probe(name), entries) for name, entries in found.items()]
    return sorted(pairs, key=lambda pair: statistics.median(entry.t50 or 0.0 for entry in pair[1]))


def _order_figure(
    evidence: Evidence,
    figures: Figures,
    group: str,
    members: tuple[Series, ...],
    dated: list[tuple[Probe, list[Acquisition]]],
    index: int,
) -> Html:
    height = ORDER_ROW * len(dated)
    figure = drawing.new_figure(ORDER_WIDTH, height + 54)
    axis = drawing.step_axis(members)
    axes = drawing.axes_at(figure, ORDER_LEFT, 8, ORDER_WIDTH - ORDER_LEFT - 14, height)
    for row, (what, entries) in enumerate(dated):
        verdict = evidence.claim_verdict(what.claim, group)
        if verdict and verdict.window:
            left, right = axis.positions(verdict.window)
            axes.barh(row, right - left, 0.8, left, color=palette.SHADE, linewidth=0, zorder=0)
        _draw_dates(evidence, axes, axis, row, entries)
    names = [f"{what.title}  {what.claim}" for what, _ in dated]
    axes.set_yticks(range(len(dated)), names)
    axes.set_ylim(len(dated) - 0.4, -0.6)
    axes.grid(axis="x", color=palette.GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axis.label(axes)
    svg = drawing.to_svg(figure, f"order-{index}", f"Steps of half the gain in {group}")
    rows = [
        (what.title, what.claim, entry.series, formats.step(entry.t50), _steps(entry), entry.model, _share(entry))
        for what, entries in dated
        for entry in entries
    ]
    content = ("probe", "claim", "series", "t50", "95 % interval", "fit", "R\u00b2 on loss")
    panel = Panel(group, svg, legend(evidence, members), content, tuple(rows), wide=True)
    caption = (
        "R\u00b2 on loss (in the numbers) says how well the probe is a monotone function of the held-out loss alone; "
        "near 1 it has no phase of its own."
    )
    source = Source(
        "curves.json", "acquisitions: probe, series, t50, t50_interval", "t50 by probe, sorted by its median"
    )
    return figures.add(f"Order of acquisition, {group}", [panel], caption, source)


def _steps(entry: Acquisition) -> str:
    if entry.t50_interval is None:
        return formats.NOTHING
    low, high = entry.t50_interval
    return f"{formats.step(low)} to {formats.step(high)}"


def _share(entry: Acquisition) -> str:
    return formats.NOTHING if entry.depends_on_loss is None else f"{entry.depends_on_loss:.2f}"


def _draw_dates(evidence: Evidence, axes: Axes, axis: drawing.StepAxis, row: int, entries: list[Acquisition]) -> None:
    for number, entry in enumerate(entries):
        style = evidence.styles[entry.series]
        height = row + (number - (len(entries) - 1) / 2) * min(0.24, 0.7 / len(entries))
        if entry.t50_interval:
            ends = [min(max(place, axis.start), axis.last) for place in axis.positions(entry.t50_interval)]
            axes.plot(ends, [height] * 2, color=style.colour, linewidth=1.5, solid_capstyle="butt")
        place = min(axis.position(entry.t50 or 0.0), axis.last)
        axes.plot(place, height, color=style.colour, marker=style.marker, markersize=4.2, clip_on=False)


def phase_section(evidence: Evidence, figures: Figures) -> Html:
    """Return the test of breaks against smooth curves, and where the best breaks lie."""
    head = element("h2", "Are there phases?")
    tested = [(series, test) for series in evidence.study.series if (test := evidence.phase_test(series.label))]
    computed = [(series, test) for series, test in tested if test.delta_bic is not None]
    if not computed:
        reasons = "; ".join(f"{series.label}: {test.reason}" for series, test in tested)
        text = f"The phase test was not made{f' ({reasons})' if reasons else ': it takes a series of checkpoints'}."
        return element("section", head, paragraph(text, class_="missing"), id="phases")
    lead = paragraph(
        "Change-point methods find breaks in perfectly smooth curves too. So four common breaks are set against one "
        "smooth curve for each probe (difference of BIC), and the difference against the same on curves simulated "
        "without any break. Only a difference above 10 that smooth curves hardly ever reach speaks for phases, and "
        "only if the breaks don\u2019t follow the learning rate."
    )
    panels = [_panel(series, test, index) for index, (series, test) in enumerate(computed)]
    caption = (
        "Above: \u0394BIC of the run (line) and of smooth simulations (bars); dashed: 10. Below: the four best breaks, "
        "the card\u2019s boundaries, and the kinks of the learning rate. A hollow mark is a break on the schedule."
    )
    source = Source(
        "curves.json",
        "phase_tests: delta_bic, null, breaks, claimed, schedule_breaks",
        "histogram of null; marks at breaks",
    )
    rows = [
        (
            series.label,
            _bic(test.delta_bic),
            formats.probability(test.p),
            ", ".join(formats.step(step) for step in test.breaks) or formats.NOTHING,
            ", ".join(formats.step(step) for step in test.on_schedule) or "none",
            palette.badge(test.verdict),
            test.reason,
        )
        for series, test in tested
    ]
    titles = ("Series", "\u0394BIC", "p", "Breaks at steps", "On the schedule", "Verdict", "Why")
    shown = table(titles, rows, numbers=(1, 2))
    return element(
        "section", head, lead, figures.add("Breaks or smooth curves", panels, caption, source), shown, id="phases"
    )


def _panel(series: Series, test: PhaseTest, index: int) -> Panel:
    """Draw the test above, and where the breaks lie below."""
    assert test.delta_bic is not None
    figure = drawing.new_figure(WIDTH, HEIGHT)
    _draw_null(drawing.axes_at(figure, LEFT, 22, WIDTH - LEFT - 14, 108), test.null, test.delta_bic)
    axis = drawing.step_axis([series])
    axes = drawing.axes_at(figure, LEFT, 190, WIDTH - LEFT - 14, 66)
    bottom = axes
    if len(series.learning_rates) > 1:
        bottom = drawing.axes_at(figure, LEFT, 263, WIDTH - LEFT - 14, 14)
        drawing.learning_rate_strip(bottom, series, axis)
        axis.label(axes, names=False)
    axis.label(bottom)
    lines = (("breaks found", test.breaks), ("claimed", test.claimed), ("schedule", test.schedule_breaks))
    for row, ((_, steps), colour) in enumerate(zip(lines, (palette.BLUE, palette.INK, palette.MUTED), strict=True)):
        for step in steps:
            face = "none" if row == 0 and step in test.on_schedule else colour
            shape, size = ("D", 6.5) if row == 0 else ("|", 12)
            place = axis.position(step)
            axes.plot(
                place, row, marker=shape, markersize=size, color=colour, markerfacecolor=face, markeredgewidth=1.7,
                clip_on=False,
            )  # fmt: skip
    axes.set_yticks(range(3), [name for name, _ in lines])
    axes.set_ylim(2.6, -0.6)
    axes.grid(axis="y", color=palette.GRID)
    axes.tick_params(axis="y", length=0)
    svg = drawing.to_svg(figure, f"phases-{index}", f"Test of phases and places of breaks for {series.label}")
    null = sorted(test.null)
    rows = [("\u0394BIC of this run", _bic(test.delta_bic))]
    shares = (0.05, 0.5, 0.95, 0.99) if null else ()
    rows += [(f"simulations, {share:.0%}", _bic(null[round(share * (len(null) - 1))])) for share in shares]
    rows += [(f"steps: {name}", ", ".join(map(formats.step, steps)) or formats.NOTHING) for name, steps in lines]
    title = f"{series.label}, against {formats.plural(len(null), 'smooth simulation')}"
    return Panel(title, svg, None, ("what", "value"), tuple(rows))


def _draw_null(axes: Axes, null: tuple[float, ...], delta_bic: float) -> None:
    """Draw how the difference of BIC spreads over smooth simulations, and that of the run."""
    if null:
        axes.hist(null, bins=24, color=palette.MUTED, alpha=0.45)
    axes.axvline(10, color=palette.MUTED, linewidth=1.1, dashes=(4, 2.5))
    axes.axvline(delta_bic, color=palette.BLUE, linewidth=2)
    axes.annotate(
        "this run", (delta_bic, 1), (0, 4), xycoords=("data", "axes fraction"), textcoords="offset points",
        ha="center", color=palette.INK, fontsize=drawing.SMALL,
    )  # fmt: skip
    axes.margins(x=0.12)
    drawing.value_axis(axes, "", 3)
    axes.set_xlabel("\u0394BIC", fontsize=drawing.SMALL, color=palette.MUTED)


def _bic(value: float | None) -> str:
    return formats.NOTHING if value is None else f"{value:,.1f}".replace("-", formats.MINUS)
