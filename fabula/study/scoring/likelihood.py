"""A language model's answers to items: requests become trees of tokens, log-probabilities become outcomes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabula.study.items.item import Item, Request, outcomes
from fabula.study.scores import Scores
from fabula.study.scoring.language_model import Floats, LanguageModel, Tree
from fabula.study.text import Span


@dataclass(frozen=True)
class Question:
    """A request in tokens."""

    prefix: tuple[int, ...]
    """End-of-text, and the context's tokens."""
    branch: tuple[int, ...]
    """The target's tokens."""
    counted: NDArray[np.bool_]
    """Which of the target's tokens count; shape (branch,)."""


class ModelScorer:
    """Likelihoods of requests under a language model (`fabula.study.items.item.Scorer`).

    Context and target are encoded as one text, as they would stand in a story. A token that begins in the context and
    ends in the target belongs to the target: the branch starts with it. (The targets of items begin with a space, at
    which byte-level BPE always parts, so it doesn't happen to them.)
    """

    def __init__(self, model: LanguageModel) -> None:
        """Take the model to ask."""
        self.model = model

    def log_likelihoods(self, requests: Sequence[Request]) -> Floats:
        """Return L(target | context) of each request in nats; shape (requests,). Each context is computed once."""
        questions = self.questions(requests)
        branches: dict[tuple[int, ...], dict[tuple[int, ...], int]] = {}
        for question in questions:
            known = branches.setdefault(question.prefix, {})
            known.setdefault(question.branch, len(known))
        trees = [Tree(prefix, tuple(known)) for prefix, known in branches.items()]
        found = dict(zip(branches, self.model.log_probabilities(trees), strict=True))
        values = [found[question.prefix][branches[question.prefix][question.branch]] for question in questions]
        return np.array(
            [value[question.counted].sum() for value, question in zip(values, questions, strict=True)], np.float64
        )

    def fits(self, item: Item) -> bool:
        """Say whether the item's longest request fits the model's context."""
        questions = self.questions(item.requests())
        return all(Tree(q.prefix, (q.branch,)).positions <= self.model.context for q in questions)

    def questions(self, requests: Iterable[Request]) -> list[Question]:
        """Encode requests."""
        requests = list(requests)
        encodings = self.model.tokenizer.encode_batch(
            [request.context + request.target for request in requests], add_special_tokens=False
        )
        return [
            self._question(request, encoding.ids, encoding.offsets)
            for request, encoding in zip(requests, encodings, strict=True)
        ]

    def _question(self, request: Request, tokens: list[int], offsets: list[Span]) -> Question:
        border = len(request.context)
        first = next((index for index, (_, end) in enumerate(offsets) if end > border), len(tokens))
        prefix, branch = (self.model.end_of_text, *tokens[:first]), tuple(tokens[first:])
        if request.spans is None:
            return Question(prefix, branch, np.ones(len(branch), np.bool_))
        text = request.context + request.target
        marks = [_first_letter(text, max(start, border), end) - border for start, end in offsets[first:]]
        counted = [any(start <= mark < stop for start, stop in request.spans) for mark in marks]
        return Question(prefix, branch, np.array(counted, np.bool_))


def score_items(items: Sequence[Item], model: LanguageModel) -> Scores:
    """Ask a model every item; all of them fit its context (`ModelScorer.fits`).

    Returns:
        One unit an item, named by its id; the columns are those of `fabula.study.items.item.Outcomes`.
    """
    found = outcomes(items, ModelScorer(model))
    return Scores(
        units=np.array([item.id for item in items], np.str_),
        clusters=np.array([item.cluster for item in items], np.str_),
        conditions=np.array([item.condition for item in items], np.str_),
        columns={
            "correct": found.correct,
            "margin": found.margin,
            "choice": found.choice,
            "pair": found.pair,
        },
    )


def _first_letter(text: str, start: int, end: int) -> int:
    """Return where the first character other than a space stands in text[start:end]; -1, before any target: nowhere."""
    return next((index for index in range(start, end) if not text[index].isspace()), -1)
