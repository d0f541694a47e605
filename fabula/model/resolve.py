"""What MODEL means on a command line: a checkpoint, a run, any plain Llama folder, a hub name, or `storyteller`."""

import re
from pathlib import Path

import fabula
from fabula.corpus.store import is_store
from fabula.errors import UserError
from fabula.files import read_json
from fabula.model.record import altered_files, checkpoints
from fabula.terminal import say

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w.-]+)?")
HUB_FILES = ["*.json", "*.safetensors"]
STORYTELLER = "storyteller"
"""Name of the model that comes with Fabula; a folder of that name in the working directory goes before it."""


def model_folder(name: str) -> Path:
    """Return the folder of a MODEL argument: `storyteller` is inside the package, a hub name (`owner/name@revision`) is
    fetched from the hub.

    Raises:
        UserError: nothing of that name, or a folder that holds no model.
    """
    path = Path(name)
    if name == STORYTELLER and not path.exists():
        return Path(fabula.__file__).parent / STORYTELLER
    if (path / "config.json").is_file():
        return path
    if (path / "checkpoints").is_dir():
        return last_valid_checkpoint(path)
    if path.is_dir():
        raise UserError(f"{path} is neither a run (checkpoints/) nor a model folder (config.json)")
    if path.is_file():
        raise UserError(f"{path} is a file; a model is a folder: a checkpoint, a run, or a Llama in the Hub's layout")
    if HUB_NAME.fullmatch(name) and not path.parent.is_dir():
        return _from_hub(name)
    raise UserError(
        f"no model {name!r}: it may be {STORYTELLER}, a checkpoint folder, a run, a Llama folder or a hub's owner/name"
    )


def last_valid_checkpoint(run: Path) -> Path:
    """Return a run's last checkpoint whose files are what its record says; damaged ones are named and passed over."""
    by_step = sorted((run / "checkpoints").glob("step-*"), key=lambda path: (len(path.name), path.name))
    for folder in reversed(by_step):
        found = altered_files(folder)
        if not found:
            return folder
        say(f"passed over: {found[0]}")
    raise UserError(f"{run} has no valid checkpoint yet")


def newest_run(runs: Path) -> Path | None:
    """Return the run that was written to last below `runs`, or None when none has a checkpoint."""
    found = [run for run in runs.glob("*") if checkpoints(run / "checkpoints")]
    written = {run: max(path.stat().st_mtime for path in (run / "checkpoints").iterdir()) for run in found}
    return max(written, key=written.__getitem__, default=None)


def choose_device(name: str) -> str:
    """Return the device to compute on: `auto` takes a GPU when there is one.

    Raises:
        UserError: a GPU was asked for and there is none.
    """
    if name == "cpu":
        return name
    import torch  # here: a model that stays on the CPU may do without

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available[name]:
        raise UserError(f"device {name!r} was asked for, but PyTorch sees none here; use cpu or auto")
    return name


def training_store(model: Path) -> Path | None:
    """Return the token store that a run, or a checkpoint of one, was trained on, if it is still there."""
    for folder in (model, model.parent.parent):
        if (folder / "run.json").is_file():
            store = Path(read_json(folder / "run.json")["corpus"]["path"])
            return store if is_store(store) else None
    return None


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    repository, _, revision = name.partition("@")
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=HUB_FILES))
    except RepositoryNotFoundError:
        raise UserError(f"no model {name!r}, neither a folder here nor on the hub") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"no folder {name!r} here, and the hub can't be reached: {reason}") from None
