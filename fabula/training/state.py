"""Resume states: everything that the next step depends on, written so that a kill at any moment leaves a whole one.

The data needs no state beyond the step (see `fabula.corpus.packing`), the schedule none either, and nothing is random
after the initial weights; so a state is the weights, the optimizer's means, and a few numbers.
"""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fabula.errors import UserError
from fabula.files import new_folder, read_json, sha256, to_json
from fabula.model.layout import save_tensors
from fabula.model.record import folder_name
from fabula.terminal import say
from fabula.training.optimizer import ModelOptimizer

TENSORS = "state.safetensors"
RECORD = "state.json"
KEPT = 2
"""States kept: the newest, and one to fall back on."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands."""

    step: int = 0
    """Steps done."""
    tokens: int = 0
    """Real target tokens seen."""
    seconds: float = 0.0
    """Time spent in steps, over all sessions."""
    skipped_in_a_row: int = 0
    """Steps passed over just now because a loss or gradient wasn't finite."""
    loss: float | None = None
    """The last step's loss."""


def save_state(folder: Path, progress: Progress, model: nn.Module, optimizer: ModelOptimizer) -> None:
    """Write a state below `folder` and delete those beyond `KEPT`."""
    tensors: dict[str, Tensor] = {f"model.{name}": tensor for name, tensor in model.named_parameters()}
    tensors |= optimizer.tensors()
    with new_folder(folder / folder_name(progress.step)) as temporary:
        save_tensors(temporary / TENSORS, {name: t.detach().cpu().contiguous() for name, t in tensors.items()})
        record = {**asdict(progress), "sha256": sha256(temporary / TENSORS)}
        (temporary / RECORD).write_text(to_json(record), encoding="utf-8")
    for old in _states(folder)[:-KEPT]:
        shutil.rmtree(old)


def load_state(folder: Path, model: nn.Module, optimizer: ModelOptimizer) -> Progress | None:
    """Put back the newest whole state below `folder` and return where it stands; None when there is none.

    A torn or altered state is named and the one before it used.
    """
    for path in reversed(_states(folder)):
        try:
            record = read_json(path / RECORD)
            expected = record.pop("sha256")
            if sha256(path / TENSORS) != expected:
                raise UserError("its SHA-256 is not the recorded one")
            progress = Progress(**record)
        except (UserError, OSError, KeyError, TypeError, AttributeError) as error:
            say(f"passed over the damaged resume state {path}: {error}")
            continue
        _restore(load_file(path / TENSORS), model, optimizer)
        return progress
    return None


def _states(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("step-*") if path.is_dir()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


@torch.no_grad()
def _restore(tensors: dict[str, Tensor], model: nn.Module, optimizer: ModelOptimizer) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(tensors.pop(f"model.{name}"))
    optimizer.restore(tensors)
