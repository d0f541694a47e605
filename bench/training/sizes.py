"""What is trained: a few shapes, with several vocabularies."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from fabula import recipe as recipes
from fabula.errors import UserError, did_you_mean
from fabula.recipe import Recipe

VOCABULARIES = {"2k": 2048, "4k": 4096, "50k": 50_257}
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.1
"""The same everywhere; `transformers` keeps torch's default decay, as its users do."""
STEPS = 1_000_000
"""More than any contest has, so that nothing is saved on the way."""


@dataclass(frozen=True)
class Size:
    """A shape of Llama and the batch that it is trained with."""

    name: str
    recipe: str
    """The shipped recipe that it begins from."""
    model: dict[str, int]
    """What it changes of the recipe's model."""
    vocabulary: int
    rows: int
    """Windows in a step's batch."""

    def shape(self) -> dict[str, Any]:
        """Return the model's shape, with its vocabulary."""
        model = self.whole_recipe([], "stream", "float32", compiled=False, threads=1).model
        return {**asdict(model), "kv_heads": model.kv_heads or model.heads, "vocab_size": self.vocabulary}

    def whole_recipe(self, source: list[str], packing: str, precision: str, *, compiled: bool, threads: int) -> Recipe:
        """Return the recipe that Fabula trains: one micro-batch a step, AdamW, a constant learning rate."""
        base = recipes.from_table({"model": self.model}, recipes.load(self.recipe))
        table: dict[str, Any] = {
            "train": {
                "steps": STEPS,
                "save_every": STEPS,
                "tokens_per_step": self.rows * base.model.context,
                "micro_batch": self.rows,
                "ramp_from": 0,
                "packing": packing,
                "device": "cpu",
                "precision": precision,
                "compile": "on" if compiled else "off",
                "threads": threads,
            },
            "optimizer": {"kind": "adamw", "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY},
            "schedule": {"kind": "constant", "warmup_fraction": 0.0},
            "series": {"steps": [STEPS]},
        }
        if source:
            table["corpus"] = {"source": source, "validation": [], "stories": 0}
        return recipes.from_table(table, base)


SIZES = {
    size.name: size
    for size in (
        Size("nano", "nano", {}, 2048, 2),
        Size("7M", "nano", {"hidden": 320, "layers": 5, "heads": 5, "intermediate": 864, "context": 512}, 4096, 8),
        Size("test-1", "test-1", {"context": 1024}, 50_257, 1),
    )
}


def find(name: str, rows: int | None = None) -> Size:
    """Return a size by its name, `nano` or with another vocabulary `nano-50k`.

    Raises:
        UserError: there is none of that name.
    """
    known = [*SIZES, *(f"{size}-{vocabulary}" for size in SIZES for vocabulary in VOCABULARIES)]
    if name not in known:
        raise UserError(f"no size {name!r}: {did_you_mean(name, known)}")
    base = name if name in SIZES else name.rpartition("-")[0]
    size = replace(SIZES[base], name=name, rows=rows or SIZES[base].rows)
    return size if name == base else replace(size, vocabulary=VOCABULARIES[name.rpartition("-")[2]])
