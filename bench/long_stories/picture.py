"""Four curves with their intervals: memory at a distance on both grounds, the worth of far words, loss by position."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

LINES = (("#1b4965", "#bee3db", "o"), ("#ca6702", "#f4d9a8", "s"), ("#6b6b69", "#e4e2dd", "^"))
"""Ink, band and marker of each arm."""
CHANCE = 0.5


def draw(found: dict[str, Any], out: Path) -> None:
    """Draw what was measured, arm by arm."""
    figure, panels = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    (recall, memory), (gain, position) = panels
    _curves(recall, found, "world_recall", "correct")
    _curves(memory, found, "memory", "correct")
    _curves(gain, found, "context_gain", "gain")
    _curves(position, found, "position", "raw")
    for panel in (recall, memory):
        panel.axhline(CHANCE, color="#6b6b69", linewidth=0.8, linestyle="--")
        panel.set_ylabel("share of right answers")
        panel.set_ylim(0.4, 1.0)
    recall.set_title("Early facts of long stories", fontsize=10)
    recall.set_xlabel("words since the fact was last mentioned, at least")
    memory.set_title("The study's `memory`: wording that none has seen", fontsize=10)
    memory.set_xlabel("words between the fact and the question")
    gain.axhline(0, color="#6b6b69", linewidth=0.8, linestyle="--")
    gain.set_title("What words beyond the last k tokens are worth, in long stories", fontsize=10)
    gain.set_xlabel("k, tokens kept")
    gain.set_ylabel("nats/token")
    position.set_title("Loss by position in the window, long stories end to end", fontsize=10)
    position.set_xlabel("position (tokens)")
    position.set_ylabel("nats/token")
    recall.legend(frameon=False, fontsize=9)
    figure.savefig(out, dpi=140)
    plt.close(figure)


def _curves(panel: Axes, found: dict[str, Any], name: str, column: str) -> None:
    """Draw one measurement of every arm; conditions are evenly spaced."""
    for (arm, record), (ink, band, marker) in zip(found["arms"].items(), LINES, strict=False):
        points = record["panels"][name][column]
        places = range(len(points))
        panel.fill_between(places, [p["low"] for p in points], [p["high"] for p in points], color=band, alpha=0.7)
        panel.plot(places, [p["value"] for p in points], marker=marker, color=ink, markersize=4, label=arm)
        panel.set_xticks(places, [f"{int(p['condition']):,}" for p in points], fontsize=8)
    panel.spines[["top", "right"]].set_visible(False)
