"""What did not work: a report without this part can't be trusted."""

from fabula.study.probes import CLAIMS
from fabula.study.report import formats
from fabula.study.report.evidence import Evidence
from fabula.study.report.markup import Html, element, listing, markup, paragraph
from fabula.training.series import phase_bounds


def section(evidence: Evidence) -> Html:
    """Return everything that failed, is missing, or was not supported."""
    parts = (
        ("Questions that were refused", _refused(evidence), "No set of questions was refused."),
        ("Probes that were not run", _not_run(evidence), "Every probe was run."),
        ("Claims that are not supported", _unsupported(evidence), "Every claim that was judged is supported."),
        ("Fits without a date", _undated(evidence), "Every fit found a date."),
        ("Measurements that are missing", _missing(evidence), "Every checkpoint has every measurement."),
        ("Phases without their checkpoints", _boundaries(evidence), "Every boundary of a phase has its checkpoint."),
    )
    blocks = [
        markup(element("h3", title), listing(found) if found else paragraph(none, class_="quiet"))
        for title, found, none in parts
    ]
    return element("section", element("h2", "What failed, and what is missing"), *blocks, id="failures")


def _refused(evidence: Evidence) -> list[str]:
    return [
        markup(element("b", evidence.probe(name).title), f" ({name}): {reason}")
        for name, reason in evidence.study.refused.items()
    ]


def _not_run(evidence: Evidence) -> list[str]:
    names = [
        p for p in evidence.all_probes if p.name not in evidence.study.probes and p.name not in evidence.study.refused
    ]
    empty = [
        p
        for p in evidence.all_probes
        if p.name in evidence.study.probes
        and p.name not in evidence.study.refused
        and (p.name, "value") not in evidence.measured
    ]
    chosen = [f"{p.title} ({p.name}): not among the probes of this study" for p in names]
    return chosen + [f"{p.title} ({p.name}): no result at any checkpoint" for p in empty]


def _unsupported(evidence: Evidence) -> list[str]:
    titles = {claim.name: claim.title for claim in CLAIMS}
    many = len(evidence.groups) > 1
    found: list[str] = []
    for verdict in evidence.verdicts.claims:
        said = [] if verdict.capability == "supported" else [f"ability {verdict.capability}"]
        if verdict.timing not in (None, "supported"):
            said.append(f"timing {verdict.timing}")
        if not said:
            continue
        reasons = [
            f"{evidence.probe(p.probe).title}: {p.reason}"
            for p in evidence.verdicts.probes
            if (p.claim, p.group) == (verdict.claim, verdict.group)
            and (p.capability != "supported" or (verdict.timing is not None and p.timing != "supported"))
        ]
        place = f" in {verdict.group}" if many else ""
        name = element("b", f"{verdict.claim} {titles.get(verdict.claim, '')}{place}")
        found.append(markup(name, f": {', '.join(said)}.", listing(reasons) if reasons else None))
    return found


def _undated(evidence: Evidence) -> list[str]:
    by_series: dict[str, list[str]] = {}
    for entry in evidence.curves.acquisitions:
        if entry.model == "none" or entry.t50 is None:
            by_series.setdefault(entry.series, []).append(evidence.probe(entry.probe).title)
    return [
        markup(element("b", series), f": {', '.join(names)} did not change enough to be dated")
        for series, names in by_series.items()
    ]


def _missing(evidence: Evidence) -> list[str]:
    found: list[str] = []
    names = evidence.probes()
    for series in evidence.study.series:
        steps = {checkpoint.step for checkpoint in series.checkpoints}
        gaps: dict[tuple[int, ...], list[str]] = {}
        for entry in names:
            lack = tuple(sorted(steps - {row.step for row in evidence.rows(entry.name, series.label)}))
            if lack:
                gaps.setdefault(lack, []).append(entry.title)
        for lack, probes in gaps.items():
            which = "all checkpoints" if len(lack) == len(steps) else f"steps {', '.join(map(formats.count, lack))}"
            found.append(markup(element("b", series.label), f": {which} lack {', '.join(probes)}"))
    return found


def _boundaries(evidence: Evidence) -> list[str]:
    found: list[str] = []
    for series in evidence.study.series:
        if not series.steps:
            continue
        have = {checkpoint.step for checkpoint in series.checkpoints}
        wanted = sorted({bound for pair in phase_bounds(series.steps) for bound in pair} - have)
        if wanted:
            steps = ", ".join(map(formats.count, wanted))
            found.append(markup(element("b", series.label), f": no checkpoint at steps {steps}"))
    return found
