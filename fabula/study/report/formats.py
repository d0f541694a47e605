"""Numbers as the report writes them."""

import math

MINUS = "\u2212"
THIN = "\u202f"
NOTHING = "\u2013"
"""Stands where there is no number."""


def count(value: float | None) -> str:
    """Return a whole number with separators: 6,600."""
    return NOTHING if value is None else f"{value:,.0f}".replace("-", MINUS)


def short_count(value: float | None) -> str:
    """Return about how many, for people: 1.4 million, 51 thousand."""
    if value is None:
        return NOTHING
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{_significant(value / size)} {name}"
    return count(value)


def tick_count(value: float) -> str:
    """Return about how many, for an axis: 8.2M, 51k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size * 0.9995:
            return f"{_significant(value / size, 2)}{letter}"
    return f"{value:.0f}"


def step(value: float | None) -> str:
    """Return a step, which may lie between two: three significant digits."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value < 10 and value != round(value):
        return f"{value:.1f}"
    return count(value if value < 1000 or value == round(value) else float(f"{value:.3g}"))


def number(value: float | None, unit: str) -> str:
    """Return a measured value in its unit: shares as percent with one decimal, everything else with three digits."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value * 100:.1f}" if unit == "share" else plain(value)
    return f"{_minus(text)}{THIN}%" if unit == "share" else _minus(text)


def interval(ends: tuple[float, float] | None, unit: str) -> str:
    """Return a 95 % interval in brackets; nothing when there is none."""
    if ends is None or not all(map(math.isfinite, ends)):
        return ""
    low, high = (_minus(f"{end * 100:.1f}" if unit == "share" else plain(end)) for end in ends)
    return f"[{low}, {high}]"


def estimate(value: float | None, ends: tuple[float, float] | None, unit: str) -> str:
    """Return a value with its interval."""
    return f"{number(value, unit)} {interval(ends, unit)}".rstrip()


def plain(value: float) -> str:
    """Return a number without a unit, to about four digits."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.3f}" if size >= 0.001 else f"{value:.1e}"


def tidy(value: float) -> str:
    """Return a number without a unit; a whole one without decimals."""
    return count(value) if value == round(value) else _minus(plain(value))


def titled(title: str, unit: str) -> str:
    """Return a title with the unit of its numbers; shares bring their own sign, ratios have none."""
    return title if unit in ("share", "ratio", "") else f"{title} ({unit})"


def rule_name(name: str | None) -> str:
    """Return what people call a baseline: 'fivegram' is a 5-gram, 'cache-0.1' a 5-gram with a cache."""
    known = {"fivegram": "5-gram", "target-only": "target only", "target_only": "target only"}
    if name is None:
        return ""
    return "5-gram with cache" if name.startswith("cache") else known.get(name, name)


def probability(value: float | None) -> str:
    """Return a probability: three decimals, never a false 0."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def seconds(value: float) -> str:
    """Return a time as people say it."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def plural(amount: int, noun: str) -> str:
    """Return '1 seed', '3 seeds'."""
    return f"{count(amount)} {noun}{'' if amount == 1 else 's'}"


def _significant(value: float, digits: int = 3) -> str:
    return f"{float(f'{value:.{digits}g}'):g}"


def _minus(text: str) -> str:
    return text.replace("-", MINUS)
