"""What is measured, and one measurement: some real steps of the real Trainer, in a process of their own."""

from dataclasses import dataclass, replace
from typing import Any

from bench.memory import memory
from fabula import recipe as recipes
from fabula.model.config import LlamaConfig
from fabula.model.loss import chunk_size
from fabula.recipe import Recipe
from fabula.training import costs, machine
from fabula.training.calibration import made_up_trainer, timed_steps
from fabula.training.processes import processes


@dataclass(frozen=True)
class Point:
    """A model and its step."""

    hidden: int = 192
    layers: int = 4
    context: int = 512
    vocabulary: int = 4_096
    windows: int = 4
    """In the step's one micro-batch."""
    packing: str = "stories"

    @property
    def positions(self) -> int:
        """Positions in a step."""
        return self.windows * self.context


CENTRE = Point()
LONG = replace(CENTRE, context=8_192, windows=1)
"""The context's own centre: as many positions in every step, whatever the window."""
AXES: dict[str, list[Point]] = {
    "width": [replace(CENTRE, hidden=hidden) for hidden in (64, 128, 192, 256, 384, 512, 768)],
    "depth": [replace(CENTRE, layers=layers) for layers in (2, 4, 8, 16)],
    "vocabulary": [replace(CENTRE, vocabulary=size) for size in (512, 2_048, 4_096, 16_384, 50_257)],
    "micro-batch": [replace(CENTRE, windows=windows) for windows in (1, 2, 4, 8, 16)],
    "context, stories apart": [
        replace(LONG, context=context, windows=LONG.positions // context) for context in (256, 2_048, 8_192)
    ],
    "context, one text": [
        replace(LONG, context=context, windows=LONG.positions // context, packing="stream")
        for context in (256, 1_024, 2_048, 4_096, 8_192)
    ],
}


def quick(axes: dict[str, list[Point]]) -> dict[str, list[Point]]:
    """Keep the first, the middle and the last point of each axis."""
    return {name: [points[0], points[len(points) // 2], points[-1]] for name, points in axes.items()}


def measure(point: Point, steps: int, precision: str, threads: int) -> dict[str, Any]:
    """Take some steps in this process."""
    machine.keep_freed_memory()
    recipe = recipe_of(point, precision)
    machine.use_threads(replace(recipe.train, threads=threads), processes())
    trainer = made_up_trainer(recipe, point.vocabulary)
    whole, update = timed_steps(trainer, seconds=0.0, most=steps, fewest=steps)
    config = LlamaConfig.from_recipe(recipe.model, point.vocabulary)
    chunk = recipe.train.loss_chunk or chunk_size(config.vocab_size, "cpu")
    return {
        "seconds": whole,
        "update_seconds": update,
        "peak_bytes": memory()["peak"],
        **duties(config, trainer.schedule.packing.attended, chunk),
    }


def duties(config: LlamaConfig, attended: float, loss_chunk: int) -> dict[str, float]:
    """Return what one position of a shape, and one step, have to do: what the fits explain time and memory by."""
    work = costs.flops(config, attended)
    return {
        "attended": attended,
        "product_flops": work.products,
        "attention_flops": work.attention + work.recomputed,
        "vocabulary": config.vocab_size,
        "activations": config.layers * (6 * config.hidden + 3 * config.intermediate),
        "parameters": costs.weights(config).total,
        "loss_chunk": loss_chunk,
    }


def recipe_of(point: Point, precision: str) -> Recipe:
    """Return a recipe of a point's shape: heads of 64 channels, an inner width of 8/3, tied weights."""
    return recipes.from_table(
        {
            "model": {
                "hidden": point.hidden,
                "layers": point.layers,
                "heads": max(1, point.hidden // 64),
                "intermediate": round(point.hidden * 8 / 3 / 32) * 32,
                "context": point.context,
                "tied": True,
            },
            "train": {
                "steps": 1_000,
                "tokens_per_step": point.positions,
                "micro_batch": point.windows,
                "packing": point.packing,
                "precision": precision,
                "compile": "off",
            },
        }
    )
