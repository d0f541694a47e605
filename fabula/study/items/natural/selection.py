"""Which of all possible questions are asked: as many of every kind as there are, from as many stories as possible."""

import itertools
import random
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from fabula.study.items.item import Item
from fabula.study.items.natural.narratives import Content, Narrative, content

Kind = TypeVar("Kind", str, tuple[str, str])


def balanced(
    stories: Sequence[Narrative],
    limit: int,
    chance: random.Random,
    ask: Callable[[Narrative], Iterable[tuple[Kind, Item]]],
    twins: Callable[[Kind], Hashable] | None = None,
) -> list[Item]:
    """Take at most `limit` items, kind after kind in turn.

    Of each kind those of different stories come first. Kinds for which `twins` says the same are asked equally often.
    """
    order = list(stories)
    chance.shuffle(order)
    depth: dict[tuple[str, Kind], int] = {}
    found: dict[Kind, list[tuple[int, int, Item]]] = {}
    known: set[Content] = set()
    for place, story in enumerate(order):
        for kind, item in ask(story):
            if content(item) in known:
                continue
            known.add(content(item))
            turn = depth[story.cluster, kind] = depth.get((story.cluster, kind), 0) + 1
            found.setdefault(kind, []).append((turn, place, item))
    for entries in found.values():
        entries.sort(key=lambda entry: entry[:2])
    if twins:
        found = _evened(found, twins)
    rounds = itertools.zip_longest(*(found[kind] for kind in sorted(found)))
    return [entry[2] for entries in rounds for entry in entries if entry][:limit]


def _evened(
    found: dict[Kind, list[tuple[int, int, Item]]], twins: Callable[[Kind], Hashable]
) -> dict[Kind, list[tuple[int, int, Item]]]:
    """Cut each kind to as many as its rarest twin has; a kind without a twin isn't asked at all."""
    lengths: dict[Hashable, list[int]] = {}
    for kind, entries in found.items():
        lengths.setdefault(twins(kind), []).append(len(entries))
    least = {group: min(counts) if len(counts) > 1 else 0 for group, counts in lengths.items()}
    return {kind: entries[: least[twins(kind)]] for kind, entries in found.items()}
