"""Some seconds of the real training, here, from which the time of a whole run follows. Nothing is written."""

import os
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from fabula.corpus.store import TokenStore
from fabula.model.config import LlamaConfig
from fabula.recipe import Recipe
from fabula.training import costs, machine
from fabula.training.costs import Pace, Span
from fabula.training.loop import Trainer
from fabula.training.processes import Processes
from fabula.training.run import RunFolder

SECONDS = 8.0
"""About how long the measured steps may take together."""
STEPS = 7
"""Steps to plan for, the first not counted; where they are short, more are taken."""
MOST_STEPS = 40
FEWEST = 3
"""Steps that are counted, however long they take."""
SHALLOW = (1, 3)
"""Layers of the two models measured where the whole one is too much: each layer more costs the same."""
LEAST_SPREAD = 0.03
"""No estimate is closer than this: a machine's speed moves more."""
PRODUCT_ROWS = 4_096
STORY_TOKENS, STORY_SPREAD = 210, 85
"""Mean and deviation of a simple story's tokens, TinyStories' and the story world's being 196 to 256, and 55 to 95;
assumed where no token store is at hand."""
STAND_IN_WINDOWS = 64
"""Windows that made-up stories fill at the least."""
NOWHERE = RunFolder(Path("not written"))
"""A Trainer's steps write nothing; its checkpoints would."""


class MadeUpStories:
    """Stories with lengths but no words: what a Trainer asks of a split of a token store, in memory."""

    def __init__(self, vocab_size: int, tokens: int) -> None:
        """Draw about so many tokens, low ids often and high ones seldom."""
        draw = np.random.default_rng(0)
        count = max(8, tokens // STORY_TOKENS)
        lengths = draw.gamma((STORY_TOKENS / STORY_SPREAD) ** 2, STORY_SPREAD**2 / STORY_TOKENS, count)
        self.offsets: NDArray[np.int64] = np.cumsum([0, *np.maximum(8, lengths.round())]).astype(np.int64)
        self.tokens = int(self.offsets[-1])
        self._ids = (vocab_size * draw.random(self.tokens) ** 3).astype(np.int64)

    def read(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return a range of tokens."""
        return self._ids[start:stop]


class MadeUpStore:
    """What a Trainer's steps need of a token store, with nothing on the disk."""

    hash = "made up"
    end_of_text_id = 0

    def __init__(self, vocab_size: int, context: int, windows: int) -> None:
        """Make up stories for at least so many windows."""
        self.vocab_size = vocab_size
        self.train = MadeUpStories(vocab_size, context * max(windows, STAND_IN_WINDOWS))


@dataclass(frozen=True)
class Sample:
    """A part of a step that is measured in its place."""

    layers: int
    windows: int
    """In a micro-batch."""
    micro_batches: int


@dataclass(frozen=True)
class Calibration:
    """What was measured here, and what a step of the recipe takes by it."""

    device: str
    precision: str
    compiled: bool
    """Whether the run will be."""
    product_flops: float
    """FLOP/s of the recipe's own matrix products."""
    pace: Pace
    """The middle half of what was measured."""
    memory_bytes: int | None
    """Peak of this process; None where less than a whole micro-batch was measured."""
    memory_limit: int
    """Bytes of the device, or of this machine."""
    measured: str
    """What was measured, in words."""


def calibrate(recipe: Recipe, store: TokenStore | None, vocab_size: int, mine: Processes) -> Calibration:
    """Time some steps of the recipe's training on this machine.

    Args:
        recipe: what is to be trained.
        store: its corpus; None: stories are made up.
        vocab_size: tokens in the vocabulary.
        mine: this process.

    Raises:
        UserError: a device that isn't there, or a step that doesn't divide into micro-batches.
    """
    machine.keep_freed_memory()
    device = machine.choose_device(recipe.train, mine)
    machine.use_threads(recipe.train, mine)
    precision = recipe.train.precision
    if precision == "auto":
        precision = machine.choose_precision(device, mine)
    recipe = replace(recipe, train=replace(recipe.train, precision=precision))
    config = LlamaConfig.from_recipe(recipe.model, vocab_size)
    windows = min(recipe.train.micro_batch, recipe.smallest_batch)
    per_position = costs.flops(config, attended=config.context / 2).executed
    positions = recipe.windows_before(recipe.train.steps) * config.context
    compiled = machine.choose_compile(recipe.train, device, per_position * positions)
    # On a CPU the compiler would take longer than everything that is measured here.
    measure_compiled = compiled and device.type != "cpu"
    recipe = replace(recipe, train=replace(recipe.train, compile="on" if measure_compiled else "off"))
    given = store or cast(TokenStore, MadeUpStore(vocab_size, config.context, recipe.windows_per_step))
    speed = product_flops(config, windows * config.context, device, precision)
    samples = choose_samples(recipe, windows, per_position / speed)
    measured = [Measured.of(sample, recipe, given, device, mine) for sample in samples]
    whole = samples[0].layers == config.layers and samples[0].windows == windows
    return Calibration(
        device=machine.describe(device)["machine"]["device"],
        precision=precision,
        compiled=compiled,
        product_flops=speed,
        pace=_pace(recipe, measured),
        memory_bytes=machine.peak_memory(device) if whole else None,
        memory_limit=_memory_of(device),
        measured=_in_words(measured, recipe, made_up=store is None)
        + (", without the compiler" if compiled and not measure_compiled else ""),
    )


def product_flops(config: LlamaConfig, positions: int, device: torch.device, precision: str) -> float:
    """Return the FLOP/s of the feed-forward block's products, forward and backward, of the given shapes."""
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    rows = min(positions, PRODUCT_ROWS)
    x = torch.randn(rows, config.hidden, device=device, dtype=dtype)
    weight = torch.randn(config.intermediate, config.hidden, device=device, dtype=dtype)
    y = x @ weight.T
    seconds = []
    for _ in range(5):
        _wait(device)
        started = time.perf_counter()
        torch.mm(x, weight.T)
        torch.mm(y, weight)
        torch.mm(y.T, x)
        _wait(device)
        seconds.append(time.perf_counter() - started)
    return 6.0 * rows * config.hidden * config.intermediate / min(seconds)


def _memory_of(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def choose_samples(recipe: Recipe, windows: int, seconds_per_position: float) -> list[Sample]:
    """Return the largest part of a step that can be repeated in `SECONDS`, on two shallow models if it must be.

    Args:
        recipe: what is to be trained.
        windows: in its micro-batch.
        seconds_per_position: a guess, from the speed of the products alone.
    """
    allowed = SECONDS / STEPS / (2 * seconds_per_position * recipe.model.context)  # the guess is half of the truth
    if allowed >= windows:
        most = recipe.windows_per_step // windows
        return [Sample(recipe.model.layers, windows, max(1, min(most, int(allowed / windows))))]
    if allowed >= 1:
        return [Sample(recipe.model.layers, int(allowed), 1)]
    if recipe.model.layers <= SHALLOW[1]:
        return [Sample(recipe.model.layers, 1, 1)]
    return [Sample(layers, 1, 1) for layers in SHALLOW]


@dataclass(frozen=True)
class Measured:
    """The seconds of a sample's repetitions: of its micro-batches and of the update after them."""

    sample: Sample
    forward_backward: list[float]
    update: list[float]

    @classmethod
    def of(cls, sample: Sample, recipe: Recipe, store: TokenStore, device: torch.device, mine: Processes) -> "Measured":
        """Take a sample's steps with the real Trainer."""
        windows = sample.windows * sample.micro_batches
        part = replace(
            recipe,
            model=replace(recipe.model, layers=sample.layers),
            train=replace(
                recipe.train, micro_batch=sample.windows, tokens_per_step=windows * recipe.model.context, ramp_from=0
            ),
        )
        trainer = Trainer(part, store, device, mine, NOWHERE, "estimate")
        step, update = timed_steps(trainer, SECONDS, MOST_STEPS)
        return cls(sample, [whole - end for whole, end in zip(step, update, strict=True)], update)


def made_up_trainer(recipe: Recipe, vocab_size: int) -> Trainer:
    """Return a recipe's Trainer on a CPU, with made-up stories; its steps write nothing."""
    store = cast(TokenStore, MadeUpStore(vocab_size, recipe.model.context, recipe.windows_per_step))
    alone = Processes(rank=0, count=1, local_rank=0, local_count=1)
    return Trainer(recipe, store, torch.device("cpu"), alone, NOWHERE, "made up")


def timed_steps(trainer: Trainer, seconds: float, most: int, fewest: int = FEWEST) -> tuple[list[float], list[float]]:
    """Take real steps, each on its own batch, for about so many seconds.

    Returns:
        The seconds of each step but the first, and of the update alone, done once more after each.
    """
    yes = torch.ones((), dtype=torch.bool, device=trainer.device)
    whole: list[float] = []
    update: list[float] = []
    begun = time.perf_counter()
    for number in range(1, most + 2):
        batches = trainer.micro_batches.of(number - 1)
        if number == 1 and trainer.compiled:
            trainer._compile(batches[0])
        _wait(trainer.device)
        started = time.perf_counter()
        trainer._step(number, batches).read()
        stepped = time.perf_counter()
        trainer.optimizer.step_if_finite(yes)
        _wait(trainer.device)
        if number > 1:
            whole.append(stepped - started)
            update.append(time.perf_counter() - stepped)
        else:
            begun = time.perf_counter()
        if len(whole) >= fewest and time.perf_counter() - begun > seconds:
            break
    return whole, update


def _pace(recipe: Recipe, measured: list[Measured]) -> Pace:
    """Return the recipe's pace from the samples'."""
    windows = measured[0].sample.windows * measured[0].sample.micro_batches
    forward_backward = _deepened(recipe, [_quartiles(each.forward_backward) for each in measured], measured)
    return Pace(
        window=forward_backward * (1 / windows),
        update=_deepened(recipe, [_quartiles(each.update) for each in measured], measured),
    )


def _quartiles(seconds: list[float]) -> Span:
    """Return the middle half, or a little more where they all agree."""
    first, median, third = statistics.quantiles(seconds, n=4, method="inclusive")
    return Span(min(first, median * (1 - LEAST_SPREAD)), max(third, median * (1 + LEAST_SPREAD)))


def _deepened(recipe: Recipe, spans: list[Span], measured: list[Measured]) -> Span:
    """Follow the line through two depths to the recipe's own."""
    if len(spans) == 1:
        return spans[0]
    shallow, deep = (each.sample.layers for each in measured)
    layers = (recipe.model.layers - shallow) / (deep - shallow)
    ends = [first + layers * max(0.0, second - first) for first, second in zip(*map(_ends, spans), strict=True)]
    return Span(min(ends), max(ends))


def _ends(span: Span) -> tuple[float, float]:
    return span.low, span.high


def _in_words(measured: list[Measured], recipe: Recipe, *, made_up: bool) -> str:
    sample = measured[0].sample
    count = " and ".join(str(len(each.update)) for each in measured)
    part = f"{sample.micro_batches} micro-batch{'es' * (sample.micro_batches > 1)} of "
    part += f"{sample.windows} window{'s' * (sample.windows > 1)}"
    if len(measured) == 1 and sample.windows * sample.micro_batches == recipe.windows_per_step:
        part = f"whole steps, {part}"
    depth = ""
    if len(measured) > 1:
        depth = f" with {measured[0].sample.layers} and {measured[1].sample.layers} layers, the rest in proportion"
    return f"{count} times {part}{depth}, on {'made-up stories' if made_up else 'the corpus'}"
