"""What every job is told, and what it makes of that: a recipe, a device, a model's shape."""

from dataclasses import dataclass
from typing import Any

import torch

from fabula import recipe as recipes
from fabula.model.config import LlamaConfig
from fabula.model.loss import VOCABULARY_MULTIPLE
from fabula.recipe import Recipe
from fabula.training.processes import Processes

ALONE = Processes(rank=0, count=1, local_rank=0, local_count=1)


@dataclass(frozen=True)
class Settings:
    """What every job is told."""

    recipe: str
    """A recipe's file, its corpus (a token store) included."""
    vocabulary: int
    """Tokens of the store's vocabulary."""
    device: str
    """`cuda`; `cpu` for the smoke run."""
    smoke: bool
    """Whether all is tiny, and only shown to run."""
    steps: int
    """Optimizer steps that are timed, at most."""
    seconds: float
    """A rung of the ladder times no further step after this long."""
    race_minutes: float
    """Training time of each recipe of the race."""

    @property
    def torch_device(self) -> torch.device:
        """The device, with the number that CUDA wants."""
        return torch.device(self.device, 0) if self.device == "cuda" else torch.device(self.device)

    @property
    def compiler(self) -> str:
        """Which backend of torch.compile is used: in the smoke run the one that only captures and differentiates."""
        return "aot_eager" if self.smoke else "inductor"

    def load(self, name: str = "", **train: Any) -> Recipe:
        """Return the measured recipe, or another shipped one on its corpus, with some fields of [train] replaced."""
        measured = recipes.load(self.recipe)
        if not name:
            return recipes.from_table({"train": train}, measured)
        same: dict[str, Any] = {"corpus": {"source": list(measured.corpus.source)}, "train": {**train}}
        if self.smoke:
            same["model"] = {key: getattr(measured.model, key) for key in ("hidden", "layers", "heads", "kv_heads")}
            same["model"] |= {"intermediate": measured.model.intermediate, "context": measured.model.context}
            tiny = {key: getattr(measured.train, key) for key in ("tokens_per_step", "device", "compile", "threads")}
            same["train"] = tiny | {"ramp_from": 0} | train
        return recipes.from_table(same, recipes.load(name))

    def shape(self, recipe: Recipe) -> LlamaConfig:
        """Return a recipe's model, with the store's vocabulary."""
        return LlamaConfig.from_recipe(recipe.model, self.vocabulary)

    @property
    def rows(self) -> int:
        """Rows of the head as the device multiplies them, filled up to a multiple that it likes."""
        multiple = VOCABULARY_MULTIPLE.get(self.device, 1)
        return -(-self.vocabulary // multiple) * multiple


def synchronize(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def memory(device: torch.device) -> dict[str, int]:
    """Return the bytes held at the peak, what was reserved for them, and what the whole process has taken."""
    if device.type != "cuda":
        return {}
    free, total = torch.cuda.mem_get_info(device)
    return {
        "peak_bytes": torch.cuda.max_memory_allocated(device),
        "reserved_bytes": torch.cuda.max_memory_reserved(device),
        "process_bytes": total - free,
    }
