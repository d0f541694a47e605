"""The data of a run: the token store, and each step's micro-batches, made ready while the step before computes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from fabula.corpus import packing
from fabula.corpus.build import cached_store
from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.recipe import Recipe
from fabula.training.processes import Processes


def open_corpus(recipe: Recipe, mine: Processes) -> TokenStore:
    """Build or open the store, on each machine one process before the others."""
    if mine.local_rank == 0:
        store = cached_store(recipe.corpus, recipe.tokenizer)
    if mine.count > 1:
        dist.barrier()
    return store if mine.local_rank == 0 else cached_store(recipe.corpus, recipe.tokenizer)


def schedule(recipe: Recipe, store: TokenStore, mine: Processes) -> packing.Schedule:
    """Return which windows make up each step's batch.

    Raises:
        UserError: a batch that can't be shared evenly, or a corpus too small for the context.
    """
    windows = recipe.smallest_batch
    share, rest = divmod(windows, mine.count)
    if rest or share % min(recipe.train.micro_batch, share):
        field = "train.ramp_from" if recipe.train.ramp_from else "train.tokens_per_step"
        raise UserError(
            f"{field} = {windows * recipe.model.context} is {windows} windows of model.context; "
            f"they must split evenly among {mine.count} processes and micro-batches of "
            f"train.micro_batch = {recipe.train.micro_batch}"
        )
    try:
        packed = packing.pack(
            recipe.train.packing,
            store.train,
            recipe.model.context,
            recipe.train.seed,
            store.hash,
            store.end_of_text_id,
        )
    except ValueError as error:
        raise UserError(f"the corpus can't be packed for training: {error}") from None
    return packing.Schedule(packed, recipe.windows_before)


class MicroBatches:
    """This process's micro-batches, step after step; all have as many windows, however much the batch grows."""

    def __init__(self, recipe: Recipe, schedule: packing.Schedule, mine: Processes) -> None:
        """Take what decides them."""
        self.schedule, self.mine = schedule, mine
        self.steps = recipe.train.steps
        self.windows = min(recipe.train.micro_batch, recipe.smallest_batch // mine.count)

    def of(self, step: int) -> list[packing.Batch]:
        """Return those of one step; 0 is the first."""
        return self.schedule.micro_batches(step, self.windows, self.mine.rank, self.mine.count)

    def after(self, done: int) -> Iterator[tuple[int, list[packing.Batch]]]:
        """Go through the steps that follow the first `done`, each with its number (1 is the first of all).

        A thread makes the next step's ready while one computes.
        """
        with ThreadPoolExecutor(1) as loader:
            ready = loader.submit(self.of, done)
            for number in range(done + 1, self.steps + 1):
                micro_batches = ready.result()
                if number < self.steps:
                    ready = loader.submit(self.of, number)
                yield number, micro_batches


def to_device(batch: packing.Batch, device: torch.device) -> list[Tensor | None]:
    """Return a batch's tokens, targets, positions and boundaries on the device; the host doesn't wait for CUDA."""
    return [None if array is None else _to_device(array, device) for array in vars(batch).values()]


def _to_device(array: np.ndarray[Any, Any], device: torch.device) -> Tensor:
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
