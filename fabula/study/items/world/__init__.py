"""Items from the story world: stories that no corpus has, with the answer known from the record of what happened.

The items are mirrored (design D1). In short stories two names of the same pronoun are exchanged throughout: how
`mirroring` keeps both contexts permutations of the same words, and what `questions` asks, is said there. In long ones
two facts exchange their values (`recalling`). None of them depends on the corpus.
"""

from collections.abc import Callable

from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.world import recalling
from fabula.study.items.world.mirroring import build

Builder = Callable[[StudyCorpus, int, int], list[Item]]


OF_SHORT_STORIES = ("world_binding", "world_state", "world_memory", "world_emotion", "world_cause")


def _builder(probe: str) -> Builder:
    return lambda corpus, seed, limit: build(probe, seed, limit)


BUILDERS: dict[str, Builder] = {
    **{probe: _builder(probe) for probe in OF_SHORT_STORIES},
    recalling.PROBE: lambda corpus, seed, limit: recalling.build(seed, limit),
}
"""By probe: (corpus, seed, limit) -> at most `limit` items; the corpus isn't read."""
