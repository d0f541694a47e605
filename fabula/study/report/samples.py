"""What the checkpoints write after the same beginnings, side by side, with what is wrong marked in the text."""

import itertools

from fabula.study.folder import Series
from fabula.study.generations.telling import Flag, Story
from fabula.study.report import formats
from fabula.study.report.evidence import Evidence
from fabula.study.report.markup import Html, details, element, markup, paragraph
from fabula.training.series import PHASES, REFERENCE_STEPS

MODES = ("samples", "sample", "prompt")
"""Names of the mode that continues the fixed beginnings."""
SHOWN = 900
"""Characters of a story that are shown at once."""
KINDS = {
    "late-name": ("a", "somebody nobody introduced"),
    "quote": ("b", "a quotation mark without its partner"),
    "loop": ("c", "words or a sentence told again"),
    "lint": ("d", "an error of grammar or spelling"),
    "memorised": ("e", "a passage of the training text"),
    "non-word": ("f", "a word that the training text hardly has"),
    "pronoun": ("g", "he or she, against what the name mostly is"),
}
"""Letter and meaning of the flags that are known; others get the letters that follow."""


def section(evidence: Evidence) -> Html:
    """Return the samples of the first series of each group."""
    head = element("h2", "Samples side by side")
    blocks, kinds = [], dict[str, str]()
    for group, members in evidence.groups.items():
        series = members[0]
        told = {step: _samples(evidence, series, step) for step in _steps(series)}
        told = {step: stories for step, stories in told.items() if stories}
        if not told:
            continue
        if len(evidence.groups) > 1:
            blocks.append(element("h3", f"Model: {group}", class_="group"))
        if len(members) > 1:
            blocks.append(paragraph(f"Story by {series.label}, the first of {len(members)} runs.", class_="quiet"))
        for stories in told.values():
            for story in stories:
                kinds |= {flag.kind: flag.explanation for flag in story.flags if flag.kind not in kinds}
        letters = _letters(kinds)
        blocks += [_prompt(prompt, series, told, letters) for prompt in _prompts(told)]
    if not blocks:
        missing = "No samples are on record: this study wrote no stories."
        return element("section", head, paragraph(missing, class_="missing"), id="samples")
    lead = paragraph(
        "The first story that each checkpoint drew with the study\u2019s seed; none was picked. The beginning that was "
        "given is in grey. Underlined is what a rule found wrong; rules miss things and see things, so these are hints."
    )
    return element("section", head, lead, _legend(kinds), *blocks, id="samples")


def _steps(series: Series) -> list[int]:
    """Return the checkpoints nearest to the boundaries of the card's phases."""
    have = [checkpoint.step for checkpoint in series.checkpoints]
    wanted = [bound * series.steps / REFERENCE_STEPS for bound in PHASES]
    return sorted({min(have, key=lambda step: (abs(step - bound), step)) for bound in wanted})


def _samples(evidence: Evidence, series: Series, step: int) -> list[Story]:
    stories = evidence.stories(series.label, step)
    for mode in MODES:
        if found := [story for story in stories if story.mode == mode]:
            return found
    return []


def _prompts(told: dict[int, list[Story]]) -> list[str]:
    return list(dict.fromkeys(story.prompt for stories in told.values() for story in stories))


def _letters(kinds: dict[str, str]) -> dict[str, str]:
    letters = {kind: letter for kind, (letter, _) in KINDS.items()}
    for kind in kinds:
        if kind not in letters:
            letters[kind] = chr(ord("a") + len(letters)) if len(letters) < 26 else "z"
    return letters


def _legend(kinds: dict[str, str]) -> Html | None:
    if not kinds:
        return None
    letters = _letters(kinds)
    entries = []
    for kind in sorted(kinds, key=lambda kind: letters[kind]):
        meaning = KINDS[kind][1] if kind in KINDS else kinds[kind] or kind
        example = element("span", kind.replace("-", " "), class_=f"flag flag-{letters[kind]}")
        entries.append(element("span", example, element("sup", letters[kind]), f" {meaning}"))
    return element("p", *entries, class_="key")


def _prompt(prompt: str, series: Series, told: dict[int, list[Story]], letters: dict[str, str]) -> Html:
    cards = []
    for step, stories in told.items():
        story = next((story for story in stories if story.prompt == prompt), None)
        if story is not None:
            cards.append(_card(story, series, step, letters))
    title = element("h4", f"\u201c{prompt}\u201d" if prompt else "Nothing given", class_="given")
    return element("div", title, element("div", *cards, class_="stories"), class_="prompt")


def _card(story: Story, series: Series, step: int, letters: dict[str, str]) -> Html:
    name = f"Step {formats.count(step)}" if series.steps else series.label
    shown, rest = _split(story, letters)
    given = element("span", story.prompt, class_="given")
    ending = {"end-of-text": " \u220e", "max-new-tokens": " \u2026", "context": " \u2026"}.get(story.stop_reason, "")
    more = details("the rest", paragraph(rest, ending), class_="printed") if rest else None
    text = paragraph(given, shown, None if rest else ending)
    return element("div", element("h5", name), text, more, class_="story")


def _split(story: Story, letters: dict[str, str]) -> tuple[Html, Html | None]:
    """Return the part of a story that is shown at once, and the rest of a long one."""
    if len(story.text) <= SHOWN * 1.2:
        return flagged(story.text, story.flags, letters, 0, len(story.text)), None
    cut = story.text.rfind(" ", 0, SHOWN)
    cut = SHOWN if cut < SHOWN // 2 else cut
    first = flagged(story.text, story.flags, letters, 0, cut)
    return first, flagged(story.text, story.flags, letters, cut, len(story.text))


def flagged(text: str, flags: tuple[Flag, ...], letters: dict[str, str], start: int, stop: int) -> Html:
    """Return text[start:stop] with its flagged parts marked; where flags overlap, all of them are named."""
    inside = [flag for flag in flags if flag.start < stop and flag.stop > start and flag.start < flag.stop]
    cuts = sorted({start, stop, *(min(max(edge, start), stop) for f in inside for edge in (f.start, f.stop))})
    parts: list[str] = []
    for left, right in itertools.pairwise(cuts):
        here = [flag for flag in inside if flag.start <= left and flag.stop >= right]
        if not here:
            parts.append(text[left:right])
            continue
        ending = [flag for flag in here if flag.stop == right]
        title = "; ".join(dict.fromkeys(flag.explanation or flag.kind for flag in here))
        parts.append(
            element(
                "span", text[left:right], class_=f"flag flag-{letters.get(here[0].kind, 'z')}", title=title, tabindex=0
            )
        )
        if ending:
            parts.append(element("sup", "".join(dict.fromkeys(letters.get(flag.kind, "z") for flag in ending))))
    return markup(*parts)
