"""Phrases: for each kind of event the templates that can tell it, and how feelings show."""

from __future__ import annotations

from fabula.corpus.storyworld.long.kinds import PHRASES as FACTS
from fabula.corpus.storyworld.telling.phrases.chapters import PHRASES as CHAPTERS
from fabula.corpus.storyworld.telling.phrases.doing import PHRASES as DOING
from fabula.corpus.storyworld.telling.phrases.everyday import PHRASES as EVERYDAY
from fabula.corpus.storyworld.telling.phrases.feelings import REACTIONS, REASONS
from fabula.corpus.storyworld.telling.phrases.meeting import PHRASES as MEETING
from fabula.corpus.storyworld.telling.phrases.trouble import PHRASES as TROUBLE

__all__ = ["PHRASES", "REACTIONS", "REASONS"]

PHRASES: dict[str, list[str]] = {**EVERYDAY, **DOING, **MEETING, **TROUBLE, **CHAPTERS, **FACTS}
