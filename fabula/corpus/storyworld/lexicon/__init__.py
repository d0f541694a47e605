"""The words of the story world, typed so that only sensible combinations can be made."""

from __future__ import annotations

import re


def listed(text: str) -> list[str]:
    """Return the words of a list written on a line: separated by "|" or "," where there is one, else by blanks."""
    separator = next((s for s in ("|", ",") if s in text), None)
    return [re.sub(r"\s+", " ", word.strip()) for word in text.split(separator)]
