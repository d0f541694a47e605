"""How fast PyTorch tells stories, in one command: `python bench/generation_gpu.py MODEL [--device cuda] [--out FILE]`.

Tells 1, 8, 64 and 256 stories at once with `TorchBackend` and with `generate` of `transformers`: the same weights,
prompts (random tokens) and sampling, nothing that ends a story early. Prints tokens/s of each, and which fraction of
the memory bandwidth (a sum over a large tensor, measured here) the backend's steps use on weights, keys and values.
`--random test-1` measures a recipe's shape with random weights instead of a MODEL. `--device cpu` runs too.

This script has not been measured on a GPU yet.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fabula import recipe as recipes
from fabula.files import to_json
from fabula.generation.backend import Draw, Feed
from fabula.generation.sampling import Sampling
from fabula.generation.torch_backend import DTYPES, TorchBackend
from fabula.model.config import LlamaConfig, config_to_json
from fabula.model.folder import WEIGHTS
from fabula.model.layout import save_weights
from fabula.model.llama import Llama
from fabula.model.resolve import choose_device, model_folder
from fabula.training.machine import describe, peak_memory

SAMPLING = Sampling()
READ_BYTES = {"cpu": 1 << 28, "cuda": 1 << 31}
"""Size of the tensor whose reading is timed: far beyond any cache."""


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="a run (its last checkpoint) or a model folder")
    parser.add_argument("--random", metavar="RECIPE", help="random weights of this recipe's shape instead")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parser.add_argument("--precision", default="bfloat16", choices=list(DTYPES))
    parser.add_argument("--stories", type=int, nargs="+", default=[1, 8, 64, 256], help="told at once")
    parser.add_argument("--prompt", type=int, default=32, help="tokens of each prompt")
    parser.add_argument("--new", type=int, default=256, help="tokens drawn for each story")
    parser.add_argument("--runs", type=int, default=3, help="timed, after one that isn't; the fastest counts")
    parser.add_argument("--out", type=Path)
    parsed = parser.parse_args()
    if bool(parsed.model) == bool(parsed.random):
        parser.error("name a model, or a recipe with --random")
    device = torch.device(choose_device(parsed.device))
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_random(Path(scratch), parsed.random) if parsed.random else model_folder(parsed.model)
        result = measure(folder, device, parsed)
    text = json.dumps(result, indent=2)
    print(text)
    if parsed.out:
        parsed.out.write_text(text + "\n", encoding="utf-8")


def write_random(folder: Path, recipe_name: str) -> Path:
    """Write weights and shape, no tokenizer, of a recipe's model with random weights."""
    recipe = recipes.load(recipe_name)
    model = Llama(LlamaConfig.from_recipe(recipe.model, recipe.tokenizer.vocab_size))
    model.initialize(0)
    (folder / "config.json").write_text(to_json(config_to_json(model.config, 0, "float32")), encoding="utf-8")
    save_weights(folder / WEIGHTS, model)
    return folder


def measure(folder: Path, device: torch.device, settings: argparse.Namespace) -> dict[str, Any]:
    """Return what the machine is, and both programs' speeds for each number of stories."""
    backend = TorchBackend.load(folder, str(device), settings.precision)
    theirs = load_transformers(folder, device, settings.precision)
    bandwidth = read_bandwidth(device)
    generator = torch.Generator().manual_seed(0)
    rows = []
    for stories in settings.stories:
        prompts = torch.randint(backend.vocab_size, (stories, settings.prompt), generator=generator).tolist()
        ours = fastest(settings.runs, partial(tell, backend, prompts, settings.new))
        other = fastest(settings.runs, partial(generate, theirs, prompts, settings.new))
        bytes_read = step_bytes(backend.model, stories, settings.prompt + settings.new / 2)
        step_seconds = ours["decode"] / (settings.new - 1)
        rows.append(
            {
                "stories": stories,
                "tokens_per_second": stories * settings.new / ours["total"],
                "transformers_tokens_per_second": stories * settings.new / other["total"],
                "step_seconds": step_seconds,
                "bandwidth_fraction": bytes_read / step_seconds / bandwidth,
            }
        )
    return {
        **describe(device),
        "backend": backend.name,
        "parameters": backend.model.parameter_count(),
        "prompt_tokens": settings.prompt,
        "new_tokens": settings.new,
        "read_bytes_per_second": bandwidth,
        "results": rows,
        "peak_memory_bytes": peak_memory(device),
    }


def fastest(runs: int, once: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Return the fastest of some runs; the first, which allocates and records, isn't counted."""
    once()
    return min((once() for _ in range(runs)), key=lambda seconds: seconds["total"])


def tell(backend: TorchBackend, prompts: list[list[int]], new: int) -> dict[str, float]:
    """Tell stories and return the seconds, all of them and those after the prompts."""
    length = len(prompts[0])
    contexts = np.zeros((len(prompts), length + new), np.int32)
    contexts[:, :length] = prompts
    started = time.perf_counter()
    slots = [backend.open(length + new) for _ in prompts]
    backend.read([Feed(slot, 0, prompt) for slot, prompt in zip(slots, prompts, strict=True)])
    draw_all(backend, contexts, length, 0)
    prompts_read = time.perf_counter()
    for index in range(1, new):
        position = length + index - 1
        tokens = contexts[:, position].tolist()
        backend.read([Feed(slot, position, [token]) for slot, token in zip(slots, tokens, strict=True)])
        draw_all(backend, contexts, length, index)
    ended = time.perf_counter()
    for slot in slots:
        backend.close(slot)
    return {"total": ended - started, "decode": ended - prompts_read}


def draw_all(backend: TorchBackend, contexts: np.ndarray[Any, np.dtype[np.int32]], length: int, index: int) -> None:
    """Draw each story's next token into its context."""
    draws = [
        Draw(row, SAMPLING, context[: length + index], length, seed=row, index=index)
        for row, context in enumerate(contexts)
    ]
    contexts[:, length + index] = [drawn.token for drawn in backend.draw(draws)]


def load_transformers(folder: Path, device: torch.device, precision: str) -> Any:
    """Load the same weights in `transformers`, which never ends a story here."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    auto_model: Any = AutoModelForCausalLM
    transformers_logging: Any = logging
    transformers_logging.disable_progress_bar()
    model = auto_model.from_pretrained(folder, dtype=DTYPES[precision], local_files_only=True).to(device).eval()
    model.generation_config.eos_token_id = None
    return model


def generate(model: Any, prompts: list[list[int]], new: int) -> dict[str, float]:
    """Tell stories with `transformers` and return the seconds."""
    inputs = torch.tensor(prompts, device=model.device)
    started = time.perf_counter()
    told = model.generate(
        inputs,
        attention_mask=torch.ones_like(inputs),
        max_new_tokens=new,
        do_sample=True,
        temperature=SAMPLING.temperature,
        top_p=SAMPLING.top_p,
        top_k=SAMPLING.top_k,
        repetition_penalty=SAMPLING.repetition_penalty,
        pad_token_id=0,
    ).cpu()
    seconds = time.perf_counter() - started
    assert told.shape == (len(prompts), len(prompts[0]) + new), "transformers stopped early"
    return {"total": seconds}


def read_bandwidth(device: torch.device) -> float:
    """Return the bytes per second of a sum over a tensor that no cache holds."""
    big = torch.ones(READ_BYTES.get(device.type, READ_BYTES["cpu"]) // 4, device=device)
    times = []
    for _ in range(10):
        started = time.perf_counter()
        big.sum().item()
        times.append(time.perf_counter() - started)
    return big.nbytes / min(times)


def step_bytes(model: Llama, stories: int, positions: float) -> float:
    """Return what one step must read: every matrix once, and each story's keys and values (`positions` on average)."""
    config, size = model.config, model.lm_head.weight.element_size()
    weights = model.parameter_count() - (0 if config.tied else config.vocab_size * config.hidden)
    keys_and_values = 2 * config.layers * config.kv_heads * config.head_width * positions
    return size * (weights + stories * keys_and_values)


if __name__ == "__main__":
    main()
