"""How many guesses a story gets: as many as pay, none where none does.

With an acceptance rate a, k guesses bring 1 + a + ... + a^k tokens in one read (Leviathan et al., 2023, equation 1).
What reading k more rows costs, and what a guess costs, is measured while stories are told. Times decide how fast a
story comes, never what it says.
"""

from bisect import bisect_left
from collections import deque

MOST = 8
"""Guesses at once, at most."""
PROBE = 64
"""Every so many reads one is done the other way, without guesses or with some, in case the best has changed."""
GAIN = 1.02
"""Guesses must promise at least this times the speed without any: a clock is not that exact."""
PLAN_READS = 8
"""Every so many reads the costs are looked at again, once some are known: looking takes time too."""
RATES = 64
"""Steps in which acceptance rates are told apart."""
KEPT = 5
"""Times kept for a number of rows; their median counts."""
SHORTEST = 1e-9
"""Seconds: a coarse clock may say 0."""
EXACT_ROWS = 16
"""Up to here every number of rows has times of its own; above, numbers within an eighth share theirs."""
ROW_COST = 0.15
"""What twice the rows are first supposed to add to a read's time. Low, so that guesses are tried: then it is known."""
FIRST_RATE, FIRST_WEIGHT = 0.6, 4.0
"""The acceptance rate supposed before anything is known, and how many guesses' worth that is."""
STORY_WEIGHT = 6.0
"""How many guesses' worth all stories' rate is to one story."""
STORY_MEMORY, SHARED_MEMORY = 0.98, 0.998
"""What is left of an old guess's weight after one more, in a story and in all of them."""
LEAST_PER_COST = 0.75
"""From what one more row costs, in reads, to the least probability worth guessing. Guesses of an n-gram draft at a
model's stories: best 0.02 at 0.03, 0.07 at 0.1, 0.15 at 0.2, 0.25 at 0.35, 0.4 at 0.5."""
LEAST_LOWEST, LEAST_HIGHEST = 0.02, 0.8


class Pace:
    """Decides how many guesses each story gets.

    In a step: `ask` for every story that can be guessed at, then `drafted` once for all guesses made, then `timed`
    for the read if it read nothing but these stories' last tokens and guesses, then `record` for every story. `forget`
    a story when it ends. A draft that knows how probable its guesses are leaves out those below `least`.
    """

    def __init__(self, most: int = MOST) -> None:
        """Give a story at most `most` guesses at once."""
        self.most = most
        self._rates: dict[int, _Rate] = {}
        self._shared = _Rate(FIRST_RATE * FIRST_WEIGHT, FIRST_WEIGHT, SHARED_MEMORY)
        self._costs = RowCosts()
        self._guess_seconds: deque[float] = deque(maxlen=KEPT)
        self._guess_cost = 0.0
        self._reads = 0
        self._plan = _Plan(0, [])

    @property
    def least(self) -> float:
        """Probability below which a guess isn't worth a row."""
        stories = max(1, len(self._rates))
        if not self._costs.known:
            return LEAST_LOWEST
        once, twice = self._costs.seconds(stories), self._costs.seconds(2 * stories)
        return min(LEAST_HIGHEST, max(LEAST_LOWEST, LEAST_PER_COST * (twice - once) / once))

    def ask(self, story: int) -> int:
        """Return how many guesses a story gets in this step."""
        rate = self._rates.setdefault(story, _Rate(0.0, 0.0, STORY_MEMORY))
        if not self._costs.known_near(len(self._rates)):
            return 0
        best = self._planned().best(rate.mixed(self._shared))
        if self._reads % PROBE:
            return best
        return 0 if best else min(2, self.most)

    def record(self, story: int, guessed: int, accepted: int) -> None:
        """Take in that a story's first `accepted` of `guessed` guesses were right."""
        assert 0 <= accepted <= guessed
        judged = min(guessed, accepted + 1)  # What follows a wrong guess says nothing about the draft.
        self._shared.add(accepted, judged)
        if story in self._rates:
            self._rates[story].add(accepted, judged)

    def timed(self, rows: int, seconds: float) -> None:
        """Take in what it took to read and draw that many rows, all stories' together."""
        self._reads += 1
        self._costs.add(rows, seconds)
        if self._reads < PROBE or self._reads % PLAN_READS == 0:
            self._plan = _Plan(0, [])

    def drafted(self, tokens: int, seconds: float) -> None:
        """Take in what it took to guess that many tokens, all stories' together."""
        if tokens:
            self._guess_seconds.append(seconds / tokens)
            self._guess_cost = sorted(self._guess_seconds)[len(self._guess_seconds) // 2]

    def forget(self, story: int) -> None:
        """Forget a story; nothing happens to one that isn't known."""
        self._rates.pop(story, None)

    def _planned(self) -> "_Plan":
        stories = len(self._rates)
        if self._plan.stories != stories:
            rows = [stories * (1 + guesses) for guesses in range(self.most + 1)]
            times = [self._costs.seconds(count) + (count - stories) * self._guess_cost for count in rows]
            self._plan = _Plan(stories, times)
        return self._plan


class _Plan:
    """The best number of guesses for every acceptance rate, as long as costs don't change."""

    def __init__(self, stories: int, seconds: list[float]) -> None:
        """Take what a step of so many stories takes when each gets 0, 1, ... guesses."""
        self.stories = stories
        self._seconds = seconds
        self._known: dict[int, int] = {}

    def best(self, rate: float) -> int:
        """Return the number of guesses with the most tokens a second, were all stories given as many."""
        rounded = round(rate * RATES)
        if rounded not in self._known:
            self._known[rounded] = self._find(rounded / RATES)
        return self._known[rounded]

    def _find(self, rate: float) -> int:
        best, best_speed = 0, GAIN / self._seconds[0]
        tokens = chance = 1.0
        for guesses in range(1, len(self._seconds)):
            chance *= rate
            tokens += chance
            if tokens / self._seconds[guesses] > best_speed:
                best, best_speed = guesses, tokens / self._seconds[guesses]
        return best


class _Rate:
    """A share of right guesses, of which old ones count less and less."""

    def __init__(self, right: float, judged: float, memory: float) -> None:
        self.right = right
        self.judged = judged
        self.memory = memory

    def add(self, right: int, judged: int) -> None:
        kept = self.memory**judged
        self.right = self.right * kept + right
        self.judged = self.judged * kept + judged

    def mixed(self, shared: "_Rate") -> float:
        """Return this rate, as far as it is known, and else the shared one."""
        right = self.right + STORY_WEIGHT * shared.right / shared.judged
        return right / (self.judged + STORY_WEIGHT)


class RowCosts:
    """What a read takes, by its number of rows: running medians, and straight lines between them."""

    def __init__(self) -> None:
        self._times: dict[int, deque[float]] = {}
        self._rows: list[int] = []
        """Of which there are times, ascending."""
        self._medians: list[float] = []
        self._expected: list[float] = []
        """The medians, ascending; empty until they are asked for."""

    @property
    def known(self) -> bool:
        """Whether there is any time at all."""
        return bool(self._rows)

    def known_near(self, rows: int) -> bool:
        """Whether a time is known for about as few rows, or fewer."""
        return self.known and self._rows[0] <= 1.5 * rows

    def add(self, rows: int, seconds: float) -> None:
        """Take in one read's time."""
        assert rows > 0
        rows, seconds = _bucket(rows), max(seconds, SHORTEST)
        place = bisect_left(self._rows, rows)
        if rows not in self._times:
            self._times[rows] = deque(maxlen=KEPT)
            self._rows.insert(place, rows)
            self._medians.insert(place, seconds)
        times = self._times[rows]
        times.append(seconds)
        self._medians[place] = sorted(times)[len(times) // 2]
        self._expected = []

    def seconds(self, rows: int) -> float:
        """Return what a read of that many rows is expected to take."""
        assert self.known
        if not self._expected:
            self._expected = _ascending(self._medians, [len(self._times[known]) for known in self._rows])
        known, times = self._rows, self._expected
        if len(known) == 1:
            return times[0] * (1 + max(-0.5, ROW_COST * (rows - known[0]) / known[0]))
        after = min(max(bisect_left(known, rows), 1), len(known) - 1)
        slope = (times[after] - times[after - 1]) / (known[after] - known[after - 1])
        return max(times[after - 1] + slope * (rows - known[after - 1]), times[0] / 2)


def _bucket(rows: int) -> int:
    if rows <= EXACT_ROWS:
        return rows
    step = 1 << (rows.bit_length() - 4)
    return (rows + step // 2) // step * step


def _ascending(medians: list[float], weights: list[int]) -> list[float]:
    """Return some medians, pooled where they fall: more rows never take less.

    That is isotonic regression by pooling adjacent violators (Ayer et al., 1955).
    """
    pools: list[tuple[float, int, int]] = []  # its seconds, their weight, and how many medians it holds
    for seconds, weight in zip(medians, weights, strict=True):
        held = 1
        while pools and pools[-1][0] > seconds:
            before, its_weight, its_held = pools.pop()
            seconds = (seconds * weight + before * its_weight) / (weight + its_weight)
            weight, held = weight + its_weight, held + its_held
        pools.append((seconds, weight, held))
    return [seconds for seconds, _, held in pools for _ in range(held)]
