"""Rules that know no language: which answer shares words with the context, is likely by itself, or is short.

Each is a `Scorer`, so that it answers the same questions as a model; only the first is no log-likelihood.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fabula.study.baselines.reading import read
from fabula.study.items.item import Floats, Request, Scorer


@dataclass(frozen=True)
class Overlap:
    """The share of the target's words that its context has: bags of words, without punctuation and capitals."""

    def log_likelihoods(self, requests: Sequence[Request]) -> Floats:
        """Return each request's share, 0 where the target has no words; shape (requests,)."""
        contexts: dict[str, frozenset[str]] = {}
        shares = []
        for request, reading in zip(requests, read(requests), strict=True):
            if request.context not in contexts:
                contexts[request.context] = frozenset(_content(reading.context))
            target = _content(reading.scored)
            found = sum(word in contexts[request.context] for word in target)
            shares.append(found / max(1, len(target)))
        return np.array(shares, np.float64)


@dataclass(frozen=True, eq=False)
class TargetOnly:
    """L(target | nothing): what an answer is worth to somebody who didn't read the question (Schwartz et al., 2017).

    An empty context scores 0, so that the design `pmi`, which takes L(target | nothing) away, leaves it as it is.
    """

    scorer: Scorer

    def log_likelihoods(self, requests: Sequence[Request]) -> Floats:
        """Return L(target | nothing) of each request that has a context, in nats; shape (requests,)."""
        alone = self.scorer.log_likelihoods([Request("", request.target, request.spans) for request in requests])
        return np.where([bool(request.context) for request in requests], alone, 0.0)


@dataclass(frozen=True)
class Length:
    """The shorter target is preferred: minus its number of words; 0 for an empty context, as in `TargetOnly`."""

    def log_likelihoods(self, requests: Sequence[Request]) -> Floats:
        """Return minus the number of words that count; shape (requests,)."""
        lengths = [-len(reading.scored) for reading in read(requests)]
        return np.where([bool(request.context) for request in requests], lengths, 0).astype(np.float64)


def _content(words: Sequence[str]) -> list[str]:
    return [word.lower() for word in words if word[0].isalnum()]
