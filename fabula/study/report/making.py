"""How the study was made, and how each figure can be made again."""

from fabula.study.folder import Study
from fabula.study.report import formats
from fabula.study.report.evidence import Evidence, last
from fabula.study.report.figures import Figures
from fabula.study.report.markup import Html, element, markup, paragraph, table

READ = (
    "import pyarrow.parquet as parquet\n"
    'table = parquet.read_table("results.parquet", filters=[("probe", "=", "grammar"), ("measure", "=", "value")])'
)


def section(evidence: Evidence, figures: Figures) -> Html:
    """Return the record of the study: what ran, where, how long, and the sources of the figures."""
    study = evidence.study
    return element(
        "section",
        element("h2", "How it was made"),
        _facts(study),
        element("h3", "Models"),
        _series(evidence),
        element("h3", "Time"),
        table(("Part", "Time"), [(part, formats.seconds(time)) for part, time in study.seconds.items()], numbers=(1,)),
        element("h3", "The figures again"),
        paragraph(
            "Every number here comes from files in the study\u2019s folder, which hold no more than tables: ",
            element("code", "results.parquet"),
            " (one row for each series, step, probe, part and measure), ",
            element("code", "verdicts.json"),
            " and ",
            element("code", "curves.json"),
            ". For example:",
        ),
        element("pre", READ),
        _sources(figures),
        id="making",
    )


def _facts(study: Study) -> Html:
    facts = [
        ("Suite", study.suite),
        ("Seed", f"{study.seed} (questions, bootstrap, stories)"),
        ("Questions", f"version {study.version}"),
        ("Corpus", markup(f"{study.corpus_name}, ", element("code", study.corpus_hash))),
        ("Fabula", study.fabula),
        *((name.replace("_", " ").capitalize(), _machine(name, value)) for name, value in study.machine.items()),
    ]
    return table(("What", "Which"), facts, class_="facts")


def _machine(name: str, value: object) -> str:
    if name.endswith("_bytes") and isinstance(value, int | float):
        return f"{value / 2**30:.1f} GiB"
    return "" if value is None else str(value)


def _series(evidence: Evidence) -> Html:
    rows = []
    for series in evidence.study.series:
        final = last(series)
        rows.append(
            (
                series.label,
                series.group,
                formats.NOTHING if series.seed is None else str(series.seed),
                formats.count(series.parameters),
                formats.count(series.steps) if series.steps else formats.NOTHING,
                formats.count(final.tokens),
                formats.count(series.context),
                formats.count(len(series.checkpoints)),
                element("code", final.weights[:12]),
            )
        )
    head = (
        "Series",
        "Group",
        "Seed",
        "Parameters",
        "Steps",
        "Tokens",
        "Context",
        "Checkpoints",
        "Last weights (SHA-256)",
    )
    return table(head, rows, numbers=range(2, 8))


def _sources(figures: Figures) -> Html:
    rows = [
        (
            element("a", f"Figure {number}", href=f"#figure-{number}"),
            title,
            element("code", source.file),
            source.columns,
            source.recipe,
        )
        for number, title, source in figures.listed
    ]
    if not rows:
        return paragraph("This report has no figures.", class_="missing")
    return table(("Figure", "Shows", "File", "Columns", "Recipe"), rows, class_="sources")
