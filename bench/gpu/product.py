"""Fabula's own training loop on the GPU: its speed, what its steps wait for, and what fits a smaller GPU."""

import contextlib
import gc
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from bench.gpu import trace
from bench.gpu.flops import executed_flops
from bench.gpu.settings import ALONE, Settings, memory
from fabula import recipe as recipes
from fabula.corpus.packing import PADDING, Batch
from fabula.errors import UserError
from fabula.recipe import Recipe
from fabula.training.data import MicroBatches, open_corpus, schedule
from fabula.training.loop import Trainer, train
from fabula.training.machine import describe, peak_flops
from fabula.training.run import RunFolder
from fabula.training.step import Step

WARM_UP = 6
"""Steps not counted: first touches, and the figures that come some steps late."""
PROFILED = 3
"""Steps in the profile."""
SIZES = (64, 32, 16, 8, 4, 2, 1)
"""Micro-batches tried for a smaller GPU, largest first."""
CHUNKS = {24.0: 4096, 12.0: 1024}
"""Tokens whose logits exist at once, by the GPU's GiB."""


def machine(settings: Settings) -> dict[str, Any]:
    """Return what the machine is, and the programs on it."""
    device = settings.torch_device
    found = describe(device) | {"peak_flops_of_the_data_sheet": peak_flops(device)}
    if device.type == "cuda":
        found["memory_bytes"] = torch.cuda.get_device_properties(device).total_memory
        found["cuda"] = torch.version.cuda
    return found


def run(settings: Settings, recipe: str, packing: str, micro_batch: int) -> dict[str, Any]:
    """Train for some steps as `fabula train` does; `recipe` names a shipped one, or is empty for the measured one."""
    change: dict[str, Any] = {"micro_batch": micro_batch} | ({"packing": packing} if packing else {})
    return _speed(settings, _short(settings, settings.load(recipe, **change)))


def _short(settings: Settings, recipe: Recipe) -> Recipe:
    """Return a recipe of a few steps, all of full size, that saves nothing on the way."""
    steps = WARM_UP + settings.steps
    windows = recipe.windows_per_step
    size = min(recipe.train.micro_batch, windows)
    return recipes.from_table(
        {
            "train": {"steps": steps, "save_every": steps, "micro_batch": size, "ramp_from": 0},
            "series": {"steps": [steps]},
        },
        recipe,
    )


def _speed(settings: Settings, recipe: Recipe) -> dict[str, Any]:
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        train(recipe, Path(folder) / "run", "measured")
        metrics = RunFolder(Path(folder) / "run").metrics()
    # The last steps aren't counted either: before a checkpoint their figures are awaited all at once.
    counted = metrics[WARM_UP:-3] or metrics
    speeds = [entry["tokens_per_second"] for entry in counted]
    flops = statistics.median(entry["flops_per_second"] for entry in counted)
    first = MicroBatches(recipe, schedule(recipe, open_corpus(recipe, ALONE), ALONE), ALONE).of(0)
    executed = executed_flops(settings.shape(recipe), settings.rows, first) / sum(
        int((b.targets != PADDING).sum()) for b in first
    )
    return {
        "packing": recipe.train.packing,
        "micro_batch": recipe.train.micro_batch,
        "loss_chunk": recipe.train.loss_chunk,
        "steps": len(counted),
        "tokens_per_second": statistics.median(speeds),
        "tokens_per_second_range": [min(speeds), max(speeds)],
        "model_flops_per_second": flops,
        "executed_flops_per_second": statistics.median(speeds) * executed,
        "wall_seconds": time.perf_counter() - started,
        "losses": [entry["loss"] for entry in metrics],
        **memory(settings.torch_device),
    }


def run_within(settings: Settings, gibibytes: float, largest: int) -> dict[str, Any]:
    """Find the largest micro-batch, from `largest` down, that trains where PyTorch is lent no more than a GPU has.

    A gibibyte is left to the driver, whose share PyTorch doesn't count.
    """
    tried = []
    for size in [size for size in SIZES if size <= min(largest, settings.load().windows_per_step)]:
        recipe = settings.load(packing="stories", micro_batch=size, loss_chunk=CHUNKS.get(gibibytes, 2048))
        try:
            with _allowance(settings.torch_device, gibibytes - 1):
                found = _speed(settings, _short(settings, recipe))
        except (torch.OutOfMemoryError, UserError) as error:
            tried.append({"micro_batch": size, "failed": str(error).splitlines()[0]})
            continue
        return {**found, "gibibytes": gibibytes, "too_large": tried}
    raise UserError(f"no micro-batch of stories fits {gibibytes:g} GiB")


@contextlib.contextmanager
def _allowance(device: torch.device, gibibytes: float) -> Iterator[None]:
    """Let PyTorch allocate only so much."""
    torch.compiler.reset()
    gc.collect()
    if device.type != "cuda":
        yield
        return
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, gibibytes * 2**30 / total), device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


class Watch:
    """Stands beside a run: forbids its steps to wait for the device, and profiles some of them."""

    def __init__(self, device: torch.device) -> None:
        """Nothing has been seen yet."""
        self.device = device
        self.steps = 0
        self.submitted: dict[int, float] = {}
        """When the host had given the device each step's work."""
        self.ready: dict[int, float] = {}
        """When each step's batch lay ready in host memory."""
        self.seconds_to_submit: list[float] = []
        self.spans: list[trace.Span] = []
        self.profiler: Any = None

    @contextlib.contextmanager
    def over_runs(self) -> Iterator[None]:
        """Watch every training in the block."""
        step, of = Trainer._step, MicroBatches.of

        def watched_step(trainer: Trainer, number: int, micro_batches: list[Batch]) -> Step:
            self._before(number)
            started = time.perf_counter()
            with self._forbidden() if number > WARM_UP else contextlib.nullcontext():
                done = step(trainer, number, micro_batches)
            self.submitted[number] = time.perf_counter()
            self.seconds_to_submit.append(self.submitted[number] - started)
            return done

        def watched_of(batches: MicroBatches, number: int) -> list[Batch]:
            made = of(batches, number)
            self.ready[number + 1] = time.perf_counter()
            return made

        with patch.object(Trainer, "_step", watched_step), patch.object(MicroBatches, "of", watched_of):
            yield
        self._stop()

    @contextlib.contextmanager
    def _forbidden(self) -> Iterator[None]:
        """Have PyTorch raise an error where the host would wait for the device."""
        if self.device.type != "cuda":
            yield
            return
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")

    def _before(self, number: int) -> None:
        """Profile some steps after the warm-up; the device's queue is empty at neither end, as in any step."""
        if number == WARM_UP + 1:
            kinds = [torch.profiler.ProfilerActivity.CPU]
            kinds += [torch.profiler.ProfilerActivity.CUDA] * (self.device.type == "cuda")
            self.profiler = torch.profiler.profile(activities=kinds)
            self.profiler.start()
        if number == WARM_UP + 1 + PROFILED:
            self._stop()

    def _stop(self) -> None:
        if self.profiler is not None:
            self.profiler.stop()
            self.spans = trace.spans(self.profiler)
            self.profiler = None

    def waited(self) -> float:
        """Return the seconds that the host can at most have waited for data, over all steps after the warm-up."""
        later = [number for number in self.ready if number > WARM_UP and number - 1 in self.submitted]
        return sum(max(0.0, self.ready[number] - self.submitted[number - 1]) for number in later)


def run_watched(settings: Settings, packing: str, micro_batch: int) -> dict[str, Any]:
    """Train under watch.

    Raises:
        RuntimeError: the host waited for the device within a step; PyTorch names the call.
    """
    watch = Watch(settings.torch_device)
    recipe = _short(settings, settings.load(packing=packing, micro_batch=micro_batch))
    with watch.over_runs():
        speed = _speed(settings, recipe)
    median = statistics.median(watch.seconds_to_submit[WARM_UP:])
    return {
        "steps_without_waiting": len(watch.seconds_to_submit) - WARM_UP,
        "enforced": settings.device == "cuda",
        "seconds_to_submit_a_step": median,
        "seconds_waited_for_data_at_most": watch.waited(),
        "tokens_per_second_while_watched": speed["tokens_per_second"],
        **trace.summary(watch.spans),
    }
