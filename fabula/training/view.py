"""What a person sees of a training: a live table on a terminal, plain lines elsewhere."""

import time
from typing import TYPE_CHECKING, Any

from fabula.recipe import Recipe
from fabula.terminal import PLAIN_SECONDS, console, say

if TYPE_CHECKING:
    from rich.table import Table

GIBI = 1 << 30


class View:
    """The live view of one training."""

    def __init__(self, name: str, recipe: Recipe, bytes_per_token: float, peak_flops: float | None) -> None:
        """Take what stays the same: `peak_flops` (FLOP/s of the device) turns speed into MFU where it is known."""
        self.name, self.steps = name, recipe.train.steps
        self.windows_before = recipe.windows_before
        self.bits_per_byte_of_nat = 1 / (bytes_per_token * 0.6931471805599453)
        self.peak_flops = peak_flops
        self.last_line = time.monotonic()
        self.first: tuple[int, float] | None = None
        self.live: Any = None

    def __enter__(self) -> "View":
        if console().is_terminal:
            from rich.live import Live

            self.live = Live(console=console(), refresh_per_second=4, transient=True)
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def show(self, entry: dict[str, Any]) -> None:
        """Show one step: an object as metrics.jsonl holds it."""
        if self.live:
            self.live.update(self._table(entry))
        elif time.monotonic() - self.last_line >= PLAIN_SECONDS or entry["step"] in (1, self.steps):
            self.last_line = time.monotonic()
            say("  ".join(f"{label} {value}" for label, value in self._cells(entry)))

    def _cells(self, entry: dict[str, Any]) -> list[tuple[str, str]]:
        step = entry["step"]
        cells = [
            ("step", f"{step:,}/{self.steps:,}"),
            ("ETA", self._remaining(step)),
            ("loss", f"{entry['loss']:.3f}" if entry["loss"] is not None else "not finite, step skipped"),
        ]
        if entry["loss"] is not None:
            cells.append(("bits/byte", f"{entry['loss'] * self.bits_per_byte_of_nat:.3f}"))
        cells.append(("learning rate", f"{entry['learning_rate']:.2e}"))
        if entry["gradient_norm"] is not None:
            cells.append(("gradient norm", f"{entry['gradient_norm']:.2f}"))
        cells.append(("tokens/s", f"{entry['tokens_per_second']:,.0f}"))
        if self.peak_flops:
            cells.append(("MFU", f"{entry['flops_per_second'] / self.peak_flops:.1%}"))
        cells.append(("memory", f"{entry['memory_bytes'] / GIBI:.2f} GiB"))
        return cells

    def _remaining(self, step: int) -> str:
        """Return the time left, from the pace since the first step shown: that one waited for what comes but once.

        The pace is counted in windows, since later steps may hold more of them.
        """
        now, done = time.monotonic(), self.windows_before(step)
        if self.first is None:
            self.first = (done, now)
        first, started = self.first
        left = self.windows_before(self.steps) - done
        return _duration((now - started) / (done - first) * left) if done > first else "..."

    def _table(self, entry: dict[str, Any]) -> "Table":
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table = Table.grid(padding=(0, 3))
        cells = self._cells(entry)
        table.add_row(f"[bold]{self.name}[/]", ProgressBar(self.steps, entry["step"], width=40))
        values = Table.grid(padding=(0, 3))
        values.add_row(*(f"[dim]{label}[/]" for label, _ in cells))
        values.add_row(*(value for _, value in cells))
        outer = Table.grid()
        outer.add_row(table)
        outer.add_row(values)
        return outer


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
