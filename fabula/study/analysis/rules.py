"""The pre-registered rules: `fabula/study/verdicts.toml`, read and hashed."""

import hashlib
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from fabula.training.series import REFERENCE_STEPS, phase_bounds

FILE = "verdicts.toml"


@dataclass(frozen=True)
class Rules:
    """Thresholds, claimed windows and primary probes."""

    version: int
    sha256: str
    """Of the file's bytes."""
    above_baseline: float
    normalised_low: float
    normalised: float
    unknown_ceiling: float
    gains: dict[str, float]
    """Threshold in nats of each probe that is judged by its gain."""
    band_share: float
    ratio_limit: float
    precondition: str
    nearest: float
    window_share: float
    timing_seeds: int
    order_probability: float
    delta_bic: float
    phase_p: float
    seeds_share: float
    near: float
    windows: dict[str, tuple[int, int]]
    """Claimed steps by claim, in a run of `REFERENCE_STEPS`; claims about the finished model have none."""
    primary: dict[str, tuple[str, ...]]
    """Probes that decide a claim."""

    @classmethod
    def load(cls) -> "Rules":
        """Read the rules that this version of Fabula was released with."""
        content = (resources.files("fabula.study") / FILE).read_bytes()
        return cls.from_toml(tomllib.loads(content.decode()), hashlib.sha256(content).hexdigest())

    @classmethod
    def from_toml(cls, table: dict[str, Any], sha256: str) -> "Rules":
        """Return the rules that a parsed file describes."""
        claims: dict[str, dict[str, Any]] = table["claims"]
        return cls(
            version=table["version"],
            sha256=sha256,
            above_baseline=table["accuracy"]["above_baseline"],
            normalised_low=table["accuracy"]["normalised_low"],
            normalised=table["accuracy"]["normalised"],
            unknown_ceiling=table["accuracy"]["unknown_ceiling"],
            gains=table["gain"],
            band_share=table["band"]["share"],
            ratio_limit=table["ratio"]["limit"],
            precondition=table["precondition"]["probe"],
            nearest=table["checkpoints"]["nearest"],
            window_share=table["timing"]["window_share"],
            timing_seeds=table["timing"]["seeds"],
            order_probability=table["phases"]["order_probability"],
            delta_bic=table["phases"]["delta_bic"],
            phase_p=table["phases"]["p"],
            seeds_share=table["phases"]["seeds_share"],
            near=table["phases"]["near"],
            windows={
                name: (entry["window"][0], entry["window"][1]) for name, entry in claims.items() if "window" in entry
            },
            primary={name: tuple(entry["primary"]) for name, entry in claims.items()},
        )

    def window(self, claim: str, steps: int) -> tuple[int, int] | None:
        """Return a claim's steps in a run of `steps`; None for a single model, or a claim that names no window."""
        if not steps or claim not in self.windows:
            return None
        scaled = dict(zip(phase_bounds(REFERENCE_STEPS), phase_bounds(steps), strict=True))
        return scaled[self.windows[claim]]
