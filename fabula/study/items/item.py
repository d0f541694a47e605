"""One question to a language model: which text is more likely, where?

Notation: L(y | x) is the sum of ln p(y_t | x, y_<t) over the scored tokens of the target y, after the context x and
end-of-text before it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fabula.errors import UserError
from fabula.study.text import Span

Design = Literal["choice", "pmi", "contrast", "mirrored"]
"""`choice`: one context, several targets, the highest L(target | context) is chosen. `pmi`: the same with
L(target | context) - L(target | nothing) (Holtzman et al., 2021). `contrast`: one target, several contexts; is the
target likeliest after its own? `mirrored`: two contexts of the same words and two targets, the i-th target fits the
i-th context."""
Floats = NDArray[np.float64]
TIE = 1e-6
"""Two log-likelihoods that differ by less (nats) are equal; an answer shared by k counts 1 / k."""


@dataclass(frozen=True)
class Request:
    """One log-likelihood to compute."""

    context: str
    """What stands before; empty: only end-of-text."""
    target: str
    """What is scored; it brings its own leading space."""
    spans: tuple[Span, ...] | None = None
    """Characters of the target: only tokens whose first character other than a space lies in one of these count;
    None: all tokens count."""


class Scorer(Protocol):
    """Whatever gives texts a probability: a language model, or a baseline that stands in for one."""

    def log_likelihoods(self, requests: Sequence[Request]) -> Floats:
        """Return L(target | context) of each request in nats; shape (requests,)."""
        ...


@dataclass(frozen=True)
class Item:
    """A question, its possible answers, and which is right."""

    probe: str
    """A name in `fabula.study.probes`."""
    cluster: str
    """What the item was made from (a story, a template family): items of one cluster are not independent."""
    design: Design
    contexts: tuple[str, ...]
    """One for `choice` and `pmi`, two or more for `contrast`, two for `mirrored`."""
    targets: tuple[str, ...]
    """Two or more for `choice` and `pmi`, one for `contrast`, two for `mirrored`; each brings its leading space."""
    gold: int = 0
    """Index of the right target (`choice`, `pmi`) or context (`contrast`), at random; 0 for `mirrored`."""
    spans: tuple[tuple[Span, ...] | None, ...] = ()
    """For each target the characters that count; empty: all of all."""
    condition: str = ""
    """Splits a probe: the distance of a memory, the rule of grammar, "seen" or "unseen"."""

    @property
    def id(self) -> str:
        """SHA-1 of what the item says."""
        content = json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)
        return hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()

    @property
    def chance(self) -> float:
        """Accuracy of a blind guess."""
        return 1 / max(len(self.contexts), len(self.targets))

    def to_json(self) -> dict[str, Any]:
        """Return the item as plain data, its id first."""
        return {"id": self.id, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Item":
        """Return the item that `to_json` described."""
        spans = tuple(None if s is None else tuple((a, b) for a, b in s) for s in values["spans"])
        kept = {name: value for name, value in values.items() if name != "id"}
        return cls(
            **{**kept, "contexts": tuple(values["contexts"]), "targets": tuple(values["targets"]), "spans": spans}
        )

    def requests(self) -> list[Request]:
        """Return every log-likelihood that `outcomes` needs: context by context, each with all targets.

        `pmi` adds the empty context at the end.
        """
        contexts = (*self.contexts, "") if self.design == "pmi" else self.contexts
        spans = self.spans or (None,) * len(self.targets)
        return [Request(c, t, s) for c in contexts for t, s in zip(self.targets, spans, strict=True)]


@dataclass(frozen=True)
class Outcomes:
    """What a scorer made of a list of items; every array has shape (items,)."""

    correct: Floats
    """1 right, 0 wrong, ties shared. `mirrored`: mean over both targets of 'likelier after its own context'."""
    margin: Floats
    """Nats by which the right answer leads the best wrong one (`mirrored`: mean over both targets)."""
    choice: Floats
    """`mirrored`: mean over both contexts of 'its own target is likelier than the other'. Otherwise `correct`."""
    pair: Floats
    """`mirrored`: 1 when everything in `choice` is right, else 0 (chance: 0.25 for a coin, 0 for a fixed taste).
    Otherwise `correct`."""


def outcomes(items: Sequence[Item], scorer: Scorer) -> Outcomes:
    """Score items: every request in one call, so that the scorer can batch them."""
    requests = [item.requests() for item in items]
    values = scorer.log_likelihoods([request for group in requests for request in group])
    rows = []
    start = 0
    for item, group in zip(items, requests, strict=True):
        table_CT = values[start : start + len(group)].reshape(-1, len(item.targets))
        rows.append(_outcome(item, table_CT))
        start += len(group)
    columns = np.array(rows, np.float64).reshape(-1, 4).T
    return Outcomes(*columns)


def _outcome(item: Item, table_CT: Floats) -> tuple[float, float, float, float]:
    """Judge one item by L of every target (columns) after every context (rows)."""
    if item.design == "mirrored":
        by_target = [_judge(table_CT[:, i], i) for i in range(2)]
        by_context = [_judge(table_CT[i], i) for i in range(2)]
        correct, margin = (float(np.mean(column)) for column in zip(*by_target, strict=True))
        choice = float(np.mean([right for right, _ in by_context]))
        return correct, margin, choice, float(choice == 1)
    scores = {"choice": table_CT[0], "pmi": table_CT[0] - table_CT[-1], "contrast": table_CT[:, 0]}[item.design]
    correct, margin = _judge(scores, item.gold)
    return correct, margin, correct, correct


def _judge(scores: Floats, gold: int) -> tuple[float, float]:
    """Return (1, 0 or a shared tie, lead of the right answer in nats)."""
    best = scores.max()
    winners = np.flatnonzero(scores > best - TIE)
    correct = 1 / len(winners) if gold in winners else 0.0
    return correct, float(scores[gold] - np.delete(scores, gold).max())


def read_items(path: Path) -> list[Item]:
    """Read a file of items, one a line; none where there is no file.

    Raises:
        UserError: the file is damaged.
    """
    if not path.is_file():
        return []
    try:
        return [Item.from_json(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not hold a study's questions, one a line ({error!r})") from None
