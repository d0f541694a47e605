"""Time and memory explained by what a step has to do: non-negative least squares on the relative error."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Record = Mapping[str, Any]
SECONDS: dict[str, Callable[[Record], float]] = {
    "a step": lambda r: 1.0,
    "a position": lambda r: r["positions"],
    "a FLOP of the matrix products": lambda r: r["positions"] * r["product_flops"],
    "a FLOP of attention": lambda r: r["positions"] * r["attention_flops"],
    "a logit": lambda r: r["positions"] * r["vocabulary"],
    "a number between products": lambda r: r["positions"] * r["activations"],
    "a weight's update": lambda r: r["parameters"],
}
"""What a step's seconds are the sum of."""
BYTES: dict[str, Callable[[Record], float]] = {
    "the process": lambda r: 1.0,
    "a weight": lambda r: r["parameters"],
    "a position": lambda r: r["positions"],
    "a number between products": lambda r: r["positions"] * r["activations"],
    "a logit of a chunk": lambda r: min(r["positions"], r["loss_chunk"]) * r["vocabulary"],
}
"""What a step's peak memory is the sum of."""


@dataclass(frozen=True)
class Fit:
    """Constants, and how well they predict points that they were not fitted to."""

    constants: dict[str, float]
    """Seconds, or bytes, for one of each."""
    errors: list[float]
    """Of each point when the others alone are fitted: predicted over measured, less 1."""

    @property
    def median_error(self) -> float:
        """Half of the points are predicted closer."""
        return statistics.median(map(abs, self.errors))

    @property
    def worst_error(self) -> float:
        """No point is predicted worse."""
        return max(map(abs, self.errors))


def fit_seconds(records: Sequence[Record]) -> Fit:
    """Explain the seconds of a step."""
    return fit(records, SECONDS, [record["step_seconds"] for record in records])


def fit_memory(records: Sequence[Record]) -> Fit:
    """Explain the peak memory of a step."""
    return fit(records, BYTES, [record["peak_bytes"] for record in records])


def fit(records: Sequence[Record], terms: Mapping[str, Callable[[Record], float]], values: Sequence[float]) -> Fit:
    """Find the constants of a sum of terms, and the errors by leaving out one point at a time."""
    duties = np.array([[term(record) for term in terms.values()] for record in records], float)
    measured = np.asarray(values, float)
    errors = []
    for left_out in range(len(records)):
        others = np.arange(len(records)) != left_out
        constants = _solve(duties[others], measured[others])
        errors.append(float(duties[left_out] @ constants / measured[left_out] - 1))
    return Fit(dict(zip(terms, _solve(duties, measured).tolist(), strict=True)), errors)


def predict(constants: Mapping[str, float], terms: Mapping[str, Callable[[Record], float]], record: Record) -> float:
    """Return the sum that the constants give for a record."""
    return sum(constants[name] * term(record) for name, term in terms.items())


def _solve(duties: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minimise the squared relative error; columns are brought to one scale, for they differ by many powers of ten."""
    relative = duties / measured[:, None]
    scale = np.maximum(relative.max(axis=0), np.finfo(float).tiny)
    constants: NDArray[np.float64] = nnls(relative / scale, np.ones(len(measured)))[0] / scale
    return constants
