"""Phrases: for each kind of event the templates that can tell it, and how feelings show."""

from __future__ import annotations

from fabula.corpus.storyworld.telling.phrases import common, doing, feelings, meeting, trouble

PHRASES: dict[str, list[str]] = {
    **common.PHRASES,
    **doing.PHRASES,
    **meeting.PHRASES,
    **trouble.PHRASES,
}
REACTIONS = feelings.REACTIONS
REASONS = feelings.REASONS
