"""Figures of a running studio, and the Prometheus text format (version 0.0.4) that monitors read them in.

The computing thread and the event loop both count here, without a lock: each figure has one writer, and a reader may
at worst see a histogram's sum without its newest value.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds that a step, a wait and a request all find their place in."""

Labels = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they are written."""


class Histogram:
    """How often a figure fell below each of some bounds."""

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        """Take the buckets' upper bounds, ascending; infinity is added."""
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass
class TellerFigures:
    """What the teller counts: gauges and totals since the start."""

    open: int = 0
    """Stories being told now."""
    waiting: int = 0
    """Orders and questions that wait now."""
    accepted: int = 0
    """Orders and questions taken."""
    refused: int = 0
    """Turned away because too many waited."""
    finished: int = 0
    """Stories that came to their own end."""
    cancelled: int = 0
    """Stories that ended because nobody wanted them any more."""
    told: int = 0
    """Tokens drawn."""
    loaded: int = 0
    """Models in memory now."""
    step: Histogram = field(default_factory=Histogram)
    """Seconds of one step of one engine."""
    first_token: Histogram = field(default_factory=Histogram)
    """Seconds from an order's arrival to its first token."""
    between_tokens: Histogram = field(default_factory=Histogram)
    """Seconds between two tokens of one story."""


class Requests:
    """How many requests each route answered with which status."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, str, int]] = Counter()
        """By method, route and status."""

    def add(self, method: str, route: str, status: int) -> None:
        """Count an answer."""
        self.answered[method, route, status] += 1


def exposition(teller: TellerFigures, requests: Requests, more: Mapping[str, tuple[str, float]]) -> str:
    """Return all figures as Prometheus reads them; `more` are gauges: name to help and value."""
    answered = sorted(requests.answered.items())
    by_route = [
        ((("method", method), ("route", route), ("status", str(status))), count)
        for (method, route, status), count in answered
    ]
    lines = [
        *_family("fabula_http_requests_total", "counter", "Requests answered.", by_route),
        *_one("fabula_tokens_total", "counter", "Tokens drawn.", teller.told),
        *_one("fabula_orders_accepted_total", "counter", "Stories and questions taken.", teller.accepted),
        *_one("fabula_orders_refused_total", "counter", "Turned away because too many waited.", teller.refused),
        *_one("fabula_stories_finished_total", "counter", "Stories that came to their own end.", teller.finished),
        *_one("fabula_stories_cancelled_total", "counter", "Stories that nobody wanted any more.", teller.cancelled),
        *_one("fabula_stories_open", "gauge", "Stories being told now.", teller.open),
        *_one("fabula_orders_waiting", "gauge", "Stories and questions that wait now.", teller.waiting),
        *_one("fabula_models_loaded", "gauge", "Models in memory now.", teller.loaded),
        *_histogram("fabula_step_seconds", "One step of one model, for all its stories.", teller.step),
        *_histogram("fabula_first_token_seconds", "From an order to its first token.", teller.first_token),
        *_histogram("fabula_between_tokens_seconds", "Between two tokens of one story.", teller.between_tokens),
    ]
    for name, (meaning, value) in more.items():
        lines += _one(name, "gauge", meaning, value)
    return "\n".join(lines) + "\n"


def _one(name: str, kind: str, meaning: str, value: float) -> Iterator[str]:
    return _family(name, kind, meaning, [((), value)])


def _family(name: str, kind: str, meaning: str, samples: Sequence[tuple[Labels, float]]) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield _sample(name, labels, value)


def _histogram(name: str, meaning: str, histogram: Histogram) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} histogram"
    below = 0
    bounds = [*map(str, histogram.bounds), "+Inf"]
    for bound, count in zip(bounds, list(histogram.counts), strict=True):
        below += count
        yield _sample(f"{name}_bucket", (("le", bound),), below)
    yield _sample(f"{name}_sum", (), histogram.sum)
    yield _sample(f"{name}_count", (), below)


def _sample(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{label}="{_escaped(content)}"' for label, content in labels)
    return f"{name}{{{inside}}} {value!r}" if inside else f"{name} {value!r}"


def _escaped(content: str) -> str:
    return content.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
