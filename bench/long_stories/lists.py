"""Lists said again word by word: what a model learns from before it learns from long stories.

On long stories alone, small models did not find in a few million tokens that what once followed a word follows it
again. On short lists, repeated at uneven distances, they find it in a quarter of a million. First the lists have the
few words of the counting rhymes, then also names and what they go with, in random pairings.
"""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from fabula.corpus.storyworld.lexicon.facts import POOLS
from fabula.corpus.storyworld.lexicon.people import ANIMAL_NAMES, BOYS, GIRLS
from fabula.corpus.storyworld.long.kinds import NAMES
from fabula.corpus.storyworld.long.rhymes import WORDS
from fabula.files import write_text

LISTS = 9_000
ROUNDS = 5
"""Times that each list is said."""
SHORTEST, LONGEST = 4, 20
"""Words of a list."""
BETWEEN = 12
"""Other words before it at most, so that how far back it stands says nothing."""
STAGES = {"rhymes": 0.0, "names": 0.6}
"""Share of the lists that have names in them, by stage."""


def write(path: Path, stage: str) -> None:
    """Write the lists of a stage, a pure function of its name, as JSON lines."""
    write_text(path, "".join(json.dumps({"text": text}) + "\n" for text in _lists(stage)))


def _lists(stage: str) -> Iterator[str]:
    pools = {pool for kind in NAMES for pool in (kind.keys, kind.values) if pool in POOLS}
    names = {*GIRLS, *BOYS, *ANIMAL_NAMES["she"], *ANIMAL_NAMES["he"]}.union(*(POOLS[pool] for pool in pools))
    return said_again(WORDS, sorted(names), STAGES[stage], LISTS, random.Random(f"lists/{stage}"))


def said_again(
    few: Sequence[str], many: Sequence[str], share: float, count: int, chance: random.Random
) -> Iterator[str]:
    """Draw lists of words, each said `ROUNDS` times: a `share` of them from the many words, the rest from the few."""
    for _ in range(count):
        words = many if chance.random() < share else few
        said = chance.sample(words, chance.randint(SHORTEST, LONGEST))
        rounds = ([*chance.sample(words, chance.randint(0, BETWEEN)), *said] for _ in range(ROUNDS))
        yield ", ".join(" ".join(words_of_round) for words_of_round in rounds) + ","
