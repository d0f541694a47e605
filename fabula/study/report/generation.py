"""What the models' own stories look like beside held-out ones and beside broken ones."""

from fabula.study.probes import Probe
from fabula.study.report import formats
from fabula.study.report.controls import CONTROLS, Marks, is_generation, marks
from fabula.study.report.evidence import Evidence
from fabula.study.report.figures import Figures, Source
from fabula.study.report.markup import Html, element, markup, paragraph, table
from fabula.study.report.panels import estimate, legend, probe_panel

SOURCE = Source(
    "results.parquet",
    "columns step, value, low, high, ceiling (held-out text), baseline (control text) of each metric",
    "value over step; other controls are the means of their columns in controls/NAME/PANEL.npz",
)
CAPTION = (
    "Lines: the models. Green: held-out text and the band that counts as held-out. Dashed: the control text that the "
    "verdict uses; dotted: others, where there is room. Shading, triangles and the strip as in the figures above."
)


def section(evidence: Evidence, figures: Figures) -> Html:
    """Return a small picture of each metric through training, and a table of the last checkpoints' values."""
    head = element("h2", "What it writes")
    probes = [probe for probe in evidence.probes() if is_generation(probe)]
    if not probes:
        missing = "No stories were generated and measured in this study."
        return element("section", head, paragraph(missing, class_="missing"), id="generation")
    against = {probe.name: marks(evidence, probe) for probe in probes}
    lead = paragraph(
        "Stories that the models told, measured like held-out ones. The green line is held-out text; the band around "
        "it reaches a quarter of the way to the control text. Inside the band the form is that of the real thing. "
        "These numbers see form and repetition; they don\u2019t see whether a story makes sense."
    )
    parts: list[str | None] = []
    for index, (group, members) in enumerate(evidence.groups.items()):
        trained = tuple(series for series in members if len(series.checkpoints) > 1)
        if not trained:
            continue
        drawn = [probe_panel(evidence, p, group, trained, f"g{index}", against[p.name]) for p in probes]
        if panels := [panel for panel in drawn if panel is not None]:
            parts += [legend(evidence, trained), figures.add(f"Generated stories, {group}", panels, CAPTION, SOURCE)]
    return element("section", head, lead, *parts, _table(evidence, probes, against), id="generation")


def _table(evidence: Evidence, probes: list[Probe], against: dict[str, Marks]) -> Html:
    """Return the last checkpoints' values beside held-out and control text."""
    controls = [name for name in CONTROLS if any(name in entry.controls for entry in against.values())]
    rows = []
    for probe in probes:
        cells = []
        for series in evidence.study.series:
            found = evidence.rows(probe.name, series.label)
            cells.append(estimate(found[-1], probe.unit) if found else formats.NOTHING)
        held = against[probe.name]
        rows.append(
            (
                formats.titled(probe.title, probe.unit),
                *cells,
                formats.number(held.held_out, probe.unit),
                *(formats.number(held.controls.get(name), probe.unit) for name in controls),
            )
        )
    labels = (series.label for series in evidence.study.series)
    head = ("Metric", *labels, "Held-out", *(CONTROLS[name] for name in controls))
    title = element("h3", "Generated stories at the last checkpoint")
    return markup(title, table(head, rows, numbers=range(1, len(head))))
