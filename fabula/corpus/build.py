"""Building a token store: read, decide the splits, tokenize, look for near-duplicates, write the manifest."""

import hashlib
import json
import os
import re
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]  # no __all__
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fabula.corpus import hub, sources, splits
from fabula.corpus.fast_tokenizer import CorpusEncoder, Encoded
from fabula.corpus.near_duplicates import near_duplicates
from fabula.corpus.splits import Surveyed
from fabula.corpus.store import FORMAT_VERSION, Tokens, TokenStore, is_store
from fabula.corpus.tokenizer import GPT2_PAIRS, load, train_bpe
from fabula.corpus.writer import StoreWriter
from fabula.errors import UserError
from fabula.files import explain_os_errors, new_folder, sha256
from fabula.recipe import Corpus
from fabula.recipe import Tokenizer as TokenizerRecipe
from fabula.terminal import say

BATCH_BYTES = 1 << 20
"""Text tokenized at once."""
BATCHES_AHEAD = 2
"""Batches read while an earlier one is tokenized."""
SMALL = 1 << 20
"""Characters of a corpus below which `tokenizers` is quick enough, and nothing faster is tried."""
SCRATCH = "scratch"
"""Folder for generated stories, inside the store while it is built."""
BUILD_VERSION = 1
"""Changes when the same input would give another store; cached stores of other versions are not used."""
CACHE_VARIABLE = "FABULA_CACHE"


def build(corpus: Corpus, tokenizer: TokenizerRecipe, out: Path) -> TokenStore:
    """Build a token store from a recipe's corpus and tokenizer.

    The same stories give the same tokens, files and hash, whatever the number of processors and whichever library
    encodes them; the manifest names it (`tokenized_by`). Memory doesn't grow with the corpus but for some 40 bytes a
    story, and 16 bytes a held-out token. An existing store at `out` is replaced.

    Raises:
        UserError: a corpus that can't be read or divided, a tokenizer that can't be used, or a place that can't be
            written to or holds something else.
    """
    _check_place(out)
    return _build(corpus, tokenizer, out, sources.origin(corpus))


def cache_folder() -> Path:
    """Return where what can be made again is kept: `$FABULA_CACHE`, or else `~/.cache/fabula`."""
    return Path(os.environ.get(CACHE_VARIABLE) or "~/.cache/fabula").expanduser()


def cached_store(corpus: Corpus, tokenizer: TokenizerRecipe) -> TokenStore:
    """Open the store that `corpus.source` names, or the one built earlier from the same input, or build it.

    A named store keeps its own tokenizer. Built stores live in `$FABULA_CACHE`, or else in `~/.cache/fabula`.

    Raises:
        UserError: as for `build`.
    """
    if given := _named_store(corpus):
        return given
    origin = sources.origin(corpus)
    place = _cached_place(origin, tokenizer)
    cache = place.parent
    with explain_os_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(cache / f".{place.name}.lock"):
            if is_store(place):
                try:
                    return TokenStore.open(place)
                except UserError as damage:
                    say(f"{damage} (doing so)")
            for abandoned in cache.glob(f".{place.name}.*.tmp"):
                shutil.rmtree(abandoned, ignore_errors=True)
            return _build(corpus, tokenizer, place, origin)


def find_store(corpus: Corpus, tokenizer: TokenizerRecipe) -> TokenStore | None:
    """Open the store that `cached_store` would open, or return None where it would build one."""
    if given := _named_store(corpus):
        return given
    place = _cached_place(sources.origin(corpus), tokenizer)
    return TokenStore.open(place) if is_store(place) else None


def _named_store(corpus: Corpus) -> TokenStore | None:
    given = Path(corpus.source[0]).expanduser()
    named = len(corpus.source) == 1 and corpus.source[0] not in sources.NAMES and is_store(given)
    return TokenStore.open(given) if named else None


def _cached_place(origin: dict[str, Any], tokenizer: TokenizerRecipe) -> Path:
    return cache_folder() / "stores" / f"{_short_name(origin)}-{_fingerprint(origin, tokenizer)}"


def _build(corpus: Corpus, recipe: TokenizerRecipe, out: Path, origin: dict[str, Any]) -> TokenStore:
    with new_folder(out) as folder:
        found = sources.locate(corpus, folder / SCRATCH)
        if found.validation:
            plan = splits.plan_given(found.train, found.validation, corpus.stories)
        else:
            plan = splits.plan_held_out(found.train, corpus.validation_fraction, corpus.stories)
        tokenizer = _tokenizer(recipe, plan)
        with StoreWriter(folder, tokenizer) as writer:
            size = plan.sample.characters
            encoder = CorpusEncoder(tokenizer, plan.sample.texts() if size >= SMALL else (), size)
            broken = _tokenize(plan, writer, encoder)
            written = writer.finish_splits()
            near = near_duplicates(written["train"], written["validation"], writer.end_of_text_id)
            shutil.rmtree(folder / SCRATCH, ignore_errors=True)
            removed = {"train": plan.removed_in_both, "validation": 0}
            counts = {
                name: {
                    "empty": plan.empty[name],
                    "broken_encoding": broken[name],
                    "removed_in_both": removed[name],
                    "near_duplicates": near if name == "validation" else 0,
                }
                for name in written
            }
            writer.finish(recipe.kind, {**origin, "tokenized_by": encoder.version}, counts)
    return TokenStore.open(out)


def _tokenizer(recipe: TokenizerRecipe, plan: splits.Plan) -> Tokenizer:
    if recipe.kind == "gpt2" or recipe.path:
        return load(recipe)
    return train_bpe(plan.training_texts("training the tokenizer"), recipe.vocab_size)


def _tokenize(plan: splits.Plan, writer: StoreWriter, encoder: CorpusEncoder) -> dict[str, int]:
    """Write every story's tokens and return how many stories of each split have a broken encoding."""
    broken = dict.fromkeys(writer.splits, 0)
    for batch, encoded in _encoded(_batches(plan.stories("tokenizing")), encoder):
        tokens, lengths = _with_ends(encoded, writer)
        codes = np.array([story.code for story in batch])
        for code, name in splits.NAMES.items():
            chosen = [story for story in batch if story.code == code]
            if chosen:
                mine = codes == code
                writer.splits[name].add(
                    tokens[np.repeat(mine, lengths)],
                    lengths[mine],
                    [story.size for story in chosen],
                    [story.hash for story in chosen],
                )
                broken[name] += sum(story.broken for story in chosen)
    return broken


def _encoded(batches: Iterable[list[Surveyed]], encoder: CorpusEncoder) -> Iterator[tuple[list[Surveyed], Encoded]]:
    """Yield each batch with its tokens; the next ones are read meanwhile."""
    waiting: deque[tuple[list[Surveyed], Future[Encoded]]] = deque()
    with ThreadPoolExecutor(1) as worker:
        for batch in batches:
            waiting.append((batch, worker.submit(encoder.encode, [story.text for story in batch])))
            if len(waiting) > BATCHES_AHEAD:
                ready, future = waiting.popleft()
                yield ready, future.result()
        for ready, future in waiting:
            yield ready, future.result()


def _with_ends(encoded: Encoded, writer: StoreWriter) -> tuple[Tokens, NDArray[np.int64]]:
    """Return the tokens, as the store keeps them, with end-of-text after each story."""
    lengths = encoded.lengths + 1
    inside = np.ones(lengths.sum(), np.bool_)
    inside[np.cumsum(lengths) - 1] = False
    tokens = np.full(len(inside), writer.end_of_text_id, writer.dtype)
    tokens[inside] = encoded.ids
    return tokens, lengths


def _batches(stories: Iterable[Surveyed]) -> Iterator[list[Surveyed]]:
    batch: list[Surveyed] = []
    size = 0
    for story in stories:
        batch.append(story)
        size += story.size
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _check_place(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; a token store is a folder")
    if out.is_dir() and not is_store(out) and any(out.iterdir()):
        raise UserError(f"{out} exists and is not a token store; it is left as it is, name another folder")


def _short_name(origin: dict[str, Any]) -> str:
    return re.sub(r"[^\w.-]+", "_", Path(origin["source"][0]).name.split(".")[0])[:40] or "corpus"


def _fingerprint(origin: dict[str, Any], recipe: TokenizerRecipe) -> str:
    """Return a hash of everything that decides a store's content."""
    tokenizer: dict[str, Any] = {"kind": recipe.kind}
    if recipe.path:
        tokenizer["files"] = _tokenizer_hashes(Path(recipe.path).expanduser())
    elif recipe.kind == "bpe":
        tokenizer["vocab_size"] = recipe.vocab_size
    else:
        tokenizer["revision"] = hub.GPT2.revision
    facts = {"versions": [FORMAT_VERSION, BUILD_VERSION], "origin": origin, "tokenizer": tokenizer}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _tokenizer_hashes(path: Path) -> list[str]:
    names = ["tokenizer.json", *(name for pair in GPT2_PAIRS for name in pair)]
    candidates = [path / name for name in names] if path.is_dir() else [path]
    return [sha256(file) for file in candidates if file.is_file()]
