"""What each technique gains: the same steps of the same recipe, each rung with one technique more than the last."""

import contextlib
import itertools
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench.gpu.ceiling import between, mark
from bench.gpu.flops import executed_flops
from bench.gpu.settings import ALONE, Settings, memory, synchronize
from fabula.corpus.packing import Batch
from fabula.model.llama import Llama
from fabula.model.loss import PADDING, VOCABULARY_MULTIPLE, linear_cross_entropy
from fabula.recipe import Recipe
from fabula.training.data import MicroBatches, open_corpus, schedule, to_device

WARM_UP = 2
"""Steps before the clock starts; compilation is in the first."""
LEAST = 2
"""Steps that are timed even where they take long."""
BEHIND = 2
"""Steps whose figures may still be on the device, where the host doesn't wait."""


@dataclass(frozen=True)
class Rung:
    """A way to train, and what is new about it."""

    name: str
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    attention: Literal["matrices", "flash", "cudnn"] = "matrices"
    packing: Literal["stream", "stories"] = "stream"
    """With `stories`, attention is `fabula.model.attention`'s over documents: varlen on CUDA."""
    optimizer: Literal["loop", "fused"] = "loop"
    loss: Literal["plain", "chunked", "torch"] = "plain"
    padded: bool = False
    """Whether the chunked loss fills the head up with rows to a multiple that the device likes."""
    compiled: Literal["", "blocks", "whole"] = ""
    mode: str = ""
    """torch.compile's."""
    waits: bool = True
    """Whether the host reads each micro-batch's loss, and makes the next batch while the device has nothing to do."""
    micro_batch: int = 8
    chunk: int = 0
    """Tokens whose logits exist at once; 0: as the recipe says."""


def _ladder() -> list[Rung]:
    """Build each rung on the one before."""
    rungs = [Rung("eager, float32, attention as matrices")]

    def add(name: str, **change: Any) -> None:
        rungs.append(replace(rungs[-1], name=name, **change))

    add("tf32 products", precision="tf32")
    add("bfloat16 autocast", precision="bfloat16")
    add("FlashAttention (SDPA)", attention="flash")
    add("fused AdamW", optimizer="fused")
    add("chunked loss", loss="chunked")
    add("padded vocabulary", padded=True)
    add("torch.compile, each block and the loss", compiled="blocks")
    add("the host waits for nothing", waits=False)
    add("micro-batch 16", micro_batch=16)
    add("micro-batch 32", micro_batch=32)
    add("micro-batch 4", micro_batch=4)
    add("micro-batch 2", micro_batch=2)
    add("logits of 16,384 tokens at once, micro-batch 16", micro_batch=16, chunk=16_384)
    add("whole-model torch.compile, micro-batch 16", compiled="whole", chunk=0)
    add("stories, documents apart (varlen)", packing="stories")
    add("the same without padded vocabulary", padded=False)
    add("stream again, SDPA by cuDNN", packing="stream", attention="cudnn", padded=True)
    add("linear_cross_entropy of PyTorch", attention="flash", loss="torch")
    add("CUDA graphs", loss="chunked", mode="reduce-overhead")
    add("max-autotune", mode="max-autotune-no-cudagraphs")
    return rungs


RUNGS = _ladder()
BACKENDS = {
    "matrices": SDPBackend.MATH,
    "flash": SDPBackend.FLASH_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
}


def run(settings: Settings, rung: str) -> dict[str, Any]:
    """Measure a rung."""
    chosen = next(entry for entry in RUNGS if entry.name == rung)
    micro_batch = min(chosen.micro_batch, settings.load().windows_per_step)
    recipe = settings.load(packing=chosen.packing, micro_batch=micro_batch)
    with _kernels(chosen, settings.device):
        return Steps(settings, recipe, chosen).measure()


@contextlib.contextmanager
def _kernels(rung: Rung, device: str) -> Iterator[None]:
    """Choose the kernels of products and of attention without documents."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if rung.precision == "tf32" else "highest")
    if device == "cuda":
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    backend = BACKENDS[rung.attention] if device == "cuda" else SDPBackend.MATH
    try:
        with sdpa_kernel(backend), patch.dict(VOCABULARY_MULTIPLE, clear=not rung.padded):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


class Objective(nn.Module):
    """A model's summed loss, computed as a rung wants it."""

    def __init__(self, model: Llama, loss: str, chunk: int) -> None:
        super().__init__()
        self.model, self.kind, self.chunk = model, loss, chunk

    def forward(
        self, tokens_BT: Tensor, targets_BT: Tensor, positions_BT: Tensor | None, boundaries: Tensor | None
    ) -> Tensor:
        """Return the sum of the real targets' nats."""
        hidden_ND = self.model.hidden(tokens_BT, positions_BT, boundaries).flatten(0, 1)
        return self.loss(hidden_ND, targets_BT.flatten())

    def loss(self, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
        """Return it from the final hidden states."""
        weight_VD = self.model.lm_head.weight
        if self.kind == "chunked":
            return linear_cross_entropy(hidden_ND, weight_VD, targets_N, self.chunk)
        if self.kind == "plain":
            logits_NV = F.linear(hidden_ND, weight_VD).float()
            return F.cross_entropy(logits_NV, targets_N, ignore_index=PADDING, reduction="sum")
        options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=self.chunk, chunking_method=None)
        dtype = torch.get_autocast_dtype(hidden_ND.device.type)
        inputs = hidden_ND.to(dtype), weight_VD.to(dtype), targets_N
        out: Tensor = F.linear_cross_entropy(*inputs, reduction="sum", ignore_index=PADDING, options=options)
        return out.float()


class Steps:
    """Optimizer steps of a recipe, done as a rung wants them."""

    def __init__(self, settings: Settings, recipe: Recipe, rung: Rung) -> None:
        """Build model, optimizer and data."""
        if rung.loss == "torch" and not hasattr(F, "linear_cross_entropy"):
            raise NotImplementedError(f"torch {torch.__version__} has no linear_cross_entropy")
        self.settings, self.recipe, self.rung = settings, recipe, rung
        self.device = settings.torch_device
        self.shape = settings.shape(recipe)
        self.model = Llama(self.shape)
        self.model.initialize(recipe.train.seed)
        self.model.to(self.device)
        self.objective = Objective(self.model, rung.loss, rung.chunk or recipe.train.loss_chunk)
        self.compute = self._compiled()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=1e-4,
            weight_decay=0.01,
            fused=rung.optimizer == "fused",
            foreach=False,
        )
        if self._replayed:  # gradients may not lie in a graph's memory, which the next replay overwrites
            for parameter in self.model.parameters():
                parameter.grad = torch.zeros_like(parameter)
        self.schedule = schedule(recipe, open_corpus(recipe, ALONE), ALONE)
        self.micro_batches = MicroBatches(recipe, self.schedule, ALONE)

    @property
    def _replayed(self) -> bool:
        """Whether CUDA graphs are recorded and replayed."""
        return self.rung.mode == "reduce-overhead"

    def _compiled(self) -> nn.Module:
        options: dict[str, Any] = {"dynamic": False, "backend": self.settings.compiler}
        if self.rung.mode and not self.settings.smoke:
            options["mode"] = self.rung.mode
        if self.rung.compiled == "whole":
            self.objective.compile(**options)
        if self.rung.compiled == "blocks":
            for block in self.model.model.layers:
                block.compile(**options)
            self.objective.loss = torch.compile(self.objective.loss, **options)  # type: ignore[method-assign]
        return self.objective

    def measure(self) -> dict[str, Any]:
        """Time steps, each by the device's clock and all together by the host's."""
        batches = self._batches()
        begun = time.perf_counter()
        for step in range(WARM_UP):
            self.step(next(batches))
            if step == 0:
                synchronize(self.device)
                first = time.perf_counter() - begun
        synchronize(self.device)
        counted, marks = self._timed(batches)
        synchronize(self.device)
        times = [between(*pair) for pair in itertools.pairwise(marks)]
        return self._result(counted, times) | {"first_step_seconds": first}

    def _timed(self, batches: Iterator[list[Batch]]) -> tuple[list[list[Batch]], list[Any]]:
        """Do steps until there are enough; returns their batches and the marks around them."""
        counted: list[list[Batch]] = []
        started, marks = time.perf_counter(), [mark(self.device)]
        while len(counted) < self.settings.steps:
            counted.append(next(batches))
            self.step(counted[-1])
            marks.append(mark(self.device))
            if self.device.type == "cuda" and len(marks) > BEHIND:
                marks[-1 - BEHIND].synchronize()
            if len(counted) >= LEAST and time.perf_counter() - started > self.settings.seconds:
                break
        return counted, marks

    def _batches(self) -> Iterator[list[Batch]]:
        """Go through the steps' batches: made when asked for, or by a thread one step ahead."""
        if not self.rung.waits:
            return (batches for _, batches in self.micro_batches.after(0))
        return (self.micro_batches.of(step) for step in range(self.recipe.train.steps))

    def step(self, batches: list[Batch]) -> None:
        """Do one optimizer step."""
        self.optimizer.zero_grad(set_to_none=not self._replayed)
        targets = sum(int((batch.targets != PADDING).sum()) for batch in batches)
        for batch in batches:
            if self._replayed:
                torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.rung.precision == "bfloat16"):
                loss = self.compute(*self._moved(batch))
            (loss / targets).backward()
            if self.rung.waits:
                loss.item()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if self.rung.waits:
            norm.item()
        self.optimizer.step()

    def _moved(self, batch: Batch) -> list[Tensor | None]:
        if not self.rung.waits:
            return to_device(batch, self.device)
        arrays = (batch.tokens, batch.targets, batch.positions, batch.boundaries)
        return [None if array is None else torch.from_numpy(array).to(self.device) for array in arrays]

    def _result(self, counted: list[list[Batch]], times: list[float]) -> dict[str, Any]:
        """Return speeds (medians, and the slowest and fastest step), FLOP/s and memory."""
        targets = [sum(int((batch.targets != PADDING).sum()) for batch in batches) for batches in counted]
        speeds = [count / seconds for count, seconds in zip(targets, times, strict=True)]
        attended = self.schedule.packing.attended
        whole_squares = self.rung.attention == "matrices" and self.rung.packing == "stream"
        rows = self.settings.rows if self.rung.padded else self.settings.vocabulary
        executed = [executed_flops(self.shape, rows, batches, whole_squares) for batches in counted]
        return {
            "micro_batch": self.recipe.train.micro_batch,
            "steps": len(times),
            "tokens_per_second": statistics.median(speeds),
            "tokens_per_second_range": [min(speeds), max(speeds)],
            "seconds_per_step": statistics.median(times),
            "executed_flops_per_second": statistics.median(
                flops / seconds for flops, seconds in zip(executed, times, strict=True)
            ),
            "model_flops_per_second": statistics.median(speeds) * self.model.flops_per_token(attended),
            **memory(self.device),
        }
