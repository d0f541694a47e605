"""Fitting the word baselines to a corpus once, and finding the tables again."""

import io
import zipfile
from pathlib import Path

import numpy as np

from fabula.corpus.build import cache_folder
from fabula.errors import UserError
from fabula.files import explain_os_errors, sha256_text, write_bytes
from fabula.study.baselines.simple import Overlap, TargetOnly
from fabula.study.baselines.words import ORDERS, WordNGram, WordTables
from fabula.study.corpus import StudyCorpus
from fabula.study.items.item import Scorer
from fabula.terminal import say

VERSION = 1
"""Changes when the same stories would give other tables."""
CACHES = (0.1, 0.3)
"""Weights of the unigram caches."""


def fit(corpus: StudyCorpus) -> dict[str, Scorer]:
    """Return every baseline by the name that results and reports give it; all share one set of tables."""
    fitted = tables(corpus)
    fivegram = WordNGram(fitted, ORDERS)
    return {
        "unigram": WordNGram(fitted, 1),
        "bigram": WordNGram(fitted, 2),
        "fivegram": fivegram,
        **{f"cache-{weight}": WordNGram(fitted, ORDERS, weight) for weight in CACHES},
        "overlap": Overlap(),
        "target-only": TargetOnly(fivegram),
    }


def tables(corpus: StudyCorpus) -> WordTables:
    """Return the word tables of a corpus's training stories, fitted now or earlier.

    They are kept in `$FABULA_CACHE`, or else in `~/.cache/fabula`; a place that can't be written to costs the next
    study some seconds, and nothing else.
    """
    path = _place(corpus)
    kept = _load(path)
    if kept is not None:
        return kept
    fitted = WordTables.fit(corpus.train)
    try:
        _save(path, fitted)
    except UserError as error:
        say(f"n-gram tables are not kept for the next study: {error}")
    return fitted


def _place(corpus: StudyCorpus) -> Path:
    content = sha256_text("\0".join((corpus.hash, *corpus.train)))[:16]
    return cache_folder() / "baselines" / f"words-{content}-v{VERSION}.npz"


def _save(path: Path, fitted: WordTables) -> None:
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **fitted.arrays())
    with explain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content.getvalue())


def _load(path: Path) -> WordTables | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return WordTables.from_arrays({name: archive[name] for name in archive.files})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # Damaged: it is fitted again and written over.
