"""HTML that can't be broken by what it says: every string is escaped unless it is `Html` already."""

import html
import re
from collections.abc import Iterable, Sequence

VOID = {"br", "col", "meta", "hr"}
NO_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""What an HTML file can't hold: an untrained model writes these too."""


class Html(str):
    """Text that is markup; plain strings are not, and get escaped where they meet it."""

    __slots__ = ()


def markup(*parts: str | None) -> Html:
    """Join pieces: `Html` as it is, other strings escaped, None left out."""
    return Html("".join(part if isinstance(part, Html) else _escape(part) for part in parts if part is not None))


def _escape(text: str) -> str:
    return html.escape(NO_CHARACTERS.sub("\ufffd", text))


def element(tag: str, *children: str | None, **attributes: str | int | None) -> Html:
    """Return one element.

    Args:
        tag: its name.
        children: what it holds, see `markup`.
        attributes: by name; a trailing `_` is dropped (`class_`), other `_` become `-`, None leaves one out.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{written}>" if tag in VOID else f"<{tag}{written}>{markup(*children)}</{tag}>")


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = (), class_: str | None = None
) -> Html:
    """Return a table that can be scrolled sideways on a narrow screen.

    Args:
        head: titles of the columns.
        rows: cells; the first of each row names it.
        numbers: indices of columns that are aligned to the right.
        class_: of the table.
    """
    right = set(numbers)

    def cells(row: Sequence[str], tag: str) -> Html:
        made = []
        for index, cell in enumerate(row):
            scope = {"th": "col"}.get(tag) if tag == "th" else ("row" if index == 0 else None)
            name = "th" if scope else "td"
            made.append(element(name, cell, scope=scope, class_="n" if index in right else None))
        return element("tr", *made)

    body = element("tbody", *(cells(row, "td") for row in rows))
    content = element("table", element("thead", cells(head, "th")), body, class_=class_)
    return element("div", content, class_="scroll")


def details(summary: str, *content: str | None, class_: str | None = None) -> Html:
    """Return content that is shown on demand, without a script."""
    return element("details", element("summary", summary), *content, class_=class_)


def paragraph(*content: str | None, class_: str | None = None) -> Html:
    """Return a paragraph."""
    return element("p", *content, class_=class_)


def listing(entries: Iterable[str]) -> Html:
    """Return a list with bullets."""
    return element("ul", *(element("li", entry) for entry in entries))
