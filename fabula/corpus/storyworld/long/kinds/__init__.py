"""The kinds of facts, by what they are about."""

from __future__ import annotations

from fabula.corpus.storyworld.long.facts import FactKind
from fabula.corpus.storyworld.long.kinds.belongings import KINDS as BELONGINGS
from fabula.corpus.storyworld.long.kinds.doings import KINDS as DOINGS
from fabula.corpus.storyworld.long.kinds.likings import KINDS as LIKINGS
from fabula.corpus.storyworld.long.kinds.surroundings import KINDS as SURROUNDINGS

__all__ = ["KINDS", "PHRASES"]

KINDS: tuple[FactKind, ...] = (*BELONGINGS, *LIKINGS, *DOINGS, *SURROUNDINGS)
PHRASES: dict[str, list[str]] = {k: phrases for kind in KINDS for k, phrases in kind.event_phrases().items()}
"""The templates of all kinds, by kind of event."""
