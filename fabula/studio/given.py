"""From what a person names on the command line to folders with ids: runs, packed series, checkpoints, models."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from fabula.errors import UserError
from fabula.model.record import RECORD, read_record
from fabula.model.resolve import model_folder
from fabula.terminal import say

SERIES = "series.json"
"""See fabula.training.packed, which takes long to import."""
UNPACKED_FROM = (SERIES, "config.json", "tokenizer.json", "recipe.toml", "metrics.jsonl")
"""Files whose content decides what a packed series becomes; the weights' hashes stand in the first."""


@dataclass(frozen=True)
class Given:
    """A run or a model that was named."""

    name: str
    """As it was named."""
    id: str
    folder: Path
    is_run: bool
    label: str = ""
    step: int | None = None
    tokens: int | None = None


def given(name: str, taken: dict[str, Path]) -> Given:
    """Return what a name stands for.

    Args:
        name: of a run, a packed series, or a model.
        taken: ids that are in use, with their folders; a new one is entered.

    Raises:
        UserError: nothing of that name, or something that is neither a run nor a model.
    """
    path = Path(name)
    if (path / SERIES).is_file():
        return Given(name, _id(path.resolve().name, path.resolve(), taken), _unpacked(path), True)
    if (path / "checkpoints").is_dir() or (path / "recipe.toml").is_file():
        if not (path / "recipe.toml").is_file():
            raise UserError(f"{path} is not a run: it has checkpoints, but no recipe.toml")
        return Given(name, _id(path.resolve().name, path.resolve(), taken), path.resolve(), True)
    folder = model_folder(name).resolve()
    if not (folder / RECORD).is_file():
        own = path.name if not path.exists() else folder.name
        id = _id(own, folder, taken)
        return Given(name, id, folder, False, label=id)
    record = read_record(folder)
    run = folder.parents[1] if folder.parent.name == "checkpoints" else folder
    base = _id(run.name, run, taken)
    id = f"{base}/{folder.name}" if run != folder else base
    return Given(name, id, folder, False, f"{base}, step {record.step:,}", record.step, record.tokens)


def _id(name: str, folder: Path, taken: dict[str, Path]) -> str:
    """Return a folder's id: its name, with a number behind it where another folder has that."""
    plain = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.") or "model"
    id, number = plain, 2
    while taken.setdefault(id, folder) != folder:
        id, number = f"{plain}-{number}", number + 1
    return id


def _unpacked(packed: Path) -> Path:
    """Return the run that a packed series becomes, made once and kept with other things that can be made again."""
    from fabula.corpus.build import cache_folder  # here: what builds corpora takes long to import

    digest = hashlib.sha256()
    for name in UNPACKED_FROM:
        try:
            digest.update(hashlib.sha256((packed / name).read_bytes()).digest())
        except OSError:
            raise UserError(f"{packed} is no whole packed series: {name} can't be read") from None
    place = cache_folder() / "series" / f"{packed.resolve().name}-{digest.hexdigest()[:16]}"
    if not (place / "checkpoints").is_dir():  # it is renamed to its place when it is whole
        from fabula.training.packed import unpack

        say(f"unpacking {packed} once, into {place}")
        place.parent.mkdir(parents=True, exist_ok=True)
        unpack(packed, place)
    return place
