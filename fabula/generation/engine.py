"""The engine: a model, a tokenizer and a prompt become stories, streamed or in batches.

Shapes: B rows, T tokens, V vocabulary.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from tokenizers import Tokenizer
from torch import Tensor

from fabula.corpus.tokenizer import prepare
from fabula.errors import UserError
from fabula.generation.characters import CharacterStream
from fabula.generation.processors import choose, processed_logits
from fabula.generation.sampling import Sampling
from fabula.model.folder import end_of_text_ids, load_tokenizer
from fabula.model.layout import load_model
from fabula.model.llama import KeyValueCache, Llama
from fabula.model.resolve import model_folder

WIDTH = 8
"""Rows in every decoding step, used or not. A matrix product of another shape may add in another order, and a last bit
can change a story; with one shape, a story doesn't depend on how many others are told beside it. The price: a story
told alone takes as long as eight."""

StopReason = Literal["end-of-text", "max-new-tokens", "context"]


@dataclass(frozen=True)
class Piece:
    """A part of a story as it comes."""

    text: str
    """Whole characters; empty only in the last piece."""
    tokens: int
    """Tokens drawn so far."""
    stop_reason: StopReason | None
    """In the last piece why the story stopped, None before."""


@dataclass(frozen=True)
class Telling:
    """A story, and how it was told."""

    prompt: str
    text: str
    """The continuation, without the prompt."""
    tokens: int
    """Tokens drawn, the end-of-text included."""
    stop_reason: StopReason
    """`context`: the next token would lie beyond the context that the model was trained for."""
    seed: int
    """Tells this story again: `Sampling(seed=...)` with n = 1."""
    seconds: float
    """From the start of its batch, the prompt included, to its last token."""
    tokens_per_second: float


class _Story:
    """A story on its way."""

    def __init__(self, tokenizer: Tokenizer, prompt: list[int], seed: int) -> None:
        self.seed = seed
        self.generator = torch.Generator().manual_seed(seed)
        self.characters = CharacterStream(tokenizer, prompt)
        self.text = ""
        self.tokens = 0
        self.stop_reason: StopReason | None = None
        self.stopped = 0.0


class Storyteller:
    """Tells stories with one model.

    Every prompt is preceded by end-of-text, as every story was in training (or by what the folder's tokenizer puts in
    front of a text). The repetition penalty doesn't count it: if it did, stories would be kept from ending. The
    letters `<|endoftext|>` inside a prompt are letters.

    On a CPU the same prompt, sampling and seed give the same story to the last bit, whatever else is told in the same
    call (tests/generation/test_engine.py), as long as machine, PyTorch and number of threads stay the same. On a GPU
    nothing is promised beyond the same draws from equal logits.
    """

    def __init__(self, model: Llama, tokenizer: Tokenizer, end_of_text: tuple[int, ...]) -> None:
        """Take a model and its tokenizer; `end_of_text` are the ids that end a story, the usual one first."""
        self.model = model.eval()
        self.tokenizer = prepare(tokenizer)
        self.end_of_text = end_of_text
        self.device = next(model.parameters()).device
        self.lead = list(tokenizer.encode("", add_special_tokens=True).ids) or [end_of_text[0]]
        """What stands before every prompt."""

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto", dtype: torch.dtype = torch.float32) -> "Storyteller":
        """Read a model folder; `auto` takes the GPU when there is one.

        Raises:
            UserError: the folder, its tokenizer or its end-of-text can't be used.
        """
        folder = Path(folder)
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        model, tokenizer = load_model(folder, device, dtype), load_tokenizer(folder)
        return cls(model, tokenizer, end_of_text_ids(folder, tokenizer, model.config.vocab_size))

    def stream(self, prompt: str, sampling: Sampling) -> Iterator[Piece]:
        """Tell one story piece by piece; the pieces of text, joined, are what `tell` returns.

        Raises:
            UserError: at the call, not at the first piece: the prompt doesn't fit the context.
        """
        tokens = self.encode(prompt)
        story = self._story(tokens, sampling.seed)
        return self._pieces(tokens, story, sampling)

    def tell(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Telling]:
        """Tell n stories, the i-th with the seed `sampling.seed + i`.

        Raises:
            UserError: the prompt doesn't fit the context, or n is below 1.
        """
        if n < 1:
            raise UserError(f"n = {n} must be a whole number, at least 1")
        tokens = self.encode(prompt)
        tellings = []
        for first in range(0, n, WIDTH):
            started = time.perf_counter()
            seeds = range(sampling.seed + first, sampling.seed + min(first + WIDTH, n))
            stories = [self._story(tokens, seed) for seed in seeds]
            for _ in self._steps(tokens, stories, sampling):
                pass
            tellings += [_telling(prompt, story, started) for story in stories]
        return tellings

    def encode(self, prompt: str) -> list[int]:
        """Return a prompt's tokens, led by end-of-text.

        Raises:
            UserError: no Unicode text, more tokens than the model's context, or tokens that the model doesn't know.
        """
        try:
            prompt.encode()
        except UnicodeEncodeError as error:
            raise UserError(
                f"the prompt is not Unicode text: character {error.start} is half a surrogate pair"
            ) from None
        tokens = self.lead + list(self.tokenizer.encode(prompt, add_special_tokens=False).ids)
        config = self.model.config
        if len(tokens) > config.context:
            raise UserError(
                f"the prompt has {len(tokens):,} tokens with its leading end-of-text; "
                f"the model's context holds {config.context:,}"
            )
        if max(tokens) >= config.vocab_size:
            raise UserError(f"the tokenizer gives token {max(tokens)}; the model has {config.vocab_size:,} tokens")
        return tokens

    def _story(self, tokens: list[int], seed: int) -> _Story:
        return _Story(self.tokenizer, tokens[len(self.lead) :], seed)

    def _pieces(self, tokens: list[int], story: _Story, sampling: Sampling) -> Iterator[Piece]:
        given = 0
        for _ in self._steps(tokens, [story], sampling):
            if len(story.text) > given or story.stop_reason:
                yield Piece(story.text[given:], story.tokens, story.stop_reason)
                given = len(story.text)

    def _steps(self, prompt: list[int], stories: list[_Story], sampling: Sampling) -> Iterator[None]:
        """Move up to WIDTH stories on by one token at a time until all have stopped; yields after each step."""
        config = self.model.config
        room = config.context - len(prompt) + 1  # The last token is only read, it needs no position.
        limit = min(sampling.max_new_tokens, room)
        at_limit: StopReason = "max-new-tokens" if sampling.max_new_tokens <= room else "context"
        context_BT = torch.tensor([prompt], device=self.device).repeat(WIDTH, 1)
        cache, logits_BV = self._prefill(prompt, limit)
        for count in range(1, limit + 1):
            live = [row for row, story in enumerate(stories) if not story.stop_reason]
            scores = processed_logits(logits_BV[live], context_BT[live, len(self.lead) :], sampling)
            drawn = choose(scores, sampling, [stories[row].generator for row in live])
            for row, token in zip(live, drawn, strict=True):
                self._extend(stories[row], token, at_limit if count == limit else None)
            yield
            if all(story.stop_reason for story in stories):
                return
            next_B = context_BT.new_full((WIDTH,), self.end_of_text[0])
            next_B[live] = torch.tensor(drawn, device=self.device)
            context_BT = torch.cat((context_BT, next_B[:, None]), 1)
            logits_BV = self._logits(next_B[:, None], cache)

    def _extend(self, story: _Story, token: int, at_limit: StopReason | None) -> None:
        story.tokens += 1
        ended = token in self.end_of_text
        if not ended:
            story.text += story.characters.push(token)
        story.stop_reason = "end-of-text" if ended else at_limit
        if story.stop_reason:
            story.text += story.characters.finish()
            story.stopped = time.perf_counter()

    def _prefill(self, prompt: list[int], limit: int) -> tuple[KeyValueCache, Tensor]:
        """Read the prompt once, in one pass, and return every row's cache and logits (BV)."""
        like = self.model.model.embed_tokens.weight
        alone = KeyValueCache(self.model.config, 1, len(prompt), like)
        logits_1V = self._logits(torch.tensor([prompt], device=self.device), alone)
        cache = KeyValueCache(self.model.config, WIDTH, len(prompt) + limit - 1, like)
        for layer, (keys, values) in enumerate(zip(alone.keys, alone.values, strict=True)):
            cache.extend(layer, keys, values)
        return cache, logits_1V.expand(WIDTH, -1)

    @torch.inference_mode()
    def _logits(self, tokens_BT: Tensor, cache: KeyValueCache) -> Tensor:
        return self.model.logits(self.model.hidden(tokens_BT, cache=cache)[:, -1])


def load(name_or_path: str | Path, device: str = "auto") -> Storyteller:
    """Load a storyteller from a checkpoint, a run (its last checkpoint), a Llama folder or a hub name.

    Raises:
        UserError: no model of that name, or one that can't be used.
    """
    return Storyteller.load(model_folder(str(name_or_path)), device)


def _telling(prompt: str, story: _Story, started: float) -> Telling:
    assert story.stop_reason is not None
    seconds = story.stopped - started
    return Telling(prompt, story.text, story.tokens, story.stop_reason, story.seed, seconds, story.tokens / seconds)
