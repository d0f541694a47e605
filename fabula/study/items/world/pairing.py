"""Items two by two: where the right answer stands in one, the wrong one stands in the other.

So a rule of thumb about places (the first one, the last one) gets exactly one half.
"""

from collections import defaultdict
from collections.abc import Hashable

from fabula.study.items.item import Item


class Pairing:
    """Lets items in by twos, and deals them out condition by condition."""

    def __init__(self) -> None:
        """Begin without items."""
        self._waiting: dict[tuple[str, Hashable], list[Item]] = defaultdict(list)
        self._ready: dict[str, list[Item]] = defaultdict(list)

    def add(self, item: Item, place: Hashable, opposite: Hashable) -> None:
        """Take an item together with one of its condition that stands at the opposite place, now or when there is one.

        Args:
            item: what is added.
            place: where its right and its wrong answer stand.
            opposite: the place with both exchanged.
        """
        partners = self._waiting[item.condition, opposite]
        if partners:
            self._ready[item.condition] += [partners.pop(), item]
        else:
            self._waiting[item.condition, place].append(item)

    def is_enough(self, limit: int) -> bool:
        """Tell whether no condition lacks items, or the common ones have enough for all."""
        counts = [len(items) for items in self._ready.values()]
        return sum(counts) >= 4 * limit or sum(min(count, -(-limit // len(counts))) for count in counts) >= limit

    def in_turn(self, limit: int) -> list[Item]:
        """Take pairs from each condition in turn, so that each stays balanced; at most `limit` items."""
        chosen: list[Item] = []
        pairs = {name: iter(zip(items[::2], items[1::2], strict=True)) for name, items in sorted(self._ready.items())}
        while pairs and len(chosen) < limit:
            for condition in list(pairs):
                pair = next(pairs[condition], None)
                if pair is None:
                    del pairs[condition]
                else:
                    chosen += pair
        return chosen[:limit]
