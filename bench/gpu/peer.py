"""`transformers`' Trainer on the same windows with the same shape, as a user sets it up who wants it fast."""

import tempfile
import time
from typing import Any

import torch

from bench.gpu.flops import executed_flops
from bench.gpu.settings import ALONE, Settings, memory, synchronize
from fabula.corpus.packing import Schedule
from fabula.model.config import config_to_json
from fabula.training.data import MicroBatches, open_corpus, schedule

NAMES = {
    "transformers Trainer, compiled": True,
    "transformers Trainer": False,
}
"""Whether torch.compile is on."""
WARM_UP = 2
"""Steps before the clock starts."""


class Windows(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """A packing's windows, in the order that Fabula shows them."""

    def __init__(self, windows: Schedule, count: int) -> None:
        self.packing, self.count = windows.packing, count
        self.order = windows.packing.order(0)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        batch = self.packing.batch(0, self.order[[index % len(self.order)]])
        tokens = torch.from_numpy(batch.tokens[0])
        return {"input_ids": tokens, "labels": tokens}  # the model shifts its labels itself


def run(settings: Settings, name: str, micro_batch: int) -> dict[str, Any]:
    """Train for some steps: bfloat16, SDPA, fused AdamW, the same batch and micro-batch."""
    import transformers

    recipe = settings.load(packing="stream")
    size = min(micro_batch, recipe.windows_per_step)
    steps = min(WARM_UP + settings.steps, 20)
    windows = schedule(recipe, open_corpus(recipe, ALONE), ALONE)
    shape = config_to_json(settings.shape(recipe), 0, "float32")
    library: Any = transformers
    library.utils.logging.set_verbosity_error()
    model = library.LlamaForCausalLM(library.LlamaConfig(**shape, attn_implementation="sdpa"))
    clock = _clock(library, settings.torch_device)
    with tempfile.TemporaryDirectory() as folder:
        arguments = library.TrainingArguments(
            folder,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=recipe.windows_per_step // size,
            max_steps=steps,
            bf16=True,
            torch_compile=NAMES[name] and not settings.smoke,
            optim="adamw_torch_fused",
            learning_rate=recipe.optimizer.learning_rate,
            weight_decay=recipe.optimizer.weight_decay,
            max_grad_norm=recipe.train.gradient_clip,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_num_workers=0 if settings.smoke else 2,
            use_cpu=settings.device == "cpu",
        )
        data = Windows(windows, recipe.windows_per_step * steps)
        library.Trainer(model=model, args=arguments, train_dataset=data, callbacks=[clock]).train()
    seconds = clock.times[-1] - clock.times[WARM_UP - 1]
    tokens = (steps - WARM_UP) * recipe.train.tokens_per_step
    useful = tokens / seconds
    executed = executed_flops(settings.shape(recipe), settings.vocabulary, MicroBatches(recipe, windows, ALONE).of(0))
    return {
        "version": library.__version__,
        "micro_batch": size,
        "steps": steps - WARM_UP,
        "tokens_per_second": useful,
        "model_flops_per_second": useful * _flops_per_token(settings, recipe.model.context),
        "executed_flops_per_second": useful * executed / recipe.train.tokens_per_step,
        **memory(settings.torch_device),
    }


def _flops_per_token(settings: Settings, context: int) -> float:
    from fabula.model.llama import Llama

    with torch.device("meta"):
        return Llama(settings.shape(settings.load())).flops_per_token((context + 1) / 2)


def _clock(library: Any, device: torch.device) -> Any:
    """Return a callback that knows when the device had finished the steps at either end of the measurement."""

    class Clock(library.TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.times: list[float] = []

        def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if state.global_step in (WARM_UP, args.max_steps):
                synchronize(device)
            self.times.append(time.perf_counter())

    return Clock()
