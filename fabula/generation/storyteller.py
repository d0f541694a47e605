"""The storyteller: a model folder and a prompt become stories, streamed or many at once."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from fabula.errors import UserError, did_you_mean
from fabula.generation.backend import Backend, Drawn, Precision
from fabula.generation.drafts import Draft
from fabula.generation.drafts.pace import Pace
from fabula.generation.engine import Engine, Request, StopReason, Story
from fabula.generation.loading import BackendName, load_backend, load_draft
from fabula.generation.own_sampling import own_sampling
from fabula.generation.prompts import Prompts
from fabula.generation.sampling import Sampling
from fabula.model.folder import end_of_text_ids, load_tokenizer
from fabula.model.resolve import STORYTELLER, model_folder
from fabula.terminal import progress


@dataclass(frozen=True)
class Piece:
    """A part of a story as it comes."""

    text: str
    """Whole characters; empty only in the last piece."""
    tokens: int
    """Tokens drawn so far."""
    stop_reason: StopReason | None
    """In the last piece why the story stopped, None before."""
    drawn: tuple[Drawn, ...] = ()
    """The tokens drawn since the piece before."""


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
    """From the beginning of its prompt's reading to its last token."""
    tokens_per_second: float
    log_probability: float | None
    """ln p of all its tokens under the model itself, nats; None when probabilities weren't asked for."""
    drawn: tuple[Drawn, ...]
    """Every token drawn."""


class Storyteller:
    """Tells stories with one model.

    Every prompt is preceded by end-of-text, as every story was in training (or by what the folder's tokenizer puts in
    front of a text). The repetition penalty doesn't count it: if it did, stories would be kept from ending. The
    letters `<|endoftext|>` inside a prompt are letters.

    What makes two stories the same is said at `fabula.generation.engine.Engine`.
    """

    def __init__(
        self,
        backend: Backend,
        tokenizer: Tokenizer,
        end_of_text: tuple[int, ...],
        draft: Draft | None = None,
        sampling: Sampling | None = None,
    ) -> None:
        """Take what computes, and its tokenizer.

        Args:
            backend: what computes.
            tokenizer: the model's.
            end_of_text: the ids that end a story, the usual one first.
            draft: guesses tokens ahead.
            sampling: how tokens are drawn where nothing else is said.
        """
        self.backend = backend
        self.prompts = Prompts(tokenizer, end_of_text, backend.context, backend.vocab_size)
        self.tokenizer = self.prompts.tokenizer
        self.end_of_text = end_of_text
        self.draft = draft
        self.sampling = sampling or Sampling()
        self.pace = Pace()

    @property
    def lead(self) -> list[int]:
        """What stands before every prompt."""
        return self.prompts.lead

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        backend: BackendName = "auto",
        device: str = "auto",
        precision: Precision = "auto",
        threads: int = 0,
        draft: Draft | str | Path | None = None,
    ) -> "Storyteller":
        """Read a model folder.

        Args:
            folder: a Llama in the Hub's layout.
            backend: `native`, the C kernel for CPUs; `torch`; or `auto`, the kernel where the device is the CPU.
            device: `cpu`, `cuda`, `mps`, or `auto`: a CUDA GPU when there is one, else what the kernel or PyTorch has.
            precision: of the weights.
            threads: of the native kernel; 0: as it thinks best.
            draft: guesses tokens ahead, which changes how fast a story comes, not which: a draft, or what
                `fabula.generation.loading.load_draft` takes: `ngram`, `corpus`, a token store, a smaller model.

        Raises:
            UserError: the folder, its tokenizer or its end-of-text can't be used, or the backend isn't there.
        """
        folder = Path(folder)
        tokenizer = load_tokenizer(folder)
        settings: dict[str, Any] = {"backend": backend, "device": device, "precision": precision, "threads": threads}
        computing = load_backend(folder, **settings)
        end_of_text = end_of_text_ids(folder, tokenizer, computing.vocab_size)
        if isinstance(draft, str | Path):
            draft = load_draft(draft, folder, tokenizer, end_of_text, **settings)
        return cls(computing, tokenizer, end_of_text, draft, own_sampling(folder))

    def engine(self, most: int = 64) -> Engine:
        """Return an engine for this model that tells at most `most` stories at once."""
        return Engine(self.backend, self.tokenizer, self.end_of_text, draft=self.draft, pace=self.pace, most=most)

    def generate(
        self,
        prompt: str | Sequence[str],
        sampling: Sampling | None = None,
        *,
        n: int = 1,
        probabilities: bool = False,
        alternatives: int = 0,
        **changes: Any,
    ) -> list[Telling]:
        """Tell n stories for each prompt, all together.

        Args:
            prompt: how the stories begin, or several beginnings.
            sampling: how tokens are drawn; without it, as the model's folder says (`own_sampling`).
            n: stories for each prompt; the i-th has the seed `sampling.seed + i`.
            probabilities: whether each token's probability under the model is wanted.
            alternatives: how many of the most probable tokens are wanted beside each token.
            changes: fields of `sampling` to replace: `generate("Once", temperature=0.3)`.

        Returns:
            The stories, prompt by prompt.

        Raises:
            UserError: a prompt doesn't fit the context, n is below 1, or a field isn't one of sampling's.
        """
        if not isinstance(n, int) or n < 1:
            raise UserError(f"n = {n} must be a whole number, at least 1")
        sampling = changed(sampling or self.sampling, changes)
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        requests = [
            Request(tokens, len(self.lead), sampling, sampling.seed + i, None, alternatives, probabilities)
            for tokens in [tuple(self.encode(prompt)) for prompt in prompts]
            for i in range(n)
        ]
        return self.tell(requests, [prompt for prompt in prompts for _ in range(n)])

    def tell(self, requests: Sequence[Request], prompts: Sequence[str]) -> list[Telling]:
        """Tell what is requested, all together; `prompts` are the texts of the requests' prompts.

        Raises:
            UserError: a request that can't be told.
        """
        with self.engine() as engine:
            stories = [engine.submit(request) for request in requests]
            _finish(engine, len(stories))
        return [_telling(prompt, story) for prompt, story in zip(prompts, stories, strict=True)]

    def stream(
        self,
        prompt: str,
        sampling: Sampling | None = None,
        *,
        probabilities: bool = False,
        alternatives: int = 0,
        **changes: Any,
    ) -> Iterator[Piece]:
        """Tell one story piece by piece; the pieces of text, joined, are what `generate` returns.

        A stream that is left early frees what its story held as soon as it is closed.

        Raises:
            UserError: at the call, not at the first piece: as with `generate`.
        """
        sampling = changed(sampling or self.sampling, changes)
        engine = self.engine()
        tokens = tuple(self.encode(prompt))
        story = engine.submit(
            Request(tokens, len(self.lead), sampling, sampling.seed, None, alternatives, probabilities)
        )
        return _pieces(engine, story)

    def encode(self, prompt: str) -> list[int]:
        """Return a prompt's tokens, led by end-of-text.

        Raises:
            UserError: no Unicode text, more tokens than the model's context, or tokens that the model doesn't know.
        """
        return self.prompts.encode(prompt)


def load(name_or_path: str | Path = STORYTELLER, **settings: Any) -> Storyteller:
    """Load a storyteller from a checkpoint, a run (its last checkpoint), a Llama folder or a hub name.

    Args:
        name_or_path: the model; without one it is the storyteller that comes with Fabula.
        settings: as for `Storyteller.load`.

    Raises:
        UserError: no model of that name, or one that can't be used.
    """
    return Storyteller.load(model_folder(str(name_or_path)), **settings)


def changed(sampling: Sampling, changes: dict[str, Any]) -> Sampling:
    """Return a sampling with some fields replaced.

    Raises:
        UserError: no such field, or a value out of range.
    """
    allowed = [field.name for field in fields(Sampling)]
    for name in changes:
        if name not in allowed:
            raise UserError(f"no parameter {name!r} of sampling: {did_you_mean(name, allowed)}")
    return replace(sampling, **changes)


def _finish(engine: Engine, count: int) -> None:
    """Step until all of an engine's stories have stopped."""
    if count == 1:
        while engine.busy:
            engine.step()
        return
    with progress("telling stories", count, "stories") as advance:
        while engine.busy:
            advance(sum(story.stop_reason is not None for story in engine.step()))


def _pieces(engine: Engine, story: Story) -> Iterator[Piece]:
    characters = tokens = 0
    with engine:
        while story.stop_reason is None:
            engine.step()
            if len(story.text) > characters or story.stop_reason:
                new = story.text[characters:]
                yield Piece(new, len(story.drawn), story.stop_reason, tuple(story.drawn[tokens:]))
                characters, tokens = len(story.text), len(story.drawn)


def _telling(prompt: str, story: Story) -> Telling:
    assert story.stop_reason is not None
    seconds = max(story.stopped - story.started, 1e-9)  # a coarse clock may stand still
    log_probability = math.fsum(one.log_probability for one in story.drawn) if story.request.probabilities else None
    return Telling(
        prompt,
        story.text,
        len(story.drawn),
        story.stop_reason,
        story.request.seed,
        seconds,
        len(story.drawn) / seconds,
        log_probability,
        tuple(story.drawn),
    )
