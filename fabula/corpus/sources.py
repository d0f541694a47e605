"""From a recipe's `corpus.source` to story files on this machine, and to a description of what they are."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from fabula.corpus import hub
from fabula.corpus.generate import generate
from fabula.corpus.readers import SUFFIXES, StoryFiles, check_file
from fabula.corpus.store import is_store
from fabula.errors import UserError, did_you_mean
from fabula.files import sha256
from fabula.recipe import Corpus

STORYWORLD = "storyworld"
NAMES = (STORYWORLD, *hub.CORPORA)
STORYWORLD_STORIES = 40_000
"""Training stories when the recipe doesn't say how many."""
STORYWORLD_VALIDATION = 2_000
"""Held-out stories: the first of every seed, so that they don't depend on the number of training stories."""


@dataclass(frozen=True)
class Sources:
    """The story files of a corpus."""

    train: StoryFiles
    validation: StoryFiles | None
    """None: hold out some of `train`."""


def name_of(corpus: Corpus) -> str | None:
    """Return the name of a named corpus, None for files.

    Raises:
        UserError: a name among files, or neither a name nor a file.
    """
    names = [source for source in corpus.source if source in NAMES]
    if names and len(corpus.source) > 1:
        raise UserError(f"corpus.source: {names[0]!r} can't be mixed with other sources; name it alone, or only files")
    if names and corpus.validation:
        raise UserError(f"corpus.validation is for files; {names[0]!r} has its own validation stories")
    for source in (*corpus.source, *corpus.validation):
        if source not in names:
            _check_local(source)
    return names[0] if names else None


def locate(corpus: Corpus, scratch: Path) -> Sources:
    """Return a corpus's story files, after downloading or generating them where needed.

    Args:
        corpus: the recipe's section.
        scratch: a folder for generated stories.

    Raises:
        UserError: a file that can't be used, or a hub that can't be reached.
    """
    name = name_of(corpus)
    if name == STORYWORLD:
        count = corpus.stories or STORYWORLD_STORIES
        first, last = STORYWORLD_VALIDATION, STORYWORLD_VALIDATION + count
        held_out = generate(corpus.seed, 0, first, scratch, corpus.long_share)
        taken = generate(corpus.seed, first, last, scratch, corpus.long_share)
        return Sources(StoryFiles(taken), StoryFiles(held_out))
    if name:
        train, validation = hub.download(name)
        return Sources(StoryFiles(train), StoryFiles(validation))
    given = StoryFiles(_paths(corpus.validation)) if corpus.validation else None
    return Sources(StoryFiles(_paths(corpus.source)), given)


def origin(corpus: Corpus) -> dict[str, Any]:
    """Describe where a corpus comes from, for the manifest: nothing in it names this machine's folders.

    Raises:
        UserError: a source that doesn't exist.
    """
    name = name_of(corpus)
    if name == STORYWORLD:
        story_count = corpus.stories or STORYWORLD_STORIES
        long = {"long_share": corpus.long_share} if corpus.long_share else {}
        return {"source": [name], "revision": _storyworld_revision(), "seed": corpus.seed, "limit": story_count, **long}
    if name:
        return {"source": [name], "revision": hub.CORPORA[name].revision, "limit": corpus.stories}
    return {
        "source": [Path(source).name for source in corpus.source],
        "revision": None,
        "limit": corpus.stories,
        "inputs": {
            "train": _described(corpus.source),
            "validation": _described(corpus.validation) if corpus.validation else corpus.validation_fraction,
        },
    }


def _check_local(source: str) -> None:
    path = Path(source).expanduser()
    if is_store(path):
        raise UserError(f"{source} is a token store already; as a source it must stand alone and is used as it is")
    if not path.exists() and not path.suffix and len(path.parts) == 1:
        raise UserError(f"no corpus or file {source!r}: {did_you_mean(source, NAMES)}, or files {', '.join(SUFFIXES)}")
    check_file(path)


def _paths(names: Sequence[str]) -> list[Path]:
    return [Path(name).expanduser() for name in names]


def _described(names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"name": path.name, "size": path.stat().st_size, "sha256": sha256(path)} for path in _paths(names)]


def _storyworld_revision() -> str:
    """Return a hash of the story world's own files: a changed world writes other stories."""
    digest = hashlib.sha256()
    _digest(package_files("fabula.corpus").joinpath(STORYWORLD), digest)
    return digest.hexdigest()[:16]


def _digest(folder: Traversable, digest: Any) -> None:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name != "__pycache__":
            _digest(entry, digest)
        elif entry.is_file() and not entry.name.endswith(".pyc"):
            content = entry.read_bytes()
            digest.update(f"{entry.name} {len(content)}\n".encode() + content)
