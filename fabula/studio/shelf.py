"""Models in memory: loaded when they are wanted, on a thread of their own, and given back when memory is short."""

import logging
import os
import time
from collections.abc import Callable, Container
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Literal

from fabula.errors import UserError
from fabula.generation.characters import Characters
from fabula.generation.engine import Engine
from fabula.generation.storyteller import Storyteller
from fabula.model.folder import weight_files
from fabula.model.record import RECORD, altered_files
from fabula.studio.catalog import Model

log = logging.getLogger(__name__)

SHARE = 4
"""Models may take this part of the machine's memory."""
UNKNOWN_MEMORY = 8 << 30
"""Taken for a machine's memory where the system doesn't say."""

Place = Literal["ready", "loading", "no room"]


def memory_for_models() -> int:
    """Return how many bytes loaded models may take together: a quarter of this machine's memory."""
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return UNKNOWN_MEMORY // SHARE
    return pages * size // SHARE if pages > 0 and size > 0 else UNKNOWN_MEMORY // SHARE


class TokenNames(dict[int, str]):
    """What each token is written as alone, looked up when it is first met."""

    def __init__(self, storyteller: Storyteller) -> None:
        super().__init__()
        self._tokenizer = storyteller.tokenizer

    def __missing__(self, token: int) -> str:
        self[token] = str(self._tokenizer.decode([token], skip_special_tokens=False))
        return self[token]


@dataclass(eq=False)
class Loaded:
    """A model in memory."""

    id: str
    storyteller: Storyteller
    engine: Engine
    bytes: int
    used: float = 0.0
    """`time.monotonic` when it was last wanted."""
    characters: Characters = dataclass_field(init=False)
    names: TokenNames = dataclass_field(init=False)

    def __post_init__(self) -> None:
        self.characters = Characters(self.storyteller.tokenizer)
        self.names = TokenNames(self.storyteller)


class Shelf:
    """The models in memory; only the computing thread uses it.

    Models with stories being told stay. When there is no room for another one beside them, whoever asks waits.
    """

    def __init__(self, memory: int, most: int, threads: int, wake: Callable[[], None]) -> None:
        """Begin with no model.

        Args:
            memory: bytes that weights may take together; a model that is larger is loaded alone.
            most: stories that one model tells at once.
            threads: of the native kernel; 0: one for each core.
            wake: called from the loading thread when a model has been loaded, or couldn't be.
        """
        self._memory = memory
        self._most = most
        self._threads = threads
        self._wake = wake
        self._loader = ThreadPoolExecutor(1, "fabula-loading")
        self._loading: dict[str, tuple[Future[Storyteller], int]] = {}
        self.loaded: dict[str, Loaded] = {}

    def ready(self, id: str) -> Loaded | None:
        """Return a model that is in memory, which is thereby in use."""
        found = self.loaded.get(id)
        if found:
            found.used = time.monotonic()
        return found

    def want(self, model: Model, kept: Container[str] = ()) -> Place:
        """Begin to load a model if there is room, or can be made.

        Args:
            model: which.
            kept: ids of models that must stay, though nothing is told by them now.

        Raises:
            UserError: its files aren't there.
        """
        if model.id in self.loaded:
            return "ready"
        if model.id in self._loading:
            return "loading"
        try:
            needed = sum(path.stat().st_size for path in weight_files(model.folder))
        except OSError:
            raise UserError(f"{model.id}: its files are gone") from None
        if not self._make_room(needed, kept):
            return "no room"
        future = self._loader.submit(load_model, model, self._threads)
        self._loading[model.id] = (future, needed)
        future.add_done_callback(lambda _: self._wake())
        return "loading"

    def arrived(self) -> list[tuple[str, str | None]]:
        """Take in what has been loaded since the last call; returns ids, each with a line where it failed."""
        done = [id for id, (future, _) in self._loading.items() if future.done()]
        outcome: list[tuple[str, str | None]] = []
        for id in done:
            future, size = self._loading.pop(id)
            error = future.exception()
            if error is None:
                storyteller = future.result()
                self.loaded[id] = Loaded(id, storyteller, storyteller.engine(self._most), size, time.monotonic())
                outcome.append((id, None))
            elif isinstance(error, UserError):
                outcome.append((id, str(error)))
            else:
                log.error("loading %s failed", id, exc_info=error)
                outcome.append((id, f"{id} could not be loaded ({type(error).__name__})"))
        return outcome

    def drop(self, loaded: Loaded) -> None:
        """Give a model's memory back."""
        loaded.engine.close()
        self.loaded.pop(loaded.id, None)

    def close(self) -> None:
        """Give everything back; a model that is being loaded is waited for by nobody."""
        self._loader.shutdown(wait=False, cancel_futures=True)
        for loaded in list(self.loaded.values()):
            self.drop(loaded)

    def _make_room(self, needed: int, kept: Container[str]) -> bool:
        taken = sum(loaded.bytes for loaded in self.loaded.values()) + sum(size for _, size in self._loading.values())
        free = (one for one in self.loaded.values() if not one.engine.busy and one.id not in kept)
        idle = sorted(free, key=lambda one: one.used)
        spared = sum(one.bytes for one in idle)
        alone = len(idle) == len(self.loaded) and not self._loading
        if taken - spared + needed > self._memory and not alone:
            return False
        while idle and taken + needed > self._memory:
            oldest = idle.pop(0)
            taken -= oldest.bytes
            self.drop(oldest)
        return True


def load_model(model: Model, threads: int) -> Storyteller:
    """Load a model; a checkpoint only if it is what its record says."""
    if (model.folder / RECORD).is_file() and (found := altered_files(model.folder)):
        raise UserError(found[0])
    return Storyteller.load(model.folder, threads=threads)
