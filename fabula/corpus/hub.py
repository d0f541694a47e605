"""Corpora and GPT-2's tokenizer from the Hugging Face hub, at pinned revisions, each file checked by its hash.

Files live in huggingface_hub's own cache (`HF_HOME`), come from its endpoint (`HF_ENDPOINT`), and are shared with
every other program that uses it. Only the transfer is ours: huggingface_hub drops a partial file when its process
ends, and two gigabytes are too many to begin again.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.file_download import HfFileMetadata, http_get, repo_folder_name
from huggingface_hub.utils import WeakFileLock, build_hf_headers  # type: ignore[attr-defined]  # no __all__

from fabula.errors import UserError
from fabula.files import HASH_BLOCK, explain_os_errors, sha256
from fabula.terminal import say

NETWORK_ERRORS: tuple[type[Exception], ...] = (OSError, *HfHubHTTPError.__bases__)
"""OSError and, whichever HTTP library huggingface_hub uses in its version, the base of that library's errors."""
WITHOUT_NETWORK = (
    "without a network use corpus.source = storyworld or your own .txt .jsonl .parquet files, "
    "and tokenizer.kind = bpe or tokenizer.path; HF_ENDPOINT names a mirror"
)


@dataclass(frozen=True)
class Repository:
    """A repository on the hub at one commit."""

    name: str
    kind: str
    """`dataset` or `model`."""
    revision: str
    """The full commit hash."""


@dataclass(frozen=True)
class Layout:
    """One way in which a corpus is stored in its repository."""

    train: tuple[str, ...]
    validation: tuple[str, ...]


@dataclass(frozen=True)
class HubCorpus:
    """A corpus on the hub; the first layout that the revision has is taken."""

    repository: Repository
    layouts: tuple[Layout, ...]

    @property
    def revision(self) -> str:
        """The pinned commit."""
        return self.repository.revision


TINYSTORIES = Repository("roneneldan/TinyStories", "dataset", "f54c09fd23315a6f9c86f9dc80f725de7d8f9c64")
CORPORA = {
    "tinystories": HubCorpus(
        TINYSTORIES,
        (
            Layout(
                (
                    "data/train-00000-of-00004-2d5a1467fff1081b.parquet",
                    "data/train-00001-of-00004-5852b56a2bd28fd9.parquet",
                    "data/train-00002-of-00004-a26307300439e943.parquet",
                    "data/train-00003-of-00004-d243063613e5a057.parquet",
                ),
                ("data/validation-00000-of-00001-869c898b519ad725.parquet",),
            ),
            Layout(("TinyStories-train.txt",), ("TinyStories-valid.txt",)),
        ),
    ),
    "tinystories-v2": HubCorpus(
        TINYSTORIES, (Layout(("TinyStoriesV2-GPT4-train.txt",), ("TinyStoriesV2-GPT4-valid.txt",)),)
    ),
}
GPT2 = Repository("openai-community/gpt2", "model", "607a30d783dfa663caf39e06633721c8d4cfcd7e")


def download(name: str) -> tuple[list[Path], list[Path]]:
    """Return the training and validation files of a hub corpus, downloaded where they aren't yet.

    Raises:
        UserError: the hub can't be reached, hasn't the files, or sends others than it announces.
    """
    corpus = CORPORA[name]
    for layout in corpus.layouts:
        try:
            # Validation first: it is small, and decides the layout.
            validation = [fetch(corpus.repository, file) for file in layout.validation]
            return [fetch(corpus.repository, file) for file in layout.train], validation
        except FileNotFoundError:
            continue
    raise UserError(f"{_title(corpus.repository)} has none of the files known as {name!r}")


def gpt2_tokenizer() -> Path:
    """Return GPT-2's tokenizer.json, downloaded where it isn't yet.

    Raises:
        UserError: as for `download`.
    """
    try:
        return fetch(GPT2, "tokenizer.json")
    except FileNotFoundError:
        raise UserError(f"{_title(GPT2)} has no tokenizer.json") from None


def fetch(repository: Repository, file: str) -> Path:
    """Return one file of a repository, from huggingface_hub's cache or downloaded into it.

    Raises:
        FileNotFoundError: the repository hasn't this file.
        UserError: the hub can't be reached, or twice sent something with another hash.
    """
    cached = try_to_load_from_cache(repository.name, file, repo_type=repository.kind, revision=repository.revision)
    if isinstance(cached, str):
        blob = Path(cached).resolve()
        if not _is_hash(blob.name) or git_or_sha256(blob, blob.name) == blob.name:
            return Path(cached)
        say(f"{file} in the cache is damaged; downloading it again")
        with explain_os_errors(blob):
            blob.unlink()
    try:
        url = hf_hub_url(repository.name, file, repo_type=repository.kind, revision=repository.revision)
        metadata = get_hf_file_metadata(url)
        _transfer(repository, file, url, metadata)
        return Path(hf_hub_download(repository.name, file, repo_type=repository.kind, revision=repository.revision))
    except RevisionNotFoundError:
        raise UserError(f"{_title(repository)} does not exist: the hub has no such revision") from None
    except RepositoryNotFoundError:
        raise UserError(f"the hub has no {repository.kind} {repository.name}, or hides it") from None
    except EntryNotFoundError as error:
        if isinstance(error, FileNotFoundError):  # Not "the hub hasn't it" but "there is no connection".
            raise _unreachable(repository, error) from error
        raise FileNotFoundError(file) from None
    except NETWORK_ERRORS as error:
        raise _unreachable(repository, error) from error


def git_or_sha256(path: Path, expected: str) -> str:
    """Return a file's hash of the same kind as `expected`: SHA-256 (the hub's large files) or a git blob's SHA-1."""
    if len(expected) == 64:
        return sha256(path)
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as content:
        while block := content.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _transfer(repository: Repository, file: str, url: str, metadata: HfFileMetadata) -> None:
    """Bring a file into the cache's folder of blobs, where huggingface_hub then finds it.

    Raises:
        UserError: the hash is wrong for the second time, or the disk is full.
    """
    if not metadata.etag or not _is_hash(metadata.etag):
        return  # Not a hub's hash: huggingface_hub itself may know what to do.
    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository.name, repo_type=repository.kind)
    blob = folder / "blobs" / metadata.etag
    partial = blob.with_name(f"{blob.name}.fabula-partial")
    with explain_os_errors(blob):
        blob.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(blob.with_name(f"{blob.name}.fabula-lock")):
            for _ in range(2):
                if blob.exists():
                    return
                _continue(partial, file, url, metadata)
                if git_or_sha256(partial, metadata.etag) == metadata.etag:
                    partial.replace(blob)
                else:
                    partial.unlink()
    if not blob.exists():
        raise UserError(
            f"{file} of {_title(repository)} was downloaded twice with another hash than the hub's own "
            f"({metadata.etag[:12]}...): a proxy or a mirror changes it"
        )


def _continue(partial: Path, file: str, url: str, metadata: HfFileMetadata) -> None:
    """Download what is missing of a partial file, with huggingface_hub's progress bar and its retries."""
    if metadata.size is not None and partial.exists() and partial.stat().st_size > metadata.size:
        partial.unlink()
    own = urlsplit(url).netloc == urlsplit(metadata.location).netloc  # A token is not for other hosts.
    with partial.open("ab") as content:
        http_get(
            metadata.location,
            content,
            resume_size=partial.stat().st_size,
            headers=build_hf_headers(token=None if own else False),
            expected_size=metadata.size,
            displayed_filename=file,
        )


def _is_hash(word: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", word) is not None


def _title(repository: Repository) -> str:
    return f"{repository.name} at revision {repository.revision[:12]} on the hub"


def _unreachable(repository: Repository, error: BaseException) -> UserError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(
        f"can't download {repository.name} from {constants.ENDPOINT} ({reason}); run the command again to continue "
        f"where it stopped; {WITHOUT_NETWORK}"
    )
