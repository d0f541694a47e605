"""A run's folder: its recipe and record, its metrics, and the rule that a run is only ever continued as it began."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import torch

from fabula import recipe as recipes
from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.files import explain_os_errors, read_json, to_json, write_text
from fabula.model.record import remove_leftovers
from fabula.recipe import Recipe
from fabula.terminal import say
from fabula.training.machine import describe, differences
from fabula.training.start import described

FREE_TO_CHANGE = ("train.device", "train.threads", "train.save_every", "train.trackers", "study.")
"""Fields that may differ when a run is resumed: where it runs, how it is watched and studied, not what is learned."""


class RunFolder:
    """The files of one run: `recipe.toml`, `run.json`, `metrics.jsonl`, `checkpoints/`, `resume/`."""

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is read or written yet."""
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.resume = path / "resume"
        self.metrics_file = path / "metrics.jsonl"

    @contextlib.contextmanager
    def opened(self, recipe: Recipe, store: TokenStore, device: torch.device) -> Iterator[None]:
        """Start the run, or check that it continues the one that is here; other runs keep out while the block runs.

        Raises:
            UserError: the folder holds something else, another recipe's or corpus's run, or a run in progress.
        """
        self._create()
        with self._locked():
            for folder in (self.checkpoints, self.resume):
                remove_leftovers(folder)
            self._check_same(recipe, store)
            if not self.recipe():
                write_text(self.path / "recipe.toml", recipes.to_toml(recipe))
            self._record_session(recipe, store, device)
            yield

    def recipe(self) -> Recipe | None:
        """Return the recipe that the run was begun with, or None when there is no run yet."""
        path = self.path / "recipe.toml"
        return recipes.load(str(path)) if path.is_file() else None

    def _create(self) -> None:
        if self.path.is_dir() and any(self.path.iterdir()) and not self.exists():
            raise UserError(f"{self.path} is not empty and holds no run; choose another --out")
        with explain_os_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self.checkpoints.mkdir(exist_ok=True)
            self.resume.mkdir(exist_ok=True)

    def exists(self) -> bool:
        """Say whether the folder holds a run (or the beginning of one)."""
        return any((self.path / name).exists() for name in ("recipe.toml", ".lock"))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the run's lock; the system lets go of it when the process dies, however it dies."""
        with explain_os_errors(self.path):
            lock = (self.path / ".lock").open("w")
        with lock:
            if os.name != "nt":
                import fcntl

                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise UserError(f"another process is training {self.path}") from None
            yield

    def _check_same(self, recipe: Recipe, store: TokenStore) -> None:
        before = self.recipe() or recipe
        changed = [change for change in recipes.differences(before, recipe) if not change.startswith(FREE_TO_CHANGE)]
        if changed:
            raise UserError(
                f"{self.path} was begun with another recipe ({'; '.join(changed)}); a run is continued as it began: "
                "take the change back or choose another --out"
            )
        known = (read_json(self.path / "run.json") if (self.path / "run.json").is_file() else {}).get("corpus", {})
        if known.get("hash", store.hash) != store.hash:
            raise UserError(
                f"{self.path} was begun on another corpus (hash {known['hash'][:12]}, now {store.hash[:12]}); "
                "give the same one or choose another --out"
            )

    def _record_session(self, recipe: Recipe, store: TokenStore, device: torch.device) -> None:
        path = self.path / "run.json"
        session = {"started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "command": sys.argv}
        here = describe(device)
        if path.is_file():
            record = read_json(path)
            changed = differences({**record, **record["sessions"][-1]}, here)
            if changed:
                say(f"another machine than before ({'; '.join(changed)}): what it adds is not the same bit for bit")
            record["sessions"].append({**session, **here})
        else:
            record = {
                **here,
                "corpus": {"hash": store.hash, "path": str(store.path.resolve()), "source": store.manifest["source"]},
                "sessions": [session],
            }
            if recipe.train.start_from:
                record["start_from"] = described(recipe.train.start_from)
        write_text(path, to_json(record))

    def metrics(self) -> list[dict[str, Any]]:
        """Return the metrics of every step on record; a torn last line is left out."""
        if not self.metrics_file.is_file():
            return []
        found = []
        for line in self.metrics_file.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return found

    def open_metrics(self, step: int) -> TextIO:
        """Open metrics.jsonl for appending, with lines of steps after `step` (they will be done again) cut off."""
        kept = [json.dumps(entry) + "\n" for entry in self.metrics() if entry["step"] <= step]
        write_text(self.metrics_file, "".join(kept))
        return self.metrics_file.open("a", encoding="utf-8", buffering=1)
