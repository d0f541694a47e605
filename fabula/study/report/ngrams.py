"""The n-gram ladder: where a model's loss passes that of counting models of order 1 to 5."""

from fabula.study.folder import Series
from fabula.study.report import drawing, formats, palette
from fabula.study.report.evidence import Evidence
from fabula.study.report.figures import Figures, Panel, Source
from fabula.study.report.markup import Html, element, paragraph, table
from fabula.study.report.panels import HEIGHT, LEFT, WIDTH, draw_line, estimate, legend
from fabula.study.results import Result

ORDERS = ("1", "2", "3", "4", "5")
PANEL = "ladder"
LOSS = "nats_per_byte"
UNIT = "nats/byte"
NAMES = {"1": "unigram", "2": "bigram", "3": "3-gram", "4": "4-gram", "5": "5-gram"}
RIGHT = 52
"""Pixels for the names of the lines."""
SOURCE = Source(
    "results.parquet",
    "probe = ladder; columns step, measure, value, low, high; curves.json: crossings",
    "measure gainN is the N-gram\u2019s loss minus the model\u2019s on the same text, so the model passes order N at 0",
)


def section(evidence: Evidence, figures: Figures) -> Html:
    """Return the ladder of every series that has one."""
    head = element("h2", "Against models that only count")
    trained = [
        series
        for series in evidence.study.series
        if len(series.checkpoints) > 1 and any(evidence.rows(PANEL, series.label, f"gain{n}") for n in ORDERS)
    ]
    if not trained:
        missing = "No series with several checkpoints was set against n-gram models, so there is no ladder."
        return element("section", head, paragraph(missing, class_="missing"), id="ladder")
    lead = paragraph(
        "A model that only counts which word follows the last one to four words already predicts a good deal. The "
        "ladder shows when the trained model passes each of these (interpolated Kneser\u2013Ney of order 1 to 5 on the "
        "same tokens). Until it has passed order N, nothing it does shows more than patterns of N words."
    )
    panels = [_gains(evidence, series, index) for index, series in enumerate(trained)]
    losses = [series for series in trained if evidence.rows(PANEL, series.label, LOSS)]
    if losses:
        panels.insert(0, _losses(evidence, losses))
    divergences = [_divergences(evidence, series, index) for index, series in enumerate(trained)]
    panels += [panel for panel in divergences if panel is not None]
    caption = (
        f"The model\u2019s lead over each n-gram, in {UNIT}; where a line crosses zero, the model passes that order. "
        "Bands are 95\u202f% intervals over stories."
    )
    return element(
        "section",
        head,
        lead,
        legend(evidence, tuple(trained)) if losses else None,
        figures.add("The n-gram ladder", panels, caption, SOURCE),
        element("h3", "Step at which each order is passed"),
        _crossings(evidence, trained),
        id="ladder",
    )


def _losses(evidence: Evidence, members: list[Series]) -> Panel:
    """Draw the models' loss, and the n-grams' as horizontals."""
    rows = {series.label: evidence.rows(PANEL, series.label, LOSS) for series in members}
    levels = _levels(evidence, members[-1])
    figure = drawing.new_figure(WIDTH, HEIGHT)
    axis = drawing.step_axis(members)
    axes = drawing.axes_at(figure, LEFT, 8, WIDTH - LEFT - RIGHT, HEIGHT - 52)
    for label, found in rows.items():
        draw_line(axes, axis, found, evidence.styles[label])
    places = drawing.spread([level for _, level in levels], (axes.get_ylim()[1] - axes.get_ylim()[0]) * 0.062)
    for (order, level), place in zip(levels, places, strict=True):
        axes.axhline(level, color=palette.MUTED, linewidth=1, dashes=(4, 2.5), zorder=1)
        drawing.name_line(axes, NAMES[order], place)
    drawing.value_axis(axes, UNIT)
    axis.label(axes)
    svg = drawing.to_svg(figure, "ladder-loss", "Loss over the training steps, with the n-grams' as horizontals")
    steps = sorted({row.step for found in rows.values() for row in found})
    by = {(label, row.step): row for label, found in rows.items() for row in found}
    numbers = tuple(
        (
            formats.count(step),
            *(estimate(by[label, step], UNIT) if (label, step) in by else formats.NOTHING for label in rows),
        )
        for step in steps
    )
    note = paragraph("Dashed: each n-gram\u2019s loss on the same text.", class_="question")
    return Panel(f"Loss ({UNIT})", svg, note, ("step", *rows), numbers)


def _levels(evidence: Evidence, series: Series) -> list[tuple[str, float]]:
    """Return each n-gram's loss: the model's plus its lead."""
    nats = evidence.rows(PANEL, series.label, LOSS)[-1].value
    found = [(order, evidence.rows(PANEL, series.label, f"gain{order}")) for order in ORDERS]
    return [(order, nats + rows[-1].value) for order, rows in found if rows]


def _gains(evidence: Evidence, series: Series, index: int) -> Panel:
    rows = {order: found for order in ORDERS if (found := evidence.rows(PANEL, series.label, f"gain{order}"))}
    svg = _orders(rows, series, f"ladder-gain-{index}", f"Lead of {series.label} over n-grams", zero=True)
    return Panel(f"{series.label}: lead over each n-gram ({UNIT})", svg, None, *_numbers(rows))


def _divergences(evidence: Evidence, series: Series, index: int) -> Panel | None:
    """Draw the divergence from each order, where it was measured."""
    rows = {order: found for order in ORDERS if (found := evidence.rows(PANEL, series.label, f"kl{order}"))}
    if not rows:
        return None
    svg = _orders(rows, series, f"ladder-kl-{index}", f"Divergence of {series.label} from n-grams", zero=False)
    note = paragraph("The lowest line is the n-gram that the model is most like.", class_="question")
    return Panel(f"{series.label}: KL divergence from each n-gram (nats)", svg, note, *_numbers(rows))


def _orders(rows: dict[str, list[Result]], series: Series, name: str, description: str, *, zero: bool) -> Html:
    """Draw one line for each order, named at its right end."""
    figure = drawing.new_figure(WIDTH, HEIGHT)
    axis = drawing.step_axis([series])
    axes = drawing.axes_at(figure, LEFT, 8, WIDTH - LEFT - RIGHT, HEIGHT - 52)
    if zero:
        axes.axhline(0, color=palette.INK, linewidth=0.9, zorder=1)
    for number, found in enumerate(rows.values()):
        style = palette.LineStyle(palette.COLOURS[number], palette.DASHES[number], palette.MARKERS[number])
        draw_line(axes, axis, found, style)
    ends = [found[-1].value for found in rows.values()]
    places = drawing.spread(ends, (axes.get_ylim()[1] - axes.get_ylim()[0]) * 0.065, axes.get_ylim()[0])
    for order, place in zip(rows, places, strict=True):
        drawing.name_line(axes, NAMES[order], place)
    drawing.value_axis(axes, UNIT)
    axis.label(axes)
    return drawing.to_svg(figure, name, description)


def _numbers(rows: dict[str, list[Result]]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    by_step: dict[int, dict[str, Result]] = {}
    for order, found in rows.items():
        for row in found:
            by_step.setdefault(row.step, {})[order] = row
    numbers = tuple(
        (formats.count(step), *(estimate(at[o], UNIT) if o in at else formats.NOTHING for o in rows))
        for step, at in sorted(by_step.items())
    )
    return ("step", *(NAMES[order] for order in rows)), numbers


def _crossings(evidence: Evidence, members: list[Series]) -> Html:
    rows = []
    for series in members:
        found = evidence.curves.crossings.get(series.label, {})
        rows.append((series.label, *(_crossed(found.get(order)) for order in ORDERS)))
    return table(("Series", *(NAMES[order] for order in ORDERS)), rows, numbers=range(1, 6))


def _crossed(step: float | None) -> str:
    return "not passed" if step is None else formats.step(step)
