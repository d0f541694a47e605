"""Clients that stay: how many stories a studio tells at once, and how evenly. And clients that leave."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.studio.client import Address, BrokenAnswerError, Exchange, stream
from bench.studio.server import figures

PROMPTS = ("Once upon a time, there was a", "One day, a boy named Tom", "The cat and the dog", "Lily was sad because")
STORY_TOKENS = 200
SETTLE_SECONDS = 30.0
"""How long stories may go on after their clients have left, before that counts as a fault."""
OPEN, WAITING = "fabula_stories_open", "fabula_orders_waiting"
MEMORY, CANCELLED = "process_resident_memory_bytes", "fabula_stories_cancelled_total"


@dataclass
class Load:
    """What clients saw that asked for one story after the other."""

    clients: int
    seconds: float = 0.0
    """From the first request to the last token."""
    accepted: int = 0
    completed: int = 0
    refused: int = 0
    """429s."""
    faults: Counter[str] = field(default_factory=Counter)
    """Anything else; must be empty."""
    tokens: int = 0
    first: list[float] = field(default_factory=list)
    """Seconds to each story's first token."""
    gaps: list[float] = field(default_factory=list)
    """Seconds between two tokens of one story."""
    memory: tuple[float, float] = (0.0, 0.0)
    """Bytes before and after."""

    @property
    def tokens_per_second(self) -> float:
        """Of all stories together."""
        return self.tokens / self.seconds if self.seconds else 0.0


@dataclass
class Leaving:
    """What was left of clients that vanished in the middle."""

    clients: int
    rounds: int
    cancelled: int
    """Stories that the studio gave up."""
    settled: float
    """Seconds until no story was open and none waited, in the slowest round."""
    open: int
    """Stories still open or waiting after the last round; must be 0."""
    memory: list[float]
    """Bytes before, and after each round."""


def story(model: str, seed: int) -> dict[str, Any]:
    """Return a request for a story that no other client asks for."""
    return {
        "model": model,
        "prompt": PROMPTS[seed % len(PROMPTS)],
        "max_tokens": STORY_TOKENS,
        "temperature": 0.8,
        "seed": seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def load(address: Address, model: str, clients: int, seconds: float) -> Load:
    """Have clients ask for stories for some seconds; what they began by then they read to its end."""
    found = Load(clients)
    before = (await figures(address))[MEMORY]
    begun = time.perf_counter()

    async def client(number: int) -> None:
        seed = number
        while time.perf_counter() - begun < seconds:
            seed += clients
            try:
                told = await stream(address, story(model, seed))
            except (BrokenAnswerError, OSError, TimeoutError) as error:
                found.faults[f"{type(error).__name__}: {error}"] += 1
                continue
            if told.status == 200:
                found.accepted += 1
                found.completed += told.finished
                found.tokens += told.tokens
                found.first.append(told.first)
                found.gaps += told.gaps
            elif told.status == 429:
                found.refused += 1
                await asyncio.sleep(told.retry_after)
            else:
                found.faults[f"status {told.status}"] += 1

    await asyncio.gather(*(client(number) for number in range(clients)))
    found.seconds = time.perf_counter() - begun
    found.memory = (before, (await figures(address))[MEMORY])
    return found


async def leave(address: Address, model: str, clients: int, rounds: int) -> Leaving:
    """Have clients ask for stories and vanish, some before the first token, some after a few."""
    chance = random.Random(0)
    before = await figures(address)
    memory, settled = [before[MEMORY]], 0.0

    async def client(seed: int, patience: float) -> None:
        async with Exchange(address) as exchange:
            try:
                async with asyncio.timeout(patience):
                    await exchange.send(address.request("/v1/completions", story(model, seed)))
                    async for _ in exchange.parts():
                        pass
            except (TimeoutError, BrokenAnswerError):
                pass
            exchange.abort()

    for number in range(rounds):
        seeds = range(number * clients, (number + 1) * clients)
        await asyncio.gather(*(client(seed, chance.uniform(0, 2)) for seed in seeds))
        settled = max(settled, await _settled(address))
        memory.append((await figures(address))[MEMORY])
    after = await figures(address)
    cancelled = int(after[CANCELLED] - before[CANCELLED])
    return Leaving(clients, rounds, cancelled, settled, int(after[OPEN] + after[WAITING]), memory)


async def _settled(address: Address) -> float:
    """Wait until nothing is told; return the seconds that it took."""
    begun = time.perf_counter()
    while True:
        now = await figures(address)
        passed = time.perf_counter() - begun
        if not now[OPEN] + now[WAITING] or passed > SETTLE_SECONDS:
            return passed
        await asyncio.sleep(0.02)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of them lies; NaN of none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
