"""Checking a told story without the simulator: is its record possible, and does its text say what the record says?

`replay` runs the record from its initial state under its own rules. `reading` takes the text apart by patterns and
compares what it states with the replayed state at that point. `facts` compares what a long story recalls with what it
told before. None of them uses the world's actions, the phrases or the teller; they share only the lexicon and the names
of the events, as a reader and a writer share a language.
"""

from __future__ import annotations

from fabula.corpus.storyworld.checking.facts import misremembered
from fabula.corpus.storyworld.checking.reading import misreadings
from fabula.corpus.storyworld.checking.replay import replay
from fabula.corpus.storyworld.record import Story


def contradictions(story: Story) -> list[str]:
    """Return every conflict inside the record and between record and text; an empty list when there is none."""
    problems, states = replay(story.record)
    if problems:
        return problems
    return misreadings(story, states) + misremembered(story)
