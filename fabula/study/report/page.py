"""The whole report: one file that needs nothing else."""

from importlib import resources
from pathlib import Path

from fabula.files import write_text
from fabula.study.folder import StudyFolder
from fabula.study.report import (
    context,
    drawing,
    failures,
    generation,
    making,
    ngrams,
    panels,
    phases,
    questions,
    samples,
    verdicts,
)
from fabula.study.report.evidence import Evidence, gather
from fabula.study.report.figures import Figures
from fabula.study.report.markup import Html, element
from fabula.terminal import progress

SECTIONS = (
    ("verdicts", "Verdicts"),
    ("probes", "Probes through training"),
    ("ladder", "Against n-grams"),
    ("context", "How far back it reads"),
    ("order", "Order of learning"),
    ("phases", "Are there phases?"),
    ("generation", "What it writes"),
    ("samples", "Samples"),
    ("questions", "What was asked"),
    ("failures", "What failed"),
    ("making", "How it was made"),
)
"""Id and short title of each part, in the page's order."""

DRAWN = (
    panels.section,
    ngrams.section,
    context.section,
    phases.order_section,
    phases.phase_section,
    generation.section,
)
"""The parts with figures, in their order."""


def write_report(folder: StudyFolder) -> Path:
    """Write a study's report.html from its other files; the same files give the same bytes.

    Raises:
        UserError: one of the study's files is missing or damaged.
    """
    write_text(folder.report, page(gather(folder)))
    return folder.report


def page(evidence: Evidence) -> str:
    """Return the report as an HTML document."""
    with drawing.style():
        return _document(evidence)


def _document(evidence: Evidence) -> str:
    figures = Figures()
    parts = [verdicts.section(evidence), _contents()]
    with progress("drawing", len(DRAWN), "parts") as advance:
        for section in DRAWN:
            parts.append(section(evidence, figures))
            advance(1)
    parts += [samples.section(evidence), questions.section(evidence), failures.section(evidence)]
    main = element("main", *parts, making.section(evidence, figures))
    return f"<!DOCTYPE html>\n{element('html', _head(evidence), element('body', main), lang='en')}\n"


def _head(evidence: Evidence) -> Html:
    style = resources.files("fabula.study.report").joinpath("report.css").read_text(encoding="utf-8")
    names = ", ".join(evidence.groups)
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"Study of {names}: what the models learned, and when"),
        element("style", Html(style)),
    )


def _contents() -> Html:
    links = [element("li", element("a", title, href=f"#{name}")) for name, title in SECTIONS[1:]]
    return element("nav", element("h2", "In this report"), element("ol", *links), aria_label="Contents")
