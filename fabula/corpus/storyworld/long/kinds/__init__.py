"""The kinds of facts, by what they are about."""

from __future__ import annotations

from fabula.corpus.storyworld.long.facts import FactKind
from fabula.corpus.storyworld.long.kinds.belongings import KINDS as BELONGINGS
from fabula.corpus.storyworld.long.kinds.doings import KINDS as DOINGS
from fabula.corpus.storyworld.long.kinds.likings import KINDS as LIKINGS
from fabula.corpus.storyworld.long.kinds.names import KINDS as NAMES
from fabula.corpus.storyworld.long.kinds.surroundings import KINDS as SURROUNDINGS

__all__ = ["KINDS", "NAMES", "PHRASES", "TOLD"]

TOLD: tuple[FactKind, ...] = (*BELONGINGS, *LIKINGS, *DOINGS, *SURROUNDINGS)
"""Kinds that are told, and recalled in other words."""
KINDS: tuple[FactKind, ...] = (*NAMES, *TOLD)
PHRASES: dict[str, list[str]] = {k: phrases for kind in KINDS for k, phrases in kind.event_phrases().items()}
"""The templates of all kinds, by kind of event."""
