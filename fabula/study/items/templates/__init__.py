"""Items from seeded templates, all mirrored (design D1).

An item is a pure function of the corpus, the seed and its place in the list; only `cause` reads the corpus, to tell
which causes and effects the training stories bring together. Chance is 0.5 and the ceiling 1 by construction.
"""

import random
from collections.abc import Callable

from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.templates import binding, cause, emotion, memory, state
from fabula.study.items.templates.mirrored import entity_makers, spread

Builder = Callable[[StudyCorpus, int, int], list[Item]]


def _binding(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    return spread(_chance(seed, "binding"), entity_makers("binding", binding.FAMILIES), limit)


def _state(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    return spread(_chance(seed, "state"), entity_makers("state", state.FAMILIES), limit)


def _emotion(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    return spread(_chance(seed, "emotion"), emotion.makers("emotion"), limit)


def _memory(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    return spread(_chance(seed, "memory"), memory.makers("memory"), limit)


def _cause(corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    return spread(_chance(seed, "cause"), cause.makers("cause", corpus.train), limit)


def _chance(seed: int, probe: str) -> random.Random:
    return random.Random(f"{seed}/{probe}")


BUILDERS: dict[str, Builder] = {
    "binding": _binding,
    "state": _state,
    "emotion": _emotion,
    "memory": _memory,
    "cause": _cause,
}
"""By probe: (corpus, seed, limit) -> at most `limit` items, spread evenly over conditions and families."""
