"""What needs a GPU, in one command: `python bench/gpu.py --corpus STORE_OR_FILES [--out gpu.json]`.

Checks on CUDA what the tests check on a CPU (document attention through `varlen`, the chunked loss in bfloat16, exact
batches), then trains `test-1` for a few steps in both packings and prints tokens/s, MFU and peak memory.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from fabula import recipe as recipes
from fabula.model.attention import attention, document_mask
from fabula.model.loss import PADDING, linear_cross_entropy
from fabula.training.loop import train
from fabula.training.machine import describe, peak_flops
from fabula.training.run import RunFolder

WARM_UP = 5
"""Steps not counted: compilation and first touches."""


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the norm of the difference over the norm of the expected."""
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def check_document_attention() -> float:
    """Compare `varlen` in bfloat16 with the masked reference in float32; returns the relative error of the values."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 1024, 12, 64, device="cuda") for _ in range(3))
    boundaries = torch.tensor([0, 200, 777, 1024, 1500, 2048, 2048, 2048], dtype=torch.int32, device="cuda")
    mask = document_mask(boundaries, 2, 1024)[:, None]
    heads_first = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    expected = F.scaled_dot_product_attention(*heads_first, attn_mask=mask).transpose(1, 2)
    return relative_error(attention(q.bfloat16(), k.bfloat16(), v.bfloat16(), boundaries), expected)


def check_loss() -> float:
    """Compare the chunked loss's gradient under bfloat16 autocast with the plain float32 one; returns the error."""
    torch.manual_seed(0)
    hidden = torch.randn(4096, 768, device="cuda", requires_grad=True)
    weight = (torch.randn(50_257, 768, device="cuda") * 0.02).requires_grad_()
    targets = torch.randint(0, 50_257, (4096,), device="cuda")
    targets[::7] = PADDING
    expected = torch.autograd.grad(F.cross_entropy(hidden @ weight.T, targets, reduction="sum"), (hidden, weight))
    with torch.autocast("cuda", torch.bfloat16):
        loss = linear_cross_entropy(hidden, weight, targets)
    found = torch.autograd.grad(loss, (hidden, weight))
    return max(relative_error(a, b) for a, b in zip(found, expected, strict=True))


def measure_training(corpus: list[str], packing: str, steps: int, micro_batch: int) -> dict[str, Any]:
    """Train `test-1` for some steps and return its speed."""
    recipe = recipes.from_table(
        {
            "corpus": {"source": corpus},
            "train": {"steps": steps, "packing": packing, "micro_batch": micro_batch, "save_every": steps},
            "series": {"steps": [0]},
        },
        recipes.load("test-1"),
    )
    with tempfile.TemporaryDirectory() as folder:
        train(recipe, Path(folder) / "run", f"test-1 {packing}")
        metrics = RunFolder(Path(folder) / "run").metrics()[WARM_UP:]
    speed = statistics.median(entry["tokens_per_second"] for entry in metrics)
    flops = statistics.median(entry["flops_per_second"] for entry in metrics)
    peak = peak_flops(torch.device("cuda"))
    return {
        "packing": packing,
        "micro_batch": micro_batch,
        "tokens_per_second": speed,
        "mfu": flops / peak if peak else None,
        "peak_memory_bytes": metrics[-1]["memory_bytes"],
        "losses": [entry["loss"] for entry in metrics],
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", nargs="+", required=True, help="a token store with GPT-2's tokens, or story files")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--micro-batch", type=int, default=16)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device here")
    result = {
        **describe(torch.device("cuda")),
        "document_attention_relative_error": check_document_attention(),
        "loss_gradient_relative_error": check_loss(),
        "training": [
            measure_training(arguments.corpus, packing, arguments.steps, arguments.micro_batch)
            for packing in ("stories", "stream")
        ],
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
