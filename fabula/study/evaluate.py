"""The pinned held-out loss: nats per token and bits per byte, always measured the same way.

Each story stands alone: its first input is an end-of-text token, its last target is one, and every token of the story
is predicted once. A story longer than the model's context is cut into windows of that length; positions start again
in each, and its first input is the token before it. Token losses are float32, their sums float64.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fabula.corpus.store import TokenStore, is_store
from fabula.corpus.tokenizer import prepare
from fabula.errors import UserError
from fabula.generation.backend import Feed, Precision
from fabula.generation.native import NativeBackend
from fabula.model.config import LlamaConfig
from fabula.model.folder import end_of_text_ids, load_config, load_tokenizer
from fabula.model.layout import load_model
from fabula.model.llama import Llama
from fabula.study.statistics import ratio_intervals
from fabula.study.stories import HeldOutStory, held_out_stories
from fabula.terminal import progress

MICRO_BATCH = 4_096
"""Tokens in one forward pass."""
NATIVE_ROWS = 256
"""Rows of logits that the native kernel holds at once."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Evaluation:
    """What a model's held-out loss is."""

    nats_per_token: float
    """Sum of token losses / number of tokens, the closing end-of-texts included."""
    nats_per_token_interval: Interval | None
    """95 % bootstrap interval over stories; None for a single story."""
    bits_per_byte: float
    """Sum of token losses / ln 2 / UTF-8 bytes of the stories' text: comparable between tokenizers."""
    bits_per_byte_interval: Interval | None
    stories: int
    tokens: int
    bytes: int
    stories_in_training: int | None
    """Stories whose text is, letter for letter, in the training split; None when that isn't known."""
    cut_stories: int
    """Stories longer than the model's context."""
    model: str
    corpus: str

    def to_json(self) -> dict[str, Any]:
        """Return the record that `fabula evaluate --json` prints."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def summary(self) -> str:
        """Return what a person wants to know, in a few lines."""

        def line(name: str, value: float, interval: Interval | None) -> str:
            return f"  {name:12} {value:.4f}" + (f"  [{interval[0]:.4f}, {interval[1]:.4f}]" if interval else "")

        seen = "not known" if self.stories_in_training is None else f"{self.stories_in_training:,}"
        return "\n".join(
            [
                f"{self.model} on {self.corpus}: {self.stories:,} held-out stories, {self.tokens:,} tokens",
                line("nats/token", self.nats_per_token, self.nats_per_token_interval),
                line("bits/byte", self.bits_per_byte, self.bits_per_byte_interval),
                "  (95 % bootstrap intervals over stories)",
                f"  of these stories also in the training text: {seen}; cut to the context: {self.cut_stories:,}",
            ]
        )


@dataclass(frozen=True)
class _Piece:
    """A story, or a window of one that is longer than the context."""

    story: int
    inputs: NDArray[np.int32]
    targets: NDArray[np.int32]


LossesOf = Callable[[Sequence[_Piece]], NDArray[np.float64]]
"""Returns the losses of all pieces' targets, one piece after the other."""


def evaluate(
    model_folder: Path,
    corpus: Path | Sequence[Path],
    *,
    training_store: Path | None = None,
    limit: int | None = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    precision: Precision | None = None,
    seed: int = 0,
) -> Evaluation:
    """Measure a model folder's held-out loss.

    Args:
        model_folder: a checkpoint or a plain Llama folder (`fabula.model.resolve.model_folder` finds it by name).
        corpus: a token store, whose validation split is used, or story files. Stories in another tokenizer's tokens
            are decoded and encoded again with the model's.
        training_store: the token store that the model was trained on; None: `corpus` when that is a store.
        limit: take only this many stories, the first ones; None: all.
        device: where the model runs.
        dtype: of the weights and the hidden states.
        precision: instead, measure the model as the native kernel computes it with weights of this precision.
        seed: decides the bootstrap's draws.

    Raises:
        UserError: a model or corpus that can't be used, no stories, or a loss that isn't finite.
    """
    paths = [corpus] if isinstance(corpus, Path) else list(corpus)
    config, tokenizer = load_config(model_folder), prepare(load_tokenizer(model_folder))
    end_of_text = end_of_text_ids(model_folder, tokenizer, config.vocab_size)[0]
    stories = held_out_stories(paths, tokenizer, end_of_text, limit)
    if precision is None:
        model = load_model(model_folder, device, dtype)
        nats = story_losses(torch_losses(model), config, stories, end_of_text)
    elif device != "cpu":
        raise UserError(f"precision {precision!r} is the native kernel's, and that runs on the cpu, not on {device!r}")
    else:
        kernel = NativeBackend.load(model_folder, precision)
        nats = story_losses(native_losses(kernel), config, stories, end_of_text)
    if not np.isfinite(nats).all():
        raise UserError(f"{model_folder}: the loss is not a finite number; the weights are damaged or have diverged")
    tokens = np.array([len(story.tokens) for story in stories], np.float64)
    sizes = np.array([story.size for story in stories], np.float64)
    intervals = ratio_intervals(np.stack((nats, nats)), np.stack((tokens, sizes * math.log(2))), seed)
    per_token, per_byte = intervals or (None, None)
    return Evaluation(
        nats_per_token=float(nats.sum() / tokens.sum()),
        nats_per_token_interval=per_token,
        bits_per_byte=float(nats.sum() / math.log(2) / sizes.sum()),
        bits_per_byte_interval=per_byte,
        stories=len(stories),
        tokens=int(tokens.sum()),
        bytes=int(sizes.sum()),
        stories_in_training=_stories_in_training(stories, paths, training_store),
        cut_stories=int((tokens > config.context).sum()),
        model=str(model_folder),
        corpus=", ".join(map(str, paths)),
    )


def story_losses(
    losses_of: LossesOf,
    config: LlamaConfig,
    stories: Sequence[HeldOutStory],
    end_of_text: int,
    micro_batch: int = MICRO_BATCH,
) -> NDArray[np.float64]:
    """Return each story's summed loss in nats, the closing end-of-text included; shape (stories,).

    Args:
        losses_of: what computes: `torch_losses` or `native_losses` of a model.
        config: the model's shape.
        stories: what is measured.
        end_of_text: stands before each story.
        micro_batch: tokens that `losses_of` gets at once.

    Raises:
        UserError: a token that the model doesn't have.
    """
    largest = max(int(story.tokens.max()) for story in stories)
    if largest >= config.vocab_size:
        raise UserError(f"the corpus has token {largest}; the model knows {config.vocab_size:,} tokens")
    nats = np.zeros(len(stories))
    pieces = _pieces(stories, end_of_text, config.context)
    total = sum(len(piece.targets) for piece in pieces)
    with progress("evaluating", total, "tokens") as advance:
        for batch in _micro_batches(pieces, micro_batch):
            losses = losses_of(batch)
            starts = np.cumsum([0, *(len(piece.targets) for piece in batch)])
            np.add.at(nats, [piece.story for piece in batch], np.add.reduceat(losses, starts[:-1]))
            advance(len(losses))
    return nats


def _pieces(stories: Sequence[HeldOutStory], end_of_text: int, context: int) -> list[_Piece]:
    """Cut what doesn't fit the context; longest first, because documents of like length are computed together."""
    pieces = []
    for number, story in enumerate(stories):
        inputs = np.concatenate(([end_of_text], story.tokens[:-1])).astype(np.int32)
        for start in range(0, len(inputs), context):
            part = slice(start, start + context)
            pieces.append(_Piece(number, inputs[part], story.tokens[part]))
    return sorted(pieces, key=lambda piece: -len(piece.targets))


def _micro_batches(pieces: Sequence[_Piece], tokens: int) -> Iterator[list[_Piece]]:
    """Group pieces so that each group has at most `tokens` tokens, or a single piece."""
    batch: list[_Piece] = []
    size = 0
    for piece in pieces:
        if batch and size + len(piece.targets) > tokens:
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += len(piece.targets)
    yield batch


def torch_losses(model: Llama) -> LossesOf:
    """Compute with PyTorch: one window in which documents don't meet."""

    def losses(batch: Sequence[_Piece]) -> NDArray[np.float64]:
        lengths = [len(piece.targets) for piece in batch]
        device = model.lm_head.weight.device

        def row(parts: Iterable[NDArray[Any]]) -> torch.Tensor:
            return torch.from_numpy(np.concatenate(list(parts)).astype(np.int64)).to(device)[None]

        losses_1N = model.token_losses(
            row(piece.inputs for piece in batch),
            row(piece.targets for piece in batch),
            row(np.arange(length) for length in lengths),
            torch.tensor(np.cumsum([0, *lengths]), dtype=torch.int32, device=device),
        )
        return losses_1N[0].double().cpu().numpy()

    return losses


def native_losses(kernel: NativeBackend) -> LossesOf:
    """Compute with the native kernel: one piece after the other."""

    def losses(batch: Sequence[_Piece]) -> NDArray[np.float64]:
        found = []
        for piece in batch:
            slot = kernel.open(len(piece.inputs))
            for start in range(0, len(piece.inputs), NATIVE_ROWS):
                inputs, targets = (tokens[start : start + NATIVE_ROWS] for tokens in (piece.inputs, piece.targets))
                kernel.read([Feed(slot, start, inputs, wanted=len(inputs))])
                found.append(-kernel.log_probabilities(targets).astype(np.float64))
            kernel.close(slot)
        return np.concatenate(found)

    return losses


def _stories_in_training(
    stories: Sequence[HeldOutStory], corpus: Sequence[Path], training_store: Path | None
) -> int | None:
    if training_store is None and len(corpus) == 1 and is_store(corpus[0]):
        training_store = corpus[0]
    if training_store is None:
        return None
    hashes = np.array([story.hash for story in stories], np.uint64)
    return int(np.isin(hashes, TokenStore.open(training_store).train.story_hashes).sum())
