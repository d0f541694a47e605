"""The contest's data: one corpus, tokenized by Fabula, and what the peers are fed of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.training.feeds import OFFSETS, STORIES, TARGETS, TOKENS
from bench.training.sizes import Size
from fabula.corpus import packing
from fabula.corpus.build import cached_store
from fabula.corpus.store import TokenStore
from fabula.errors import UserError
from fabula.recipe import Corpus, Tokenizer

STORIES_TAKEN = 6_000
"""Stories of the corpus: enough for a contest, and soon tokenized."""


@dataclass(frozen=True)
class Data:
    """Where it is, and what one must know of it."""

    store: Path
    folder: Path
    """The peers' arrays, and what contenders compile."""
    end_of_text: int
    story_rows: int
    """Stories in a batch of a story a row, which then holds as many real targets as a batch of windows."""


def prepare(size: Size, corpus: list[str], tokenizer: Path | None, folder: Path) -> Data:
    """Tokenize the corpus's first stories and write what the peers are fed.

    Raises:
        UserError: a corpus or tokenizer that can't be used, or a corpus that is too small.
    """
    store = _store(size, corpus, tokenizer)
    if store.vocab_size != size.vocabulary:
        raise UserError(f"{size.name} has {size.vocabulary:,} tokens, the corpus's tokenizer {store.vocab_size:,}")
    split, context, eot = store.train, int(size.shape()["context"]), store.end_of_text_id
    # The order that Fabula trains in with the seed 0.
    windows = packing.pack("stream", split, context, 0, store.hash, eot)
    batch = windows.batch(0, windows.order(0))
    np.save(folder / TOKENS, batch.tokens.astype(np.int32))
    np.save(folder / TARGETS, batch.targets.astype(np.int32))
    order = np.random.default_rng(0).permutation(split.stories)
    stories = [split.story(int(index)).astype(np.int32) for index in order]
    np.save(folder / STORIES, np.concatenate(stories))
    np.save(folder / OFFSETS, np.cumsum([0, *map(len, stories)]))
    mean = float(np.minimum([len(story) for story in stories], context).mean())
    return Data(store.path.resolve(), folder, eot, max(1, round(size.rows * context / mean)))


def _store(size: Size, corpus: list[str], tokenizer: Path | None) -> TokenStore:
    source = tuple(corpus) or ("storyworld",)
    gpt2 = size.vocabulary == 50_257
    named = Tokenizer(
        kind="gpt2" if gpt2 else "bpe",
        vocab_size=size.vocabulary,
        path=str(tokenizer.resolve()) if tokenizer and gpt2 else "",
    )
    return cached_store(Corpus(source=source, stories=STORIES_TAKEN), named)
