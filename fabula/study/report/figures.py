"""Figures with what belongs to them: a number, a caption, where the values come from, and the values themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from fabula.study.report.markup import Html, details, element, markup, paragraph, table


@dataclass(frozen=True)
class Source:
    """How a figure can be made again from the study's files."""

    file: str
    """Inside the study's folder."""
    columns: str
    recipe: str
    """In one line."""


@dataclass(frozen=True)
class Panel:
    """One picture of a figure."""

    title: str
    svg: Html
    note: Html | None = None
    """Under the title."""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """The numbers behind the picture."""
    wide: bool = False


class Figures:
    """Numbers the report's figures and remembers where each came from."""

    def __init__(self) -> None:
        """Start with figure 1."""
        self.listed: list[tuple[int, str, Source]] = []

    def add(self, title: str, panels: Sequence[Panel], caption: str, source: Source) -> Html:
        """Return a figure of one picture or of many small ones with the same caption."""
        number = len(self.listed) + 1
        self.listed.append((number, title, source))
        pictures = element("div", *(_panel(panel) for panel in panels), class_="panels")
        made = paragraph(
            "From ", element("code", source.file), f" ({source.columns}): {source.recipe}", class_="source"
        )
        written = element("figcaption", element("b", f"Figure {number}. {title}. "), caption, made)
        return element("figure", pictures, written, id=f"figure-{number}")


def _panel(panel: Panel) -> Html:
    numbers = range(1, len(panel.head))
    values = details("Numbers", table(panel.head, panel.rows, numbers=numbers)) if panel.rows else None
    head = element("h4", panel.title) if panel.title else None
    picture = element("div", panel.svg, class_="picture")
    return element("div", markup(head, panel.note), picture, values, class_="panel wide" if panel.wide else "panel")
