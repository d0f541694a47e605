"""The picture: held-out loss against the peak learning rate, a panel a way, a line a width."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from bench.rates.trials import WAYS, Found, by_rate, means

SHOWN = 0.85
"""Nats above the highest of the lines' best losses that are shown: what diverged must not flatten all the rest."""


def draw(found: Found, file: Path, title: str) -> None:
    """Draw a panel for each way: loss over rate, a line a width, its best rate marked."""
    ways = [way for way in WAYS if any(entry["trial"]["way"] == way for entry in found)]
    figure, panels = plt.subplots(1, len(ways), figsize=(4.6 * len(ways), 4.2), sharey=True, squeeze=False)
    for axes, way in zip(panels[0], ways, strict=True):
        _panel(axes, way, [entry for entry in found if entry["trial"]["way"] == way])
    panels[0][0].set_ylabel("held-out nats per token")
    _cut(panels[0][0], found)
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(file, dpi=140)


def _panel(axes: Axes, way: str, found: Found) -> None:
    widths = sorted({entry["trial"]["width"] for entry in found})
    for place, width in enumerate(widths):
        losses = by_rate(found, way, width)
        middle = means(losses)
        if not middle:
            continue
        color = plt.get_cmap("viridis")(place / max(len(widths), 1))
        axes.plot(list(middle), list(middle.values()), "-", color=color, label=f"width {width}")
        seeds = [(rate, loss) for rate in middle for loss in losses[rate] if loss is not None]
        axes.plot([rate for rate, _ in seeds], [loss for _, loss in seeds], ".", color=color)
        best = min(middle, key=middle.__getitem__)
        axes.plot(best, middle[best], "o", color=color, markersize=11, fillstyle="none", markeredgewidth=1.5)
    rates = sorted({entry["trial"]["rate"] for entry in found})
    axes.set_xscale("log")
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
    axes.minorticks_off()
    axes.set_xlabel("peak learning rate (circle: the width's best)")
    axes.set_title(WAYS[way], fontsize=10)
    axes.legend(frameon=False, fontsize=9)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _cut(axes: Axes, found: Found) -> None:
    """Leave out of all panels, which share an axis, what lies far above every line's best."""
    lines = {(entry["trial"]["way"], entry["trial"]["width"]) for entry in found}
    best = [min(middle.values()) for middle in (means(by_rate(found, *line)) for line in lines) if middle]
    losses = [entry["nats_per_token"] for entry in found if entry["nats_per_token"] is not None]
    if best:
        axes.set_ylim(min(losses) - 0.05, min(max(losses), max(best) + SHOWN) + 0.05)
