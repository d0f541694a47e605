"""What characters say: quotation marks that close, and a word for who speaks."""

import re
from typing import NamedTuple

from fabula.study.text import SPEECH_VERBS, Span

MARK = re.compile(r"[\"\u201c\u201d]")
BEFORE = re.compile(r"(?:^|[\s(\[\u2014\u2013-])$")
"""What stands before an opening mark."""
SPEECH = re.compile(
    rf"\b(?:{SPEECH_VERBS}|say|ask|shout|reply|answer|whisper|yell|call|explained|agreed|added|giggled|sang|screamed|"
    r"begged|warned|suggested|thanked|nodded|replying|saying|asking|shouting|announced|continued|responded|cheered|"
    r"screamed|greeted|promised|declared|sighed|decided|spoke|repeated|meowed|barked|roared|squeaked|chirped)\b"
)
"""Somebody speaks."""
NEAR = 80
"""Characters before and behind a quotation in which the word for who speaks may stand."""


class Quotations(NamedTuple):
    """The quotation marks of a text, paired."""

    closed: list[Span]
    """Characters of each quotation, its two marks among them."""
    bad: list[int]
    """Where marks stand that have no partner."""


def quotations(text: str, complete: bool = True) -> Quotations:
    """Pair the quotation marks of a text.

    A straight mark between a blank and a letter opens a quotation, one between a letter or full stop and a blank closes
    it; where that doesn't tell, it does what is due.

    Args:
        text: prompt and continuation.
        complete: the story ended; when it was cut off, a quotation that is still open at the end is no mistake.
    """
    closed: list[Span] = []
    bad: list[int] = []
    opened: int | None = None
    for match in MARK.finditer(text):
        at = match.start()
        if _opens(text, at, opened is not None):
            if opened is not None:
                bad.append(opened)
            opened = at
        elif opened is None:
            bad.append(at)
        else:
            closed.append((opened, at + 1))
            opened = None
    if opened is not None and complete:
        bad.append(opened)
    return Quotations(closed, bad)


def _opens(text: str, at: int, inside: bool) -> bool:
    """Say whether the mark at a place opens a quotation."""
    if text[at] != '"':
        return text[at] == "\u201c"
    blank_before = BEFORE.search(text[max(0, at - 1) : at]) is not None
    blank_behind = at + 1 == len(text) or text[at + 1].isspace()
    if blank_before == blank_behind:
        return not inside
    return blank_before


def spoken(text: str, quotation: Span) -> bool:
    """Say whether a word for speaking stands beside a quotation."""
    start, stop = quotation
    beside = text[max(0, start - NEAR) : start] + "\n" + text[stop : stop + NEAR]
    return SPEECH.search(beside) is not None
