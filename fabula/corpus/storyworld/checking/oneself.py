"""What nobody can do: talk to themselves by name, meet themselves, or be called himself and herself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fabula.corpus.storyworld.record import Character

SAID = "said|asked|called|cried|shouted|answered|replied|added|exclaimed|cheered"
"""Verbs of speech, as alternatives of a pattern."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a narration."""
    return [s for s in _SENTENCE_END.split(text) if s]


def wrong_reflexives(cast: Sequence[Character], narration: str) -> list[str]:
    """Return where somebody of the cast is called himself or herself, or has his or her own, and is the other."""
    problems = []
    for sentence in sentences_of(narration):
        for found in re.finditer(r"\b([A-Z]\w+) \w+ (?:at )?(himself|herself|(?:his|her) own)\b", sentence):
            who = next((c for c in cast if c.name == found[1]), None)
            if who and (found[2].startswith("hi")) != (who.pronoun == "he"):
                problems.append(f"{who.name} is not {found[2]!r}")
    return problems


def done_to_oneself(cast: Sequence[Character], text: str, narration: str) -> list[str]:
    """Return where somebody of the cast talks to themselves by name, or is told of as two people.

    `narration` is the text without what is said in it.
    """
    problems = []
    for who in cast:
        if not who.named or who.name not in text:
            continue
        name, said = re.escape(who.name), f"(?:{SAID})"
        before = rf'\b{name} {said}[^".]*, "[^"]*[a-z], {name}[!.?,]'
        after = rf'[a-z], {name}[!.?,][^"]*" (?:{said} {name}\b(?!.s)|{name} {said}[^",]*\.)'
        if re.search(before, text) or re.search(after, text):
            problems.append(f"{who.name} speaks to themselves")
        if re.search(rf"\b{name} and {name}\b", text):
            problems.append(f"{who.name} is told of as two people")
        if re.search(
            rf"(?<![\w.] ){name} [^.!?\"]*\b(?:to|from|with|at|of|for|by|find|saw|hugged|thanked) {name}\b(?!')",
            narration,
        ):
            problems.append(f"{who.name} does something to themselves")
    return problems
