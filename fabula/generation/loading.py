"""From what a user names to what computes: the backend and the draft, PyTorch imported only where it is needed."""

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from tokenizers import Tokenizer

from fabula.corpus.store import TokenStore, is_store
from fabula.errors import UserError, did_you_mean
from fabula.generation.backend import Backend, Precision
from fabula.generation.drafts import Draft
from fabula.generation.drafts.corpus import FORMAT_VERSION as CORPUS_FORMAT
from fabula.generation.drafts.corpus import CorpusStatistics
from fabula.model.folder import end_of_text_ids, load_tokenizer
from fabula.model.resolve import choose_device, model_folder, training_store
from fabula.terminal import say

BackendName = Literal["auto", "native", "torch"]


def load_backend(
    folder: Path,
    *,
    backend: BackendName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    threads: int = 0,
) -> Backend:
    """Load a folder's weights into the backend that fits; the arguments are those of `Storyteller.load`.

    Raises:
        UserError: the folder can't be used, or the backend asked for isn't there.
    """
    from fabula.native.library import library, why_not

    if backend not in get_args(BackendName):
        raise UserError(f"backend = {backend!r}: {did_you_mean(str(backend), get_args(BackendName))}")
    kernel = backend != "torch" and library() is not None
    if backend == "native" and not kernel:
        raise UserError(f"the native backend can't be used: {why_not()}")
    if backend == "native" and device not in ("auto", "cpu"):
        raise UserError(f"the native backend computes on the CPU; device = {device!r} needs backend = 'torch'")
    only_kernel = backend == "native" or precision in ("int8", "int4")
    if kernel and device == "auto" and (only_kernel or not may_have_cuda()):
        device = "cpu"
    device = choose_device(device)
    if kernel and device == "cpu":
        from fabula.generation.native import NativeBackend

        return NativeBackend.load(folder, precision, threads)
    if backend == "auto" and device == "cpu":
        _say_fallback(why_not())
    from fabula.generation.torch_backend import TorchBackend

    return TorchBackend.load(folder, device, precision)


@cache
def _say_fallback(reason: str) -> None:
    say(f"the native kernel can't be used ({reason}); PyTorch computes, more slowly")


@cache
def may_have_cuda() -> bool:
    """Say whether this machine may have a GPU that PyTorch calls `cuda`, without importing PyTorch."""
    if Path("/dev/kfd").exists():  # AMD's driver
        return True
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def load_draft(
    name: str | Path,
    folder: Path,
    tokenizer: Tokenizer,
    end_of_text: tuple[int, ...],
    *,
    backend: BackendName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    threads: int = 0,
) -> Draft:
    """Return a draft for a model with this tokenizer and these ends of text.

    Args:
        name: `ngram`, which guesses from the story alone; `corpus`, which also knows what is usual in the model's
            training text; a token store or a file of corpus statistics, for another text; or a smaller model, by what
            `fabula.generation.load` takes.
        folder: the model's.
        tokenizer: the model's.
        end_of_text: the model's.
        backend: of a smaller model, like the settings after it; as for `Storyteller.load`.
        device: see there.
        precision: see there.
        threads: see there.

    Raises:
        UserError: no such draft, or one that doesn't fit the model.
    """
    from fabula.generation.drafts.model import ModelDraft
    from fabula.generation.drafts.ngram import NgramDraft

    if name == "ngram":
        return NgramDraft()
    if name == "corpus" or Path(name).is_file() or is_store(Path(name)):
        statistics = _corpus_statistics(str(name), folder)
        statistics.check(tokenizer)
        return NgramDraft(statistics)
    smaller = model_folder(str(name))
    own = load_tokenizer(smaller)
    computing = load_backend(smaller, backend=backend, device=device, precision=precision, threads=threads)
    draft = ModelDraft(computing, own, end_of_text_ids(smaller, own, computing.vocab_size))
    draft.check(tokenizer, end_of_text)
    return draft


def _corpus_statistics(name: str, folder: Path) -> CorpusStatistics:
    """Read corpus statistics from a file, or count a token store's, once: they are kept with other built things."""
    from fabula.corpus.build import cache_folder  # here: what builds corpora takes long to import

    if Path(name).is_file():
        return CorpusStatistics.load(Path(name))
    place = training_store(folder) if name == "corpus" else Path(name)
    if place is None:
        raise UserError(f"draft = 'corpus': {folder} has no record of its corpus here: name a token store instead")
    store = TokenStore.open(place)
    kept = cache_folder() / "drafts" / f"{store.hash}-{CORPUS_FORMAT}.npz"
    if kept.is_file():
        return CorpusStatistics.load(kept)
    counted = CorpusStatistics.from_store(store)
    counted.save(kept)
    return counted
