"""A tokenizer and models small enough for every test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from fabula.corpus.store import story_hash
from fabula.corpus.tokenizer import id_count, train_bpe
from fabula.corpus.writer import StoreWriter
from fabula.model.checkpoint import write_checkpoint
from fabula.model.config import LlamaConfig
from fabula.model.llama import Llama

STORIES = [
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the sunshine.",
    "Tom had a red ball. One day, the ball rolled into the pond. “Oh no!” said Tom — he was sad.",
    "The cat sat on the mat. Then the cat saw a bird. The bird flew away, and the cat was not happy.",
    "A café owner baked a naïve cake 🎂. Everyone smiled 😀 and ate it.",
    "Ben.",
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny products gain nothing from a second thread, and tests that run side by side lose a lot."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny_tokenizer(vocab_size: int = 300) -> Tokenizer:
    """A byte-level BPE trained on `STORIES`; end-of-text is id 0."""
    return train_bpe(STORIES, vocab_size)


def tiny_config(**changes: Any) -> LlamaConfig:
    """A two-layer shape with grouped queries."""
    sizes = {"vocab_size": 300, "hidden": 32, "layers": 2, "heads": 4, "kv_heads": 2, "intermediate": 64, "context": 48}
    return LlamaConfig(**{**sizes, "tied": False, **changes})


def tiny_model(seed: int = 0, **changes: Any) -> Llama:
    """A model with weights large enough that its logits differ clearly."""
    changes.setdefault("initializer_range", 0.2)
    model = Llama(tiny_config(**changes))
    model.initialize(seed)
    return model.eval()


def tiny_checkpoint(
    folder: Path, model: Llama | None = None, tokenizer: Tokenizer | None = None, step: int = 7
) -> Path:
    """Write a checkpoint of a tiny model and return its folder."""
    tokenizer = tokenizer or tiny_tokenizer()
    model = model or tiny_model(vocab_size=id_count(tokenizer))
    write_checkpoint(
        folder, model, tokenizer, step=step, tokens=step * 100, corpus_hash="abc", corpus_position=step, loss=2.5
    )
    return folder


def tiny_store(folder: Path, train: list[str], validation: list[str], tokenizer: Tokenizer | None = None) -> Path:
    """Write a token store of these stories and return its folder."""
    tokenizer = tokenizer or tiny_tokenizer()
    folder.mkdir()
    with StoreWriter(folder, tokenizer) as writer:
        for name, stories in (("train", train), ("validation", validation)):
            texts = [story.encode() for story in stories]
            tokens = [[*tokenizer.encode(story, add_special_tokens=False).ids, 0] for story in stories]
            joined, lengths = np.array([t for story in tokens for t in story]), np.array([*map(len, tokens)], np.int64)
            writer.splits[name].add(joined, lengths, map(len, texts), map(story_hash, texts))
        writer.finish_splits()
        writer.finish("bpe", {"source": ["tiny"], "revision": None}, {"train": {}, "validation": {}})
    return folder
