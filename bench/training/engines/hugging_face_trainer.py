"""`transformers.Trainer`, with the settings that it has when nobody changes them."""

import tempfile
from collections import deque
from typing import Any

import torch
import transformers
from torch import Tensor

from bench.training.engines.hugging_face import build, describe, inputs
from bench.training.engines.loop import CLIP, prepare
from bench.training.feeds import Batch, StoryRows, feed
from bench.training.pace import Pace

STEPS = 1_000_000
"""More than any contest has."""


class Rows(torch.utils.data.Dataset[Any]):
    """The contest's windows or stories, one by one."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.source = feed(spec)
        self.loaded: deque[Batch] = deque()
        """Batches that were put together and not yet learned from: the loader is one ahead."""
        self.length: int = STEPS * self.source.rows

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.source, StoryRows):
            return self.source.story(index)
        step, row = divmod(index, self.source.rows)
        batch = self.source.batch(step)
        return batch.tokens[row], batch.targets[row]

    def collate(self, rows: list[Any]) -> dict[str, Tensor]:
        """Put rows together, and remember them."""
        if isinstance(self.source, StoryRows):
            batch = self.source.padded(rows)
        else:
            tokens, targets = map(torch.stack, zip(*rows, strict=True))
            batch = Batch(tokens, targets, self.source.end_of_text)
        self.loaded.append(batch)
        return inputs(batch)


class InOrder(transformers.Trainer):
    """Takes the rows in the contest's order, and keeps the loss at hand."""

    def _get_train_sampler(self, *_: Any) -> Any:
        rows: Any = self.train_dataset
        return torch.utils.data.SequentialSampler(rows)

    def training_step(self, *arguments: Any, **named: Any) -> Tensor:
        """Keep what the step returns."""
        self.last_loss: Tensor = super().training_step(*arguments, **named)
        return self.last_loss


class Turns(transformers.TrainerCallback):
    """Waits for the process's turn after every step."""

    def __init__(self, pace: Pace, rows: Rows) -> None:
        self.pace, self.rows = pace, rows
        self.trainer: InOrder | None = None

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Say that a step is done."""
        assert self.trainer is not None
        self.pace.step(float(self.trainer.last_loss), self.rows.loaded.popleft().counted_by_labels)


def train(spec: dict[str, Any], pace: Pace) -> None:
    """Train until the contest is over."""
    prepare(spec)
    model = build(spec)
    pace.facts = describe(model, spec)
    rows = Rows(spec)
    turns = Turns(pace, rows)
    with tempfile.TemporaryDirectory() as folder:
        settings = transformers.TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=rows.source.rows,
            learning_rate=spec["learning_rate"],
            lr_scheduler_type="constant",
            max_grad_norm=CLIP,
            max_steps=STEPS,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            bf16=spec["precision"] == "bfloat16",
            torch_compile=spec["compiled"],
        )
        trainer = InOrder(model=model, args=settings, train_dataset=rows, data_collator=rows.collate, callbacks=[turns])
        turns.trainer = trainer
        trainer.train()
