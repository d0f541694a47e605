"""Items from the story world: stories that no corpus has, with the answer known from the record of what happened.

The items are mirrored (design D1): two names of the same pronoun are exchanged throughout the story. They don't depend
on the corpus. How `mirroring` keeps both contexts permutations of the same words, and what `questions` asks, is said
there.
"""

from collections.abc import Callable

from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.world.mirroring import build

Builder = Callable[[StudyCorpus, int, int], list[Item]]


def _builder(probe: str) -> Builder:
    return lambda corpus, seed, limit: build(probe, seed, limit)


BUILDERS: dict[str, Builder] = {
    probe: _builder(probe) for probe in ("world_binding", "world_state", "world_memory", "world_emotion", "world_cause")
}
"""By probe: (corpus, seed, limit) -> at most `limit` items; the corpus isn't read."""
