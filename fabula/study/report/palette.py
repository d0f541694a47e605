"""Colours that colour-blind readers tell apart (Okabe and Ito, 2008), always with a second mark beside the colour."""

from dataclasses import dataclass

from fabula.study.folder import Series
from fabula.study.report.markup import Html, element
from fabula.study.results import Answer

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
INK, MUTED, GRID, SHADE, PAPER = "#1b1b1a", "#6b6b69", "#e4e2dd", "#f1e7cd", "#fffffe"
THEME = {INK: "--ink", MUTED: "--muted", GRID: "--grid", SHADE: "--shade", PAPER: "--paper"}
"""Colours of a figure that follow the page's light or dark scheme."""
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 2), (2, 1.6), (6, 2, 1.5, 2), (9, 3), (1, 1))
MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class LineStyle:
    """How one series is drawn in every figure."""

    colour: str
    dash: tuple[float, ...]
    """Lengths of strokes and gaps in points; empty: a solid line."""
    marker: str
    """Of matplotlib."""


def styles(series: tuple[Series, ...]) -> dict[str, LineStyle]:
    """Return a style for each series, by label."""
    return {
        entry.label: LineStyle(
            COLOURS[index % len(COLOURS)],
            DASHES[index % len(DASHES)],
            MARKERS[(index + index // len(MARKERS)) % len(MARKERS)],
        )
        for index, entry in enumerate(series)
    }


SYMBOLS: dict[str, str] = {"supported": "\u2713", "not supported": "\u2715", "inconclusive": "?"}
CLASSES: dict[str, str] = {"supported": "yes", "not supported": "no", "inconclusive": "open"}


def badge(answer: Answer) -> Html:
    """Return a verdict as symbol, word and colour."""
    symbol = element("span", SYMBOLS[answer], class_="symbol", aria_hidden="true")
    return element("span", symbol, " ", answer, class_=f"badge {CLASSES[answer]}")


def swatch(style: LineStyle) -> Html:
    """Return a piece of a series' line with its marker, for a legend."""
    dash = " ".join(f"{part * 1.4:g}" for part in style.dash) or None
    line = element("path", d="M1 7H33", stroke=style.colour, stroke_width="1.8", stroke_dasharray=dash, fill="none")
    shapes = {
        "o": "M17 3.6a3.4 3.4 0 1 0 .01 0z",
        "s": "M14 4h6v6h-6z",
        "^": "M17 3l3.8 7h-7.6z",
        "D": "M17 2.8l4 4.2-4 4.2-4-4.2z",
        "v": "M17 11l3.8-7h-7.6z",
        "P": "M15.8 3h2.4v2.8H21v2.4h-2.8V11h-2.4V8.2H13V5.8h2.8z",
    }
    mark = element("path", d=shapes[style.marker], fill=style.colour)
    return element("svg", line, mark, class_="swatch", viewBox="0 0 34 14", width=34, height=14, aria_hidden="true")
