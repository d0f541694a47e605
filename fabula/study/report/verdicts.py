"""The first screen: what was studied, and what may be said of each claim."""

from importlib import resources

from fabula.files import sha256_text
from fabula.study.analysis.rules import FILE
from fabula.study.folder import Series
from fabula.study.probes import Claim, Probe
from fabula.study.report import formats, palette
from fabula.study.report.evidence import Evidence, claims_by_phase
from fabula.study.report.markup import Html, details, element, listing, markup, paragraph
from fabula.study.results import Answer, ClaimVerdict, ProbeVerdict

LEGEND: tuple[tuple[Answer, str], ...] = (
    (
        "supported",
        "In every run the model clearly beats the best simple rule, and goes at least half of the way from it to the "
        "best possible value. The whole 95\u202f% interval says so, not only its middle.",
    ),
    (
        "not supported",
        "The interval shows that the model is no better than the simple rule, or hardly: had it the ability, this "
        "test would have seen it.",
    ),
    (
        "inconclusive",
        "The interval leaves both open, the runs disagree, or the questions failed their checks. It is no soft yes. "
        "A date takes at least three runs with different seeds.",
    ),
)
RULES = (
    ("Questions", "the lead over the best simple rule on the same questions, beyond a threshold, and half of the way"),
    ("Gains in nats", "the whole interval above a threshold"),
    ("Generated stories", "the interval touches the band around held-out text and leaves the control text out"),
    ("Loss far into the context", "the interval not above a limit, as a ratio to the loss at the start"),
)
"""What each kind of probe must show, in words."""


def section(evidence: Evidence) -> Html:
    """Return the summary and the table of verdicts."""
    return element(
        "section",
        element("h1", "What the models learned, and when"),
        _summary(evidence),
        element("h2", "Verdicts"),
        *(_tally(evidence, name) for name in evidence.groups),
        _table(evidence),
        _legend(evidence),
        id="verdicts",
    )


def _summary(evidence: Evidence) -> Html:
    study = evidence.study
    models = _join([_group(name, members) for name, members in evidence.groups.items()])
    checkpoints = sum(len(series.checkpoints) for series in study.series)
    probes = len(evidence.probes())
    return markup(
        paragraph(
            f"This study examines {models}, trained to tell stories; the held-out stories of the corpus "
            f"\u201c{study.corpus_name}\u201d supply its questions. ",
            f"Each of the {formats.plural(checkpoints, 'checkpoint')} was measured by "
            f"{formats.plural(probes, 'probe')}, and every number stands beside what simple counting rules score on "
            "the same questions.",
            class_="lead",
        ),
    )


def _group(name: str, members: tuple[Series, ...]) -> str:
    first = members[0]
    size = f"{formats.short_count(first.parameters)} parameters"
    if first.steps == 0 and len(first.checkpoints) == 1:
        return f"the single model \u201c{name}\u201d ({size})"
    runs = "one run" if len(members) == 1 else f"{len(members)} runs that differ only in their seed"
    each = "" if len(members) == 1 else " each"
    return (
        f"\u201c{name}\u201d ({size}; {runs}, {formats.count(first.steps)} steps and "
        f"{formats.plural(len(first.checkpoints), 'checkpoint')}{each})"
    )


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _tally(evidence: Evidence, group: str) -> Html:
    """Return in one sentence how many claims came out how."""
    answers = [verdict.capability for verdict in evidence.verdicts.claims if verdict.group == group]
    found = [f"{answers.count(answer)} {answer}" for answer, _ in LEGEND]
    dated = [v.timing for v in evidence.verdicts.claims if v.group == group and v.timing is not None]
    when = ""
    if dated:
        when = f" The time is supported for {dated.count('supported')} of the {len(dated)} that name one."
    name = f"\u201c{group}\u201d: of" if len(evidence.groups) > 1 else "Of"
    text = f"{name} {formats.plural(len(answers), 'claim')} about abilities, {', '.join(found)}."
    return paragraph(text, when)


def _table(evidence: Evidence) -> Html:
    many = len(evidence.groups) > 1
    bodies = []
    for name in evidence.groups:
        rows = [
            _row(evidence, claim, verdict)
            for claim in claims_by_phase()
            if (verdict := evidence.claim_verdict(claim.name, name)) is not None
        ]
        if not rows:
            rows = [element("tr", element("td", "No claim could be judged: nothing was measured.", colspan=5))]
        if name in evidence.verdicts.phases:
            rows.append(_phases_row(evidence, name))
        title = element("tr", element("th", name, colspan=5, scope="colgroup"), class_="group")
        bodies.append(element("tbody", *([title] if many else []), *rows))
    titles = ("Claim", "Ability", "When claimed", "Measured at the end of training", "May be said")
    head = element("thead", element("tr", *(element("th", title, scope="col") for title in titles)))
    return element("table", head, *bodies, class_="verdicts")


def _row(evidence: Evidence, claim: Claim, verdict: ClaimVerdict) -> Html:
    probes = [entry for entry in evidence.verdicts.probes if (entry.claim, entry.group) == (claim.name, verdict.group)]
    probes.sort(key=lambda entry: entry.probe != verdict.decided_by)
    measured = [_measured(entry, evidence.probe(entry.probe)) for entry in probes]
    reasons = [markup(element("b", evidence.probe(entry.probe).title), f": {entry.reason}.") for entry in probes]
    why = details("Why", listing(reasons), class_="printed") if reasons else None
    return element(
        "tr",
        element("th", element("span", claim.name, class_="name"), " ", claim.title, scope="row"),
        element("td", palette.badge(verdict.capability), data_label="Ability"),
        element("td", _timing(verdict), data_label="When claimed"),
        element("td", *measured, why, data_label="Measured at the end of training"),
        element("td", verdict.wording, data_label="May be said"),
    )


def _timing(verdict: ClaimVerdict) -> Html:
    if verdict.timing is None:
        return element("span", "no steps claimed", class_="quiet")
    steps = None
    if verdict.window:
        steps = f"steps {formats.count(verdict.window[0])}\u2013{formats.count(verdict.window[1])}"
    return markup(palette.badge(verdict.timing), element("span", steps, class_="quiet below") if steps else None)


def _measured(entry: ProbeVerdict, about: Probe) -> Html:
    """Return a probe's number, its interval as a small picture, and the baseline it is set against."""
    look = f"symbol {palette.CLASSES[entry.capability]}"
    symbol = element("span", palette.SYMBOLS[entry.capability], class_=look, title=entry.capability)
    if entry.value is None:
        name = element("span", symbol, " ", about.title, class_="probe")
        return element("div", name, element("span", "not measured", class_="numbers quiet"), class_="m")
    value = element("b", formats.number(entry.value, about.unit))
    ends = formats.interval(entry.interval, about.unit)
    against = element("span", _against(entry, about), class_="quiet")
    numbers = element("span", value, f" {ends} ", against, class_="numbers")
    name = element("span", symbol, " ", formats.titled(about.title, about.unit), class_="probe")
    return element("div", name, numbers, _interval_picture(entry, about), class_="m")


def _against(entry: ProbeVerdict, about: Probe) -> str:
    """Return what the number is compared with: held-out text for stories, else the best simple rule."""
    if about.rule == "band":
        return "" if entry.ceiling is None else f"held-out {formats.number(entry.ceiling, about.unit)}"
    floor = _floor(entry, about)
    return "" if floor is None else f"vs {formats.number(floor, about.unit)}"


def _floor(entry: ProbeVerdict, about: Probe) -> float | None:
    """Return the value of the best simple rule; for gains and ratios the value that means nothing gained or lost."""
    return about.chance if entry.baseline is None and about.rule in ("gain", "ratio") else entry.baseline


def _interval_picture(entry: ProbeVerdict, about: Probe) -> Html | None:
    """Return value, interval, baseline and ceiling on a line 100 units long."""
    floor = _floor(entry, about)
    if entry.value is None or floor is None or about.rule == "ratio":
        return None
    low, high = entry.interval or (entry.value, entry.value)
    ceiling = entry.ceiling if entry.ceiling is not None else max(high, entry.value)
    ends = (min(low, floor, ceiling), max(high, ceiling, floor))
    width = ends[1] - ends[0] or 1.0

    def x(value: float) -> str:
        return f"{5 + 90 * (value - ends[0]) / width:.1f}"

    return element(
        "svg",
        element("path", d="M0 7H100", class_="rail"),
        element("path", d=f"M{x(floor)} 1V13", class_="base"),
        element("path", d=f"M{x(ceiling)} 1V13", class_="ceiling"),
        element("path", d=f"M{x(low)} 7H{x(high)}", class_="range"),
        element("circle", cx=x(entry.value), cy=7, r="3.2"),
        class_="gauge",
        viewBox="0 0 100 14",
        width=100,
        height=14,
        aria_hidden="true",
    )


def _phases_row(evidence: Evidence, group: str) -> Html:
    order = evidence.verdicts.order_probability.get(group)
    reason = evidence.verdicts.phase_reasons.get(group)
    tests = [test for series in evidence.groups[group] if (test := evidence.phase_test(series.label)) is not None]
    said = {
        "supported": "there are five phases, at the claimed steps",
        "not supported": "nothing about separate phases",
        "inconclusive": "nothing about phases yet",
    }
    numbers = [f"Probability that the claims come in this order: {formats.probability(order)}."]
    if reason:
        numbers = [f"{reason[0].upper()}{reason[1:]}."]
    elif tests:
        beaten = sum(1 for test in tests if test.p is not None and test.p < 0.01)
        numbers.append(f" Breaks beat smooth curves (p < 0.01) in {beaten} of {formats.plural(len(tests), 'run')}.")
    answer = evidence.verdicts.phases[group]
    return element(
        "tr",
        element("th", element("span", "C0", class_="name"), " Five phases, in this order", scope="row"),
        element("td", element("span", formats.NOTHING, class_="quiet"), data_label="Ability"),
        element("td", palette.badge(answer), data_label="When claimed"),
        element("td", *numbers, data_label="Measured at the end of training"),
        element("td", said[answer], data_label="May be said"),
    )


def _legend(evidence: Evidence) -> Html:
    entries = []
    for answer, meaning in LEGEND:
        entries += [element("dt", palette.badge(answer)), element("dd", meaning)]
    verdicts = evidence.verdicts
    decided = (
        "A probe is judged at the end of the claimed steps and at the end of training; the worse counts. A claim takes "
        "the worst verdict among its probes."
    )
    picture = (
        "In the small pictures the dot is the model, the bar its 95\u202f% interval, the dashed tick the best simple "
        "rule, the dotted tick the best possible value (where unknown, all right; of gains the best of any checkpoint)."
        " For generated stories the dashed tick is the control text, the dotted one held-out text."
    )
    rules = f"These rules are part of Fabula and the same for every model: version {verdicts.rules_version}, SHA-256 "
    return element(
        "div",
        element("h3", "How to read this table"),
        element("dl", *entries),
        paragraph(decided),
        paragraph(picture),
        paragraph(rules, element("code", verdicts.rules_sha256), "."),
        _rules(verdicts.rules_sha256),
        class_="legend",
    )


def _rules(sha256: str) -> Html:
    """Return what each kind of probe must show; with the rules themselves, if this version has those that decided."""
    shown = listing(markup(element("b", kind), f": {must}") for kind, must in RULES)
    content = (resources.files("fabula.study") / FILE).read_text(encoding="utf-8")
    return details(
        "What exactly a probe must show", shown, element("pre", content) if sha256_text(content) == sha256 else None
    )
