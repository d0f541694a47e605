"""A tokenizer and models small enough for every test."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from fabula.corpus.tokenizer import id_count, train_bpe
from fabula.model.checkpoint import write_checkpoint
from fabula.model.llama import Llama, LlamaConfig

STORIES = [
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the sunshine.",
    "Tom had a red ball. One day, the ball rolled into the pond. “Oh no!” said Tom — he was sad.",
    "The cat sat on the mat. Then the cat saw a bird. The bird flew away, and the cat was not happy.",
    "A café owner baked a naïve cake 🎂. Everyone smiled 😀 and ate it.",
    "Ben.",
]


def tiny_tokenizer(vocab_size: int = 300) -> Tokenizer:
    """A byte-level BPE trained on `STORIES`; end-of-text is id 0."""
    return train_bpe(STORIES, vocab_size)


def tiny_config(**changes: Any) -> LlamaConfig:
    """A two-layer shape with grouped queries."""
    fields = dict(vocab_size=300, hidden=32, layers=2, heads=4, kv_heads=2, intermediate=64, context=48, tied=False)
    return LlamaConfig(**{**fields, **changes})


def tiny_model(seed: int = 0, **changes: Any) -> Llama:
    """A model with weights large enough that its logits differ clearly."""
    changes.setdefault("initializer_range", 0.2)
    model = Llama(tiny_config(**changes))
    model.initialize(seed)
    return model.eval()


def tiny_checkpoint(folder: Path, model: Llama | None = None, tokenizer: Tokenizer | None = None, step: int = 7) -> Path:
    """Write a checkpoint of a tiny model and return its folder."""
    tokenizer = tokenizer or tiny_tokenizer()
    model = model or tiny_model(vocab_size=id_count(tokenizer))
    write_checkpoint(
        folder, model, tokenizer, step=step, tokens=step * 100, corpus_hash="abc", corpus_position=step, loss=2.5
    )
    return folder
