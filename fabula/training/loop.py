"""The training loop: one function to read for what a run does, from the first batch to the last checkpoint."""

import contextlib
import gc
import hashlib
import json
import signal
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from fabula.corpus import packing
from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.files import explain_os_errors
from fabula.model.checkpoint import write_checkpoint
from fabula.model.config import LlamaConfig
from fabula.model.llama import Llama
from fabula.model.record import folder_name
from fabula.recipe import Recipe
from fabula.terminal import say
from fabula.training import machine, start
from fabula.training.data import MicroBatches, open_corpus, schedule, to_device
from fabula.training.interruptions import no_collections, signals_as
from fabula.training.optimizer import ModelOptimizer
from fabula.training.processes import Processes, process_group, processes
from fabula.training.run import RunFolder
from fabula.training.schedule import rates
from fabula.training.series import checkpoint_steps
from fabula.training.state import Progress, load_state, save_state
from fabula.training.step import Step
from fabula.training.trackers import NOT_METRICS, start_trackers
from fabula.training.transfer import scale_initial_weights
from fabula.training.view import View

NON_FINITE_LIMIT = 3
"""Steps in a row with a loss or gradient that isn't finite, after which a run stops."""


def train(recipe: Recipe, out: Path, name: str = "run") -> Path:
    """Train a recipe, or continue the run at `out`; returns `out`.

    Raises:
        UserError: anything the user can mend: a device that isn't there, a changed recipe, a full disk, ...
    """
    machine.keep_freed_memory()
    mine = processes()
    device = machine.choose_device(recipe.train, mine)
    machine.use_threads(recipe.train, mine)
    with process_group(device, mine):
        folder = RunFolder(out)
        recipe = _resolved(recipe, folder, device, mine)
        store = open_corpus(recipe, mine)
        try:
            Trainer(recipe, store, device, mine, folder, name).run()
        except torch.OutOfMemoryError:
            raise UserError(
                f"{device} is out of memory: lower train.micro_batch (now {recipe.train.micro_batch}); gradients "
                "accumulate, the result stays the same"
            ) from None
    return out


def _resolved(recipe: Recipe, folder: RunFolder, device: torch.device, mine: Processes) -> Recipe:
    """Fill in what a recipe leaves open: as the run began, or what is best here and fits the model it starts from."""
    begun = folder.recipe()
    if recipe.train.precision == "auto":
        precision = begun.train.precision if begun else machine.choose_precision(device, mine)
        recipe = replace(recipe, train=replace(recipe.train, precision=precision))
    if begun and begun.train.start_from and not recipe.tokenizer.path:  # the model it began with needn't be there now
        kept = replace(recipe.tokenizer, kind=begun.tokenizer.kind, path=begun.tokenizer.path)
        return replace(recipe, tokenizer=kept)
    return start.with_its_tokenizer(recipe)


class Trainer:
    """Everything that one process of a run holds."""

    def __init__(
        self,
        recipe: Recipe,
        store: TokenStore,
        device: torch.device,
        mine: Processes,
        folder: RunFolder,
        name: str,
    ) -> None:
        """Build the model, the optimizer and the data of a run, with the weights that its seed draws."""
        self.recipe, self.store, self.device, self.mine = recipe, store, device, mine
        self.folder, self.name = folder, name
        self.schedule = schedule(recipe, store, mine)
        self.micro_batches = MicroBatches(recipe, self.schedule, mine)
        self.model = Llama(LlamaConfig.from_recipe(recipe.model, store.vocab_size), recipe.train.dropout)
        self.model.initialize(recipe.train.seed)
        scale_initial_weights(self.model, recipe.optimizer.base_width, recipe.model.hidden)
        self.model.to(device)
        products = torch.bfloat16 if recipe.train.precision == "bfloat16" else torch.float32
        self.optimizer = ModelOptimizer(self.model, recipe.optimizer, device, products)
        self.flops_per_token = self.model.flops_per_token(self.schedule.packing.attended)
        self.network = self._network()
        self.checkpoint_steps = set(checkpoint_steps(recipe.series, recipe.train.steps))
        self.progress = Progress()
        self.pending: deque[Step] = deque()
        self.figures_behind = 2 if device.type == "cuda" else 0
        self.stop_asked = False
        self.stop_agreed = False

    def _network(self) -> nn.Module:
        """Wrap the model for compilation and for many processes; the weights stay those of `self.model`."""
        network: nn.Module = self.model
        positions = self.recipe.windows_before(self.recipe.train.steps) * self.recipe.model.context
        self.compiled = machine.choose_compile(self.recipe.train, self.device, self.flops_per_token * positions)
        if self.compiled:
            network = torch.compile(network, dynamic=False)  # type: ignore[assignment]
        return self._distributed(network)

    def _distributed(self, network: nn.Module) -> nn.Module:
        if self.mine.count == 1:
            return network
        ids = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(network, device_ids=ids, broadcast_buffers=False)

    def _compile(self, batch: packing.Batch) -> None:
        """Let the compiler do its work on a batch; where it fails, say so and train without it."""
        if self.mine.is_first:
            say("compiling the model: up to a minute the first time, seconds later on ...")
        try:
            self._loss(batch).backward()  # type: ignore[no-untyped-call]
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # what the compiler's own errors derive from
            if self.mine.is_first:
                reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
                say(f"torch.compile failed ({reason}): training without it, the same but slower")
            self.network = self._distributed(self.model)

    def run(self) -> None:
        """Train from where the run stands to its last step, or until a signal asks to stop."""
        with contextlib.ExitStack() as stack:
            if self.mine.is_first:
                stack.enter_context(self.folder.opened(self.recipe, self.store, self.device))
            if self.mine.count > 1:
                dist.barrier()
            self._train()

    def _train(self) -> None:
        steps = self.recipe.train.steps
        found = load_state(self.folder.resume, self.model, self.optimizer)
        self.progress = found or Progress()
        if found is None and self.recipe.train.start_from:
            start.take_weights(self.model, self.recipe.train.start_from)
        if self.progress.step >= steps:
            if self.mine.is_first:
                say(f"{self.folder.path} is complete: {steps:,} steps")
            return
        if self.mine.is_first:
            self._announce(resumed=found is not None)
        with signals_as(self._ask_to_stop), self._outputs(), no_collections():
            if self.progress.step == 0:
                self._checkpoint()
            if self.compiled:
                self._compile(self.micro_batches.of(self.progress.step)[0])
            clock = time.perf_counter()
            for number, micro_batches in self.micro_batches.after(self.progress.step):
                self.pending.append(self._step(number, micro_batches))
                due = number in self.checkpoint_steps or number % self.recipe.train.save_every == 0 or number == steps
                clock = self._read_figures(clock, behind=0 if due else self.figures_behind)
                if due or self.stop_agreed:
                    self._read_figures(clock, behind=0)
                    self._save(number)
                    gc.collect()
                    clock = time.perf_counter()
                if self.stop_agreed:
                    break
        if self.mine.is_first:
            self._conclude()

    def _step(self, number: int, micro_batches: list[packing.Batch]) -> Step:
        """Do one optimizer step; the host waits for nothing."""
        targets = self.schedule.targets(number - 1)
        learning_rate, beta1 = rates(self.recipe.schedule, self.recipe.optimizer, self.recipe.train.steps, number - 1)
        self.optimizer.set_rates(learning_rate, beta1)
        self.model.zero_grad(set_to_none=True)
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for index, batch in enumerate(micro_batches):
            self._seed_dropout(number, index)
            with self._synchronized(last=index == len(micro_batches) - 1):
                loss = self._loss(batch)
                # DDP averages over processes; the loss is a sum over real targets of all of them.
                (loss * (self.mine.count / targets)).backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        clip = self.recipe.train.gradient_clip or float("inf")
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        stop = torch.full_like(total, float(self.stop_asked))
        figures = torch.stack([total, norm.double(), torch.ones_like(total), stop])
        if self.mine.count > 1:
            figures[1] /= self.mine.count  # equal on all, so that the sum is the norm
            dist.all_reduce(figures)
        finite = figures[:2].isfinite().all()
        figures[2] = finite.double()
        self.optimizer.step_if_finite(finite)
        return Step(number, figures, targets, learning_rate).to_host()

    def _loss(self, batch: packing.Batch) -> Tensor:
        """Return a micro-batch's summed loss in nats."""
        settings = self.recipe.train
        with torch.autocast(self.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            loss: Tensor = self.network(*to_device(batch, self.device), settings.loss_chunk, settings.z_loss)
        return loss

    def _seed_dropout(self, step: int, micro_batch: int) -> None:
        """Make what is dropped a function of the seed and of where the run stands, so that it resumes exactly."""
        if self.recipe.train.dropout:
            place = f"{self.recipe.train.seed}/{step}/{micro_batch}/{self.mine.rank}"
            torch.manual_seed(int.from_bytes(hashlib.sha256(place.encode()).digest()[:8]))

    def _synchronized(self, *, last: bool) -> contextlib.AbstractContextManager[Any]:
        """Let DDP exchange gradients in the last micro-batch only."""
        if last or not isinstance(self.network, nn.parallel.DistributedDataParallel):
            return contextlib.nullcontext()
        return self.network.no_sync()

    def _record(self, step: Step, seconds: float) -> None:
        """Read a step's figures and write them down."""
        loss_sum, norm, finite, stop = step.read()
        loss = loss_sum / step.targets if finite else None
        self.progress = Progress(
            step=step.number,
            tokens=self.progress.tokens + step.targets,
            seconds=self.progress.seconds + seconds,
            skipped_in_a_row=0 if finite else self.progress.skipped_in_a_row + 1,
            loss=loss,
        )
        self.stop_agreed = self.stop_agreed or stop > 0 or self.progress.skipped_in_a_row >= NON_FINITE_LIMIT
        if not self.mine.is_first:
            return
        entry = {
            "step": step.number,
            "tokens": self.progress.tokens,
            "loss": loss,
            "learning_rate": step.learning_rate,
            "gradient_norm": norm if finite else None,
            "tokens_per_second": step.targets / seconds,
            "seconds": self.progress.seconds,
            "flops_per_second": step.targets / seconds * self.flops_per_token,
            "memory_bytes": machine.peak_memory(self.device),
            "skipped": not finite,
        }
        with explain_os_errors(self.folder.metrics_file):
            self.metrics.write(json.dumps(entry) + "\n")
        numbers = {key: value for key, value in entry.items() if key not in NOT_METRICS and value is not None}
        for tracker in self.trackers:
            tracker.log(step.number, numbers)
        self.view.show(entry)

    def _read_figures(self, clock: float, behind: int) -> float:
        """Write down the steps on the device but for the last `behind`; returns the time when that was done."""
        while len(self.pending) > behind:
            now = time.perf_counter()
            self._record(self.pending.popleft(), now - clock)
            clock = now
        return clock

    def _save(self, number: int) -> None:
        """Write what is due after a step."""
        if number in self.checkpoint_steps and self.progress.skipped_in_a_row < NON_FINITE_LIMIT:
            self._checkpoint()
        if number % self.recipe.train.save_every == 0 or number == self.recipe.train.steps or self.stop_agreed:
            if self.mine.is_first:
                save_state(self.folder.resume, self.progress, self.model, self.optimizer)
            if self.mine.count > 1:
                dist.barrier()

    def _checkpoint(self) -> None:
        if self.mine.is_first:
            write_checkpoint(
                self.folder.checkpoints / folder_name(self.progress.step),
                self.model,
                self.store.tokenizer,
                step=self.progress.step,
                tokens=self.progress.tokens,
                corpus_hash=self.store.hash,
                corpus_position=self.recipe.windows_before(self.progress.step),
                loss=self.progress.loss,
                dtype=self.recipe.series.dtype,
            )
        if self.mine.count > 1:
            dist.barrier()

    @contextlib.contextmanager
    def _outputs(self) -> Iterator[None]:
        """Open the metrics, the trackers and the view, in the first process."""
        if not self.mine.is_first:
            yield
            return
        split = self.store.train
        self.trackers = start_trackers(self.folder.path, self.recipe)
        bytes_per_token = float(split.story_bytes.sum() / split.tokens)
        peak = machine.peak_flops(self.device)
        with (
            self.folder.open_metrics(self.progress.step) as self.metrics,
            View(self.name, self.recipe, bytes_per_token, peak) as self.view,
        ):
            try:
                yield
            finally:
                for tracker in self.trackers:
                    tracker.finish()

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        """Answer a signal: the step in progress is finished, the state saved, the program ended."""
        if not self.stop_asked and self.mine.is_first:
            say(f"{signal.Signals(number).name}: finishing this step and saving ...")
        self.stop_asked = True

    def _announce(self, *, resumed: bool) -> None:
        packed, recipe = self.schedule.packing, self.recipe
        epochs = self.schedule.epoch(recipe.train.steps)
        say(
            f"{self.name}: {self.model.parameter_count():,} parameters on {self.device}, {recipe.train.steps:,} steps "
            f"of {recipe.train.tokens_per_step:,} positions ({packed.fill:.1%} filled), {epochs:.2f} epochs, "
            f"{recipe.train.precision}"
        )
        if resumed:
            say(f"resuming after step {self.progress.step:,}")

    def _conclude(self) -> None:
        if self.progress.skipped_in_a_row >= NON_FINITE_LIMIT:
            raise UserError(
                f"stopped at step {self.progress.step}: {NON_FINITE_LIMIT} steps in a row had a loss or gradient that "
                f"is not finite; the state before them is in {self.folder.resume}. Lower optimizer.learning_rate, or "
                "set train.gradient_clip"
            )
        if self.progress.step < self.recipe.train.steps:
            say(f"saved after step {self.progress.step:,}; the same command goes on from there")
        else:
            loss = f"{self.progress.loss:.4f} nats/token" if self.progress.loss is not None else "not finite"
            minutes = self.progress.seconds / 60
            say(f"done: step {self.progress.step:,}, training loss {loss}, {minutes:.1f} minutes, {self.folder.path}")
