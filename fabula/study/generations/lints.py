"""Mistakes of grammar and spelling, found by harper (`pip install harper-py`): an extra that a study can do without."""

from collections.abc import Callable
from dataclasses import dataclass

from fabula.study.text import Span


@dataclass(frozen=True)
class Lint:
    """One mistake."""

    span: Span
    """Its characters."""
    message: str
    """What harper says about it."""


def grammar_linter() -> Callable[[str], list[Lint]] | None:
    """Return a function that finds the mistakes of a text, or None where harper isn't installed.

    About 200 sentences a second.
    """
    try:
        import harper
    except ImportError:
        return None
    linter = harper.Linter(harper.Dialect.AMERICAN)

    def find(text: str) -> list[Lint]:
        found = linter.lint(text, language=harper.Language.PLAINTEXT)
        return [Lint((lint.span.start, lint.span.end), str(lint.message)) for lint in found]

    return find
