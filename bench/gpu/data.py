"""The corpus that is trained on: the one that is named, or random stories, whose speed is that of real ones."""

import argparse
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, pre_tokenizers

from fabula.corpus.build import cached_store
from fabula.corpus.store import TokenStore
from fabula.corpus.tokenizer import GPT2_TOKENS, byte_level_bpe
from fabula.corpus.writer import StoreWriter
from fabula.recipe import Corpus
from fabula.recipe import Tokenizer as TokenizerRecipe

STORIES = {"train": 12_000, "validation": 200}
"""Random stories in each split: about 2.5 million tokens."""
MEDIAN_TOKENS, SPREAD = 190, 0.45
"""Of a story's length, log-normal: near those of TinyStories, of which 99 % have less than 641 tokens."""


def open_or_make(corpus: list[str], tokenizer: Path | None, folder: Path, smoke: bool) -> TokenStore:
    """Return the named corpus's store (GPT-2's tokens), or one with random stories in `folder`."""
    if corpus:
        return cached_store(Corpus(source=tuple(corpus)), TokenizerRecipe(kind="gpt2", path=str(tokenizer or "")))
    return random_store(folder, 512 if smoke else GPT2_TOKENS, 20 if smoke else 1)


def random_store(folder: Path, vocabulary: int, fewer: int) -> TokenStore:
    """Write a store of random tokens, rare ones less often than others, in stories as long as real ones.

    Args:
        folder: where to; it must not exist.
        vocabulary: number of token ids.
        fewer: how many times fewer stories, and shorter, for a smoke run.
    """
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    tokenizer = _tokenizer(vocabulary)
    with StoreWriter(folder, tokenizer) as writer:
        number = 0
        for split, count in STORIES.items():
            drawn = draw.lognormal(np.log(MEDIAN_TOKENS / fewer), SPREAD, count // fewer)
            lengths = np.maximum(2, drawn).astype(np.int64)
            tokens = (vocabulary * draw.power(0.3, lengths.sum())).astype(np.int64)
            tokens[lengths.cumsum() - 1] = vocabulary - 1  # end-of-text, the last of the ids
            hashes = range(number, number := number + len(lengths))
            writer.splits[split].add(tokens, lengths, 4 * lengths, hashes)
        writer.finish_splits()
        writer.finish("bpe", {"source": ["random tokens"], "revision": None}, {split: {} for split in STORIES})
    return TokenStore.open(folder)


def _tokenizer(vocabulary: int) -> Tokenizer:
    """Return a tokenizer with as many ids; it is never asked to encode."""
    entries = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *(f"word {n}" for n in range(vocabulary - 257))]
    return byte_level_bpe({entry: number for number, entry in enumerate(entries)}, [])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what names a corpus."""
    parser.add_argument("--corpus", nargs="+", default=[], help="a token store of GPT-2's tokens, or story files")
    parser.add_argument("--tokenizer", type=Path, help="GPT-2's files, where --corpus is story files")
