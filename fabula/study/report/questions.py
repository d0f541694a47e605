"""What was asked: the checks every set of questions passed, and three questions of each, drawn at random."""

from fabula.study.items.gates import Gate
from fabula.study.items.item import Item
from fabula.study.probes import Probe
from fabula.study.report import formats
from fabula.study.report.evidence import Evidence
from fabula.study.report.markup import Html, details, element, markup, paragraph, table

DESIGNS = {
    "D1": "mirrored template: two contexts of the same words, two targets; counting rules get exactly chance",
    "D2": "exact tie: the same target after its own and after an altered context",
    "D3": "matched: wrong answers matched to the right one in length, cast and overlap",
    "D4": "plain minimal pair: means something only beside the 5-gram\u2019s score",
}
LONGEST = 420
"""Characters of a context that are shown; the end counts most."""


def section(evidence: Evidence) -> Html:
    """Return the table of gates and the cards of questions."""
    cards = [card for probe in evidence.all_probes if (card := _card(evidence, probe)) is not None]
    head = element("h2", "What was asked")
    gates = _gates(evidence)
    if not cards:
        cards = [paragraph("No questions are on record in this study.", class_="missing")]
    lead = paragraph(
        "Three questions of each set, drawn with the study\u2019s seed, not picked. The right answer is marked ",
        element("span", "\u2713", class_="symbol yes"),
        ". The model never sees a question: what counts is which text it gives the higher probability.",
    )
    designs = element(
        "dl", *(part for name, text in DESIGNS.items() for part in (element("dt", name), element("dd", text)))
    )
    return element(
        "section",
        head,
        element("h3", "Checks before any model was asked"),
        gates,
        element("h3", "Three questions of each set"),
        lead,
        element("div", designs, class_="designs"),
        element("div", *cards, class_="cards"),
        id="questions",
    )


def _gates(evidence: Evidence) -> Html:
    if not evidence.gates:
        return paragraph("No checks are on record in this study.", class_="missing")
    names = list(dict.fromkeys(gate.name for gates in evidence.gates.values() for gate in gates))
    rows = []
    for probe in evidence.all_probes:
        gates = {gate.name: gate for gate in evidence.gates.get(probe.name, ())}
        if gates:
            passed = all(gate.passed for gate in gates.values())
            rows.append((probe.title, _verdict(passed), *(_gate(gates.get(name)) for name in names)))
    head = ("Questions", "Passed", *(name.replace("_", " ").replace("-", " ") for name in names))
    note = paragraph(
        "Each cell: passed or not, the value, and the limit it was held against in brackets.", class_="quiet"
    )
    return markup(note, table(head, rows, class_="gates"))


def _verdict(passed: bool) -> Html:
    name, symbol, word = ("yes", "\u2713", "yes") if passed else ("no", "\u2715", "refused")
    return markup(element("span", symbol, class_=f"symbol {name}", aria_hidden="true"), f" {word}")


def _gate(gate: Gate | None) -> Html:
    if gate is None:
        return element("span", formats.NOTHING, class_="quiet")
    symbol = element("span", "\u2713" if gate.passed else "\u2715", class_=f"symbol {'yes' if gate.passed else 'no'}")
    value = "" if gate.value is None else f" {formats.tidy(gate.value)}"
    limit = "" if gate.limit is None else f" ({formats.tidy(gate.limit)})"
    return element(
        "span", symbol, value, element("span", limit, class_="quiet"), title=gate.reason or None, class_="gate"
    )


def _card(evidence: Evidence, probe: Probe) -> Html | None:
    items, count = evidence.drawn_items(probe.name)
    if not items:
        return None
    design = f"Design {probe.design}. " if probe.design else ""
    title = element("h4", probe.title, " ", element("span", f"{probe.claim} \u00b7 {probe.name}", class_="quiet"))
    about = paragraph(
        probe.question,
        " ",
        element("span", f"{design}{formats.plural(count, 'question')}.", class_="quiet"),
        class_="question",
    )
    first, rest = question(items[0]), [question(item) for item in items[1:]]
    more = details(f"{formats.plural(len(rest), 'more question')}", *rest, class_="more printed") if rest else None
    return element("div", title, about, first, more, class_="card")


def question(item: Item) -> Html:
    """Return one item: its contexts and targets, with the right answer marked."""
    condition = element("span", item.condition, class_="condition") if item.condition else None
    if item.design == "mirrored":
        lines = [
            _line(markup(_context(context), _target(item, index)), right=True)
            for index, context in enumerate(item.contexts)
        ]
        crossed = paragraph("Right: each ending after its own beginning, not after the other.", class_="quiet")
        return element("div", condition, element("ul", *lines), crossed, class_="item")
    if item.design == "contrast":
        lines = [_line(_context(context), right=index == item.gold) for index, context in enumerate(item.contexts)]
        ending = paragraph("After which is this likeliest? ", _target(item, 0))
        return element("div", condition, element("ul", *lines), ending, class_="item")
    context = paragraph(_context(item.contexts[0])) if item.contexts[0] else None
    lines = [_line(_target(item, index), right=index == item.gold) for index in range(len(item.targets))]
    return element("div", condition, context, element("ul", *lines), class_="item")


def _line(content: Html, *, right: bool) -> Html:
    mark = element("span", "\u2713" if right else "\u2022", class_="symbol yes" if right else "symbol quiet")
    said = element("span", "right: ", class_="unseen") if right else None
    return element("li", mark, " ", said, content, class_="right" if right else None)


def _context(text: str) -> Html:
    """Return a context; of a long one the end, which is what stands before the answer."""
    if len(text) <= LONGEST:
        return markup(text)
    cut = text.find(" ", len(text) - LONGEST)
    cut = len(text) - LONGEST if cut < 0 else cut
    left_out = element("span", f"\u2026 ({formats.count(cut)} characters before)", class_="quiet")
    return markup(left_out, text[cut:])


def _target(item: Item, index: int) -> Html:
    """Return a target, with the characters that count underlined where only some do."""
    text = item.targets[index]
    spans = item.spans[index] if item.spans else None
    if spans is None:
        return element("em", text)
    parts: list[str] = []
    at = 0
    for start, stop in spans:
        parts += [text[at:start], element("u", text[start:stop])]
        at = stop
    return element("em", *parts, text[at:])
