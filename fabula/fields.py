"""Typed values from TOML and from the command line: what a field may hold, and the line that says so."""

import ast
import functools
import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from fabula.errors import UserError, did_you_mean

TYPE_NAMES: dict[Any, str] = {
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    bool: "true or false",
}


@dataclass(frozen=True)
class Range:
    """The values a number may take; an open end excludes its bound."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def holds(self, value: float) -> bool:
        """Say whether `value` lies inside."""
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.low_open else f"at least {self.low:g}"
        high = f"below {self.high:g}" if self.high_open else f"at most {self.high:g}"
        parts = [low] * (self.low > -math.inf) + [high] * (self.high < math.inf)
        return " and ".join(parts) or "any finite number"


@functools.cache
def sentences(kind: type) -> Mapping[str, str]:
    """Return the sentence that stands under each field of a dataclass."""
    (node,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(node, ast.ClassDef)
    return {
        entry.target.id: " ".join(str(sentence.value.value).split())
        for entry, sentence in zip(node.body, node.body[1:], strict=False)
        if isinstance(entry, ast.AnnAssign)
        and isinstance(entry.target, ast.Name)
        and isinstance(sentence, ast.Expr)
        and isinstance(sentence.value, ast.Constant)
    }


def unwrapped(hint: Any) -> tuple[Any, Range | None]:
    """Split `Annotated[type, Range]` into its parts."""
    if get_origin(hint) is Annotated:
        kind, *notes = get_args(hint)
        return kind, next((note for note in notes if isinstance(note, Range)), None)
    return hint, None


def checked(name: str, value: Any, hint: Any) -> Any:
    """Return `value` as the field's type.

    Raises:
        UserError: another type, or out of range.
    """
    kind, allowed = unwrapped(hint)
    if get_origin(kind) is tuple:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise UserError(f"{name} = {value!r} must be a list")
        return tuple(checked(name, item, get_args(kind)[0]) for item in items)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UserError(f"{name} = {value!r}: {did_you_mean(str(value), get_args(kind))}")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UserError(f"{name} = {value!r} must be {TYPE_NAMES[kind]}")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{name} = {value!r} must be a finite number")
    if allowed and not allowed.holds(value):
        raise UserError(f"{name} = {value!r} must be {allowed}")
    return value


def from_text(name: str, text: str, hint: Any) -> Any:
    """Read a command-line value: a number, true/false, a word, or a comma-separated list."""
    kind, _ = unwrapped(hint)
    if get_origin(kind) is tuple:
        return [from_text(name, item.strip(), get_args(kind)[0]) for item in text.split(",") if item.strip()]
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise UserError(f"{name} = {text!r} must be true or false")
        return text.lower() == "true"
    if kind in (int, float):
        try:
            return kind(text.replace(",", "").replace("_", ""))
        except ValueError:
            raise UserError(f"{name} = {text!r} must be {TYPE_NAMES[kind]}") from None
    return text
