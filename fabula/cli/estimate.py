"""`fabula train RECIPE --estimate`: what a run would take, as a table."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from fabula.cli.parser import at_least, print_rich, report
from fabula.errors import UserError
from fabula.recipe import Recipe

if TYPE_CHECKING:
    from fabula.training.costs import Span
    from fabula.training.estimate import Estimate, Prediction

GB = 1e9
ONLY_WITH_ESTIMATE = ("gpus", "price", "json")


def add_estimate(train: argparse.ArgumentParser) -> None:
    """Declare the options of `--estimate`."""
    group = train.add_argument_group("estimate")
    group.add_argument(
        "--estimate",
        action="store_true",
        help="train nothing and write nothing: predict time, price and memory, here (from some seconds of real steps) "
        "and on a list of GPUs (from their data sheets)",
    )
    group.add_argument("--gpus", type=int, help="--estimate: GPUs side by side (default: 1)")
    group.add_argument(
        "--price",
        nargs="+",
        metavar="DEVICE=DOLLARS",
        help="--estimate: what an hour costs, in place of the assumed prices: 'RTX 4090=0.4', here=0.02",
    )
    group.add_argument("--json", action="store_true", help="--estimate: print one JSON object")


def check_options(parsed: argparse.Namespace) -> None:
    """Refuse the estimate's options where nothing is estimated."""
    given = next((name for name in ONLY_WITH_ESTIMATE if getattr(parsed, name)), None)
    if given:
        raise UserError(f"--{given} needs --estimate")


def show_estimate(parsed: argparse.Namespace, recipe: Recipe, name: str) -> None:
    """Predict and print."""
    prices = parse_prices(parsed.price or ())
    count = at_least("--gpus", 1 if parsed.gpus is None else parsed.gpus, 1)
    from fabula.training.estimate import estimate

    found = estimate(recipe, prices, count)
    report({"recipe": name, **found.to_json()}, parsed.json, lambda: _show(found, name, prices))


def parse_prices(words: Sequence[str]) -> dict[str, float]:
    """Read `DEVICE=DOLLARS`."""
    prices = {}
    for word in words:
        name, _, text = word.rpartition("=")
        try:
            price = float(text)
        except ValueError:
            price = -1.0
        if not name or not 0 <= price < float("inf"):
            raise UserError(f"--price {word!r} must be DEVICE=DOLLARS an hour, such as H100=2.5")
        prices[name] = price
    return prices


def _show(found: "Estimate", name: str, prices: Mapping[str, float]) -> None:
    from rich.table import Table

    for line in _facts(found, name):
        print(line)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("device", no_wrap=True)
    for head in ("time", "price, $", "tokens/s", "MFU", "memory, GB", "fits", "fitting"):
        table.add_column(head, justify="right", no_wrap=True)
    for prediction in found.predictions:
        table.add_row(*_row(prediction))
    print_rich(table)
    for line in _conditions(found, prices):
        print(line)


def _facts(found: "Estimate", name: str) -> list[str]:
    epochs = f" ({found.epochs:.2f} epochs)" if found.epochs is not None else ""
    return [
        f"{name}: {found.parameters:,} parameters, {found.steps:,} steps, {found.tokens / 1e6:,.1f} M tokens{epochs}, "
        f"{found.executed_flops:.2e} FLOPs",
        f"A token: {found.flops_per_token / 1e6:,.1f} MFLOP; it attends to {found.attended:.0f} positions "
        f"({found.attended_from}).",
    ]


def _row(prediction: "Prediction") -> list[str]:
    name = prediction.device if prediction.count == 1 else f"{prediction.count} x {prediction.device}"
    largest = prediction.largest_micro_batch
    return [
        name,
        duration(prediction.seconds),
        _range(prediction.price, _dollars) if prediction.price else "",
        _range(prediction.tokens_per_second, _rounded),
        f"{_range(prediction.flops_share, lambda share: f'{100 * share:.0f}')} %",
        _range(prediction.memory_bytes, lambda size: f"{size / GB:.1f}"),
        prediction.fits,
        "" if largest is None else str(largest),
    ]


def _conditions(found: "Estimate", prices: Mapping[str, float]) -> list[str]:
    from fabula.training import gpus

    lines = []
    if found.calibration:
        here = found.calibration
        lines.append(
            f"here: {here.device}, {here.precision}{', compiled' if here.compiled else ''}; measured {here.measured}; "
            f"the products reach {here.product_flops / 1e9:,.0f} GFLOP/s. Other work on the machine slows it."
        )
    assumed = "prices as given" if prices else f"prices are assumptions of {gpus.PRICES_FROM} (--price changes them)"
    lines.append(
        "GPUs: assumed from data sheets, not measured on a GPU; "
        f"{assumed}. fits: in the card's memory, at the recipe's micro-batch of {found.predictions[-1].micro_batch}; "
        "fitting: the largest micro-batch that surely does. MFU: of the data sheet's bfloat16 FLOP/s; here, of what "
        "the recipe's matrix products reach alone."
    )
    return lines


def _range(span: "Span", text: Callable[[float], str]) -> str:
    low, high = text(span.low), text(span.high)
    return low if low == high else f"{low}-{high}"


def duration(seconds: "Span") -> str:
    """Return a range of time in the unit that suits its middle, with two digits that mean something."""
    units = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
    size, unit = next(((size, unit) for size, unit in units if seconds.middle >= 1.5 * size), units[-1])

    def text(value: float) -> str:
        return f"{value / size:.0f}" if value >= 10 * size else f"{value / size:.1f}"

    return f"{_range(seconds, text)} {unit}"


def _dollars(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:.2f}"


def _rounded(value: float) -> str:
    """Return a count with two digits, as in 350K."""
    for size, unit in ((1e6, "M"), (1e3, "K")):
        if value >= size:
            return f"{value / size:.1f}{unit}" if value < 10 * size else f"{value / size:.0f}{unit}"
    return f"{value:.0f}"
