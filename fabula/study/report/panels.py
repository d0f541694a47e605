"""Every probe through training, phase by phase: a small picture each, with everything it must be compared with."""

from matplotlib.axes import Axes

from fabula.study.folder import Series
from fabula.study.probes import Claim, Probe
from fabula.study.report import drawing, formats, palette
from fabula.study.report.controls import CONTROLS, HELD_OUT, Marks, is_generation
from fabula.study.report.evidence import Evidence, claims_by_phase, last
from fabula.study.report.figures import Figures, Panel, Source
from fabula.study.report.markup import Html, element, markup, paragraph, table
from fabula.study.results import Result

WIDTH, HEIGHT = 350, 214
LEFT, RIGHT, PLOT, STRIP = 54, 12, 138, 14
RIGHT_NAMES = 66
"""Pixels to the right of the axes where lines are named there."""
SOURCE = Source(
    "results.parquet",
    "columns step, value, low, high, baseline, ceiling; curves.json: acquisitions",
    "the rows of one probe with condition = '' and measure = 'value', plotted over step",
)


def section(evidence: Evidence, figures: Figures) -> Html:
    """Return the probes' course through training, group by group, and their values at its end."""
    parts = [element("h2", "Every probe through training")]
    for name, members in evidence.groups.items():
        if len(evidence.groups) > 1:
            parts.append(element("h3", f"Model: {name}", class_="group"))
        trained = tuple(series for series in members if len(series.checkpoints) > 1)
        if trained:
            parts += [_reading(), legend(evidence, trained)]
            ordered = [claim for claim in claims_by_phase() if claim.phase is not None]
            parts += [_phase(evidence, figures, claim, name, trained) for claim in ordered]
            parts.append(_others(evidence, figures, name, trained) or markup())
        else:
            parts.append(paragraph("One checkpoint only, so there are no curves.", class_="missing"))
        parts.append(_at_the_end(evidence, members))
    return element("section", *parts, id="probes")


def legend(evidence: Evidence, members: tuple[Series, ...]) -> Html:
    """Return which line is which series."""
    entries = []
    for series in members:
        seed = "" if series.seed is None else f" (seed {series.seed})"
        entries.append(element("span", palette.swatch(evidence.styles[series.label]), f" {series.label}{seed}"))
    return element("p", *entries, class_="key")


def _reading() -> Html:
    return paragraph(
        "Each line is one run, its band the 95\u202f% interval. Dashed: the best simple rule on the same questions. "
        "Dotted: the best possible value, or the best one reached here where that is unknown. Shaded: the steps in "
        "which the card places the claim. Triangles under a curve: the step of half the gain, with its interval. The "
        "strip at the bottom is the learning rate: a bend above a bend of the strip may be the schedule\u2019s."
    )


def _phase(evidence: Evidence, figures: Figures, claim: Claim, group: str, members: tuple[Series, ...]) -> Html:
    """Return the pictures of a claim that the card gives a place in its order."""
    verdict = evidence.claim_verdict(claim.name, group)
    window = verdict.window if verdict else None
    place = "" if claim.phase is None else f"Phase {claim.phase + 1} \u00b7 "
    steps = f" \u00b7 steps {formats.count(window[0])}\u2013{formats.count(window[1])}" if window else ""
    heading = element("h3", f"{place}{claim.title}", element("span", steps, class_="quiet"))
    panels = _panels(evidence, figures, [claim], group, members)
    caption = f"The probes of \u201c{claim.title}\u201d in {group}, over the step (logarithmic)."
    shown = figures.add(f"{claim.name}, {group}", panels, caption, SOURCE) if panels else None
    elsewhere = None
    if any(is_generation(probe) for probe in evidence.probes(claim.name)):
        link = element("a", "What it writes", href="#generation")
        elsewhere = paragraph("The stories that it writes are measured in the part \u201c", link, "\u201d.")
    if not panels and elsewhere is None:
        elsewhere = paragraph("No probe of this claim has results.", class_="missing")
    return markup(heading, shown, elsewhere)


def _others(evidence: Evidence, figures: Figures, group: str, members: tuple[Series, ...]) -> Html | None:
    """Return the pictures of the claims that name no steps."""
    claims = [claim for claim in claims_by_phase() if claim.phase is None]
    panels = _panels(evidence, figures, claims, group, members)
    if not panels:
        return None
    caption = f"The probes of {' and '.join(f'{claim.title} ({claim.name})' for claim in claims)} in {group}."
    title = f"{', '.join(claim.name for claim in claims)}, {group}"
    return markup(element("h3", "Claims that name no steps"), figures.add(title, panels, caption, SOURCE))


def _panels(
    evidence: Evidence, figures: Figures, claims: list[Claim], group: str, members: tuple[Series, ...]
) -> list[Panel]:
    probes = [probe for claim in claims for probe in evidence.probes(claim.name) if not is_generation(probe)]
    prefix = f"p{len(figures.listed)}"
    drawn = [probe_panel(evidence, probe, group, members, prefix) for probe in probes]
    return [panel for panel in drawn if panel is not None]


def probe_panel(
    evidence: Evidence,
    probe: Probe,
    group: str,
    members: tuple[Series, ...],
    prefix: str,
    against: Marks | None = None,
) -> Panel | None:
    """Return one probe's picture: its course in each series, and all that it must be compared with.

    Args:
        evidence: the study.
        probe: what is drawn.
        group: of the series.
        members: the series that are drawn.
        prefix: makes the picture's name unique in the page.
        against: held-out and control text, for metrics of generated stories; None: baseline and ceiling.
    """
    rows = {series.label: found for series in members if (found := evidence.rows(probe.name, series.label))}
    if not rows:
        return None
    right = RIGHT if against is None else RIGHT_NAMES
    figure = drawing.new_figure(WIDTH, HEIGHT)
    axis = drawing.step_axis(members)
    axes = drawing.axes_at(figure, LEFT, 8, WIDTH - LEFT - right, PLOT)
    verdict = evidence.claim_verdict(probe.claim, group)
    if verdict and verdict.window:
        ends = axis.positions(verdict.window)
        axes.axvspan(*ends, color=palette.SHADE, linewidth=0, zorder=0)
    axes.set_ylim(*_limits(rows, probe, against))
    for label, found in rows.items():
        draw_line(axes, axis, found, evidence.styles[label])
    if against is None:
        _references(axes, rows, axis)
    else:
        _controls(axes, against)
    _dates(evidence, axes, axis, probe, rows)
    drawing.value_axis(axes, probe.unit)
    strip = next((series for series in members if len(series.learning_rates) > 1), None)
    bottom = axes
    if strip is not None:
        bottom = drawing.axes_at(figure, LEFT, 8 + PLOT + 7, WIDTH - LEFT - right, STRIP)
        drawing.learning_rate_strip(bottom, strip, axis)
        axis.label(axes, names=False)
    axis.label(bottom)
    description = f"{probe.title} over the training steps of {', '.join(rows)}"
    svg = drawing.to_svg(figure, f"{prefix}-{probe.name}", description)
    kind = "primary" if probe.primary else "secondary"
    note = element("p", probe.question, " ", element("span", kind, class_="quiet"), class_="question")
    return Panel(formats.titled(probe.title, probe.unit), svg, note, *_numbers(probe, rows))


def _controls(axes: Axes, against: Marks) -> None:
    """Draw held-out text with its band, the verdict's control, and others where there is room to name them."""
    low, high = axes.get_ylim()
    gap = (high - low) * 0.085
    named: list[tuple[str, float]] = []
    if against.held_out is not None:
        if against.band:
            axes.axhspan(*against.band, color=palette.GREEN, alpha=0.16, linewidth=0, zorder=0)
        axes.axhline(against.held_out, color=palette.GREEN, linewidth=1.2, zorder=1)
        named.append((HELD_OUT, against.held_out))
    for name, value in sorted(against.controls.items(), key=lambda entry: entry[0] != against.judged):
        judged = name == against.judged
        if low <= value <= high and (judged or all(abs(value - other) >= gap for _, other in named)):
            dash = (4, 2.5) if judged else (1, 2)
            axes.axhline(value, color=palette.MUTED, linewidth=1, dashes=dash, zorder=1)
            named.append((CONTROLS.get(name, name), value))
    places = drawing.spread([value for _, value in named], gap, low)
    for (name, _), place in zip(named, places, strict=True):
        drawing.name_line(axes, name, place)


def draw_line(axes: Axes, axis: drawing.StepAxis, rows: list[Result], style: palette.LineStyle) -> None:
    """Draw one series with its interval."""
    positions = axis.positions([row.step for row in rows])
    values = [row.value for row in rows]
    low = [row.value if row.low is None else row.low for row in rows]
    high = [row.value if row.high is None else row.high for row in rows]
    axes.fill_between(positions, low, high, color=style.colour, alpha=0.16, linewidth=0)
    axes.plot(
        positions,
        values,
        color=style.colour,
        linewidth=1.6,
        dashes=style.dash or (None, None),
        marker=style.marker,
        markersize=3.6,
        markeredgecolor=palette.PAPER,
        markeredgewidth=0.5,
        clip_on=False,
    )


def _references(axes: Axes, rows: dict[str, list[Result]], axis: drawing.StepAxis) -> None:
    """Draw the baseline, which moves a little with the items asked, and the ceiling."""
    first = next(iter(rows.values()))
    based = [(axis.position(row.step), row.baseline) for row in first if row.baseline is not None]
    if based:
        axes.plot(*zip(*based, strict=True), color=palette.MUTED, linewidth=1.2, dashes=(4, 2.5), zorder=1.5)
    ceilings = [row.ceiling for found in rows.values() for row in found if row.ceiling is not None]
    if ceilings:
        axes.axhline(max(ceilings), color=palette.MUTED, linewidth=1.1, dashes=(1, 2), zorder=1.5)


def _limits(rows: dict[str, list[Result]], probe: Probe, against: Marks | None) -> tuple[float, float]:
    """Return the ends of the vertical axis: all that is compared, and room below for the dates.

    Of the controls only the one that the verdict uses must be seen: the others may be far away.
    """
    every = [row for found in rows.values() for row in found]
    values = [v for row in every for v in (row.value, row.low, row.high, row.baseline, row.ceiling) if v is not None]
    inside = probe.unit == "share" and all(0 <= value <= 1 for value in values)
    band = (against and against.band) or ()
    values += [min(max(end, 0.0), 1.0) if inside else end for end in band]
    low, high = min(values), max(values)
    if probe.unit == "share" and probe.rule == "accuracy":
        low, high = min(low, probe.chance), max(high, 1.0)
    room = (high - low) or abs(high) or 1.0
    return low - 0.14 * room, high + 0.05 * room


def _dates(evidence: Evidence, axes: Axes, axis: drawing.StepAxis, probe: Probe, rows: dict[str, list[Result]]) -> None:
    """Mark the step of half the gain, with its interval, at the lower edge."""
    for index, label in enumerate(rows):
        found = evidence.acquisition(probe.name, label)
        if found is None or found.t50 is None:
            continue
        style, height = evidence.styles[label], 0.02 + 0.035 * (index % 3)
        if found.t50_interval:
            ends = [min(max(p, axis.start), axis.last) for p in axis.positions(found.t50_interval)]
            transform = axes.get_xaxis_transform()
            axes.plot(ends, [height] * 2, color=style.colour, linewidth=1.4, transform=transform, zorder=3)
        place = min(axis.position(found.t50), axis.last)
        axes.plot(
            place, height, color=style.colour, marker="^", markersize=5, transform=axes.get_xaxis_transform(), zorder=4
        )


def _numbers(probe: Probe, rows: dict[str, list[Result]]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    by_step: dict[int, dict[str, Result]] = {}
    for label, found in rows.items():
        for row in found:
            by_step.setdefault(row.step, {})[label] = row
    numbers = []
    for step, found_at in sorted(by_step.items()):
        cells = [estimate(found_at[label], probe.unit) if label in found_at else formats.NOTHING for label in rows]
        first = next(iter(found_at.values()))
        numbers.append(
            (formats.count(step), *cells, formats.number(first.baseline, probe.unit), formats.count(first.n))
        )
    return ("step", *rows, "baseline", "units"), tuple(numbers)


def estimate(row: Result, unit: str) -> str:
    """Return a result with its interval."""
    ends = None if row.low is None or row.high is None else (row.low, row.high)
    return formats.estimate(row.value, ends, unit)


def _at_the_end(evidence: Evidence, members: tuple[Series, ...]) -> Html:
    """Return a table of all probes' values at each series' last checkpoint."""
    rows = []
    claims = [claim.name for claim in claims_by_phase()]
    for probe in sorted(evidence.probes(), key=lambda probe: claims.index(probe.claim)):
        found = [_last_row(evidence, probe, series) for series in members]
        first = next((row for row in found if row is not None), None)
        if first is None or is_generation(probe):
            continue
        cells = [formats.NOTHING if row is None else estimate(row, probe.unit) for row in found]
        baseline = formats.NOTHING
        if first.baseline is not None:
            baseline = f"{formats.rule_name(first.baseline_name)} {formats.number(first.baseline, probe.unit)}"
        kind = "primary" if probe.primary else ""
        ceiling = formats.number(first.ceiling, probe.unit)
        rows.append((formats.titled(probe.title, probe.unit), probe.claim, kind, *cells, baseline, ceiling))
    head = ("Probe", "Claim", "", *(series.label for series in members), "Best simple rule", "Ceiling")
    title = element("h3", "At the last checkpoint")
    return markup(title, table(head, rows, numbers=range(3, len(head)), class_="values"))


def _last_row(evidence: Evidence, probe: Probe, series: Series) -> Result | None:
    """Return a probe's result at the last checkpoint, if it was measured there."""
    rows = evidence.rows(probe.name, series.label)
    return rows[-1] if rows and rows[-1].step == last(series).step else None
