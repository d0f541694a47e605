"""Held-out stories as a model reads them: from a token store's validation split or from story files."""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fabula.corpus.readers import StoryFiles
from fabula.corpus.store import Split, TokenStore, is_store, story_hash
from fabula.errors import UserError


@dataclass(frozen=True)
class HeldOutStory:
    """One story to be predicted."""

    tokens: NDArray[np.int32]
    """Its tokens and the closing end-of-text; the leading one isn't among them."""
    size: int
    """UTF-8 bytes of its text."""
    hash: int
    """BLAKE2b-64 of its text, as in a token store's hashes.npy."""


def held_out_stories(
    corpus: Sequence[Path], tokenizer: Tokenizer, end_of_text: int, limit: int | None = None
) -> list[HeldOutStory]:
    """Read held-out stories in the tokens of a model.

    Args:
        corpus: one token store, whose validation split is read, or story files.
        tokenizer: the model's, prepared (`fabula.corpus.tokenizer.prepare`).
        end_of_text: the model's token that ends a story.
        limit: take only this many stories, the first ones; None: all.

    Raises:
        UserError: neither a store nor files that can be read, or no story in them.
    """
    stories = list(itertools.islice(_read(corpus, tokenizer, end_of_text), limit))
    if not stories:
        raise UserError(f"no stories in {', '.join(map(str, corpus)) or 'an empty corpus'}")
    return stories


def _read(corpus: Sequence[Path], tokenizer: Tokenizer, end_of_text: int) -> Iterator[HeldOutStory]:
    if len(corpus) == 1 and is_store(corpus[0]):
        store = TokenStore.open(corpus[0])
        split = store.validation
        if store.end_of_text_id == end_of_text and same_encoding(store.tokenizer, tokenizer):
            return _stored(split)
        return _encoded((split.text(index) for index in range(split.stories)), tokenizer, end_of_text)
    folders = [path for path in corpus if path.is_dir()]
    if folders:
        raise UserError(f"{folders[0]} is not a token store; a corpus is one token store, or story files")
    return _encoded((story.text for story in StoryFiles(corpus)), tokenizer, end_of_text)


def same_encoding(first: Tokenizer, second: Tokenizer) -> bool:
    """Say whether two tokenizers turn every text into the same tokens; what they put around a text doesn't count."""

    def rules(tokenizer: Tokenizer) -> dict[str, Any]:
        parts: dict[str, Any] = json.loads(tokenizer.to_str())
        return {name: parts[name] for name in ("added_tokens", "normalizer", "pre_tokenizer", "model")}

    return rules(first) == rules(second)


def _stored(split: Split) -> Iterator[HeldOutStory]:
    sizes, hashes = split.story_bytes.tolist(), split.story_hashes.tolist()
    for index, (size, text_hash) in enumerate(zip(sizes, hashes, strict=True)):
        yield HeldOutStory(split.story(index).astype(np.int32), size, text_hash)


def _encoded(texts: Iterator[str], tokenizer: Tokenizer, end_of_text: int) -> Iterator[HeldOutStory]:
    for text in texts:
        tokens = [*tokenizer.encode(text, add_special_tokens=False).ids, end_of_text]
        raw = text.encode()
        yield HeldOutStory(np.array(tokens, np.int32), len(raw), story_hash(raw))
