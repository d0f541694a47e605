"""Questions made from held-out stories, by probe."""

from collections.abc import Callable

from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Item
from fabula.study.items.natural.characters import argument_swap, first_pronoun, name_cloze
from fabula.study.items.natural.continuation import ending, intruder, resolution
from fabula.study.items.natural.far_context import far_context
from fabula.study.items.natural.grammar import grammar
from fabula.study.items.natural.order import adjacent_swap, order
from fabula.study.items.natural.wording import connective, emotion_word

BUILDERS: dict[str, Callable[[StudyCorpus, int, int], list[Item]]] = {
    "grammar": grammar,
    "name_cloze": name_cloze,
    "argument_swap": argument_swap,
    "first_pronoun": first_pronoun,
    "intruder": intruder,
    "far_context": far_context,
    "ending": ending,
    "resolution": resolution,
    "order": order,
    "adjacent_swap": adjacent_swap,
    "connective": connective,
    "emotion_word": emotion_word,
}
"""Each takes (corpus, seed, limit) and returns at most `limit` items: a function of these alone."""
