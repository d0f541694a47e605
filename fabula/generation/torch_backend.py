"""The backend that computes with PyTorch, on any of its devices.

Stories are read together, padded to a common number of tokens. On a CPU (and wherever else PyTorch dispatches as fast
as the device computes) every pass has just the shape that it needs. On CUDA, where launching the kernels of a small
model takes longer than running them, the passes that draw have one of a few fixed shapes, and each shape is recorded
once as a CUDA graph.

Logits equal those of the model on the whole text up to rounding, not to the last bit: a matrix product of another shape
may add in another order. The native backend promises more.

Shapes: B rows of a pass, T tokens, S key positions, C hidden width, N rows of logits, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import torch
from torch import Tensor

from fabula.errors import UserError
from fabula.generation.backend import Draw, Drawn, Feed, Floats, Precision
from fabula.generation.processors import draw_rows
from fabula.generation.torch_slots import Slot, SlotPool, SlotView, rounded
from fabula.model.folder import stored_dtype
from fabula.model.layout import load_model
from fabula.model.llama import Llama

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PASS_TOKENS = {"cpu": 8, "cuda": 1024}
"""Padding that may be computed to save one more pass: about the tokens that take as long as reading the weights (on
CUDA as launching the kernels)."""
STATIC_TOKENS = 8
"""Feeds up to this length, a drawn token and a draft of a few, are read in fixed shapes where those are used."""
STATIC_POSITIONS = 64
"""Key positions are rounded up to a multiple of this, or to a quarter of an octave where that is more."""
WARM_UP = 3
"""Passes before a CUDA graph is recorded, as PyTorch's notes on graphs ask for."""


class TorchBackend:
    """`fabula.generation.backend.Backend` in PyTorch."""

    exact = False

    def __init__(self, model: Llama, *, static: bool | None = None) -> None:
        """Take a model.

        Args:
            model: on its device, in its precision.
            static: whether to read in fixed shapes, on CUDA as graphs; None: on CUDA only.
        """
        weight = model.lm_head.weight
        self.model = model.eval()
        self.device = weight.device
        self.vocab_size = model.config.vocab_size
        self.context = model.config.context
        self.name = f"PyTorch {str(weight.dtype).removeprefix('torch.')}, {_device_name(self.device)}"
        self.static = self.device.type == "cuda" if static is None else static
        self._pool = SlotPool(model.config, weight)
        self._graphs: _Graphs | None = None
        self._logits_NV = weight.new_empty(0, self.vocab_size)

    @classmethod
    def load(cls, folder: Path, device: str, precision: Precision) -> "TorchBackend":
        """Read a model folder.

        Raises:
            UserError: the folder can't be used, or a precision that PyTorch doesn't compute in here.
        """
        if precision == "auto":
            precision = stored_dtype(folder)
        if precision not in DTYPES:
            raise UserError(
                f"precision {precision!r} runs on the native CPU kernel only; PyTorch takes float32 or bfloat16"
            )
        return cls(load_model(folder, device, DTYPES[precision]))

    def open(self, capacity: int) -> int:
        """Reserve keys and values for `capacity` positions; returns the slot."""
        return self._pool.open(capacity)

    def close(self, slot: int) -> None:
        """Give a slot back."""
        self._pool.close(slot)

    @torch.inference_mode()
    def read(self, feeds: Sequence[Feed]) -> int:
        """Read tokens of some stories, each slot at most once; returns the number of rows of logits."""
        assert len({feed.slot for feed in feeds}) == len(feeds), "a slot is fed twice"
        self._pool.settle()
        readings: list[_Reading] = []
        rows = 0
        for feed in feeds:
            readings.append(_Reading(feed, self._pool[feed.slot], rows))
            rows += feed.wanted
        passes = self._passes(readings)
        nothing_0C = self._logits_NV.new_empty(0, self.model.config.hidden)
        hidden_NC = torch.cat([nothing_0C, *(self._read_together(together) for together in passes)])
        place = [row for together in passes for reading in together for row in reading.rows]
        if place != list(range(rows)):
            hidden_NC = hidden_NC[_inverse(place)]
        self._logits_NV = self.model.logits(hidden_NC)
        return rows

    def logits(self, row: int) -> Floats:
        """Return a row of the last `read`'s logits: float32, shape (vocabulary,), good until the next `read`."""
        logits_V: Floats = self._logits_NV[row].float().cpu().numpy()
        return logits_V

    @torch.inference_mode()
    def draw(self, draws: Sequence[Draw]) -> list[Drawn]:
        """Draw tokens from the last `read`'s logits, where they are: only what is drawn leaves the device."""
        rows = [draw.row for draw in draws]
        everything = rows == list(range(len(self._logits_NV)))
        return draw_rows(self._logits_NV if everything else self._logits_NV[rows], draws)

    def _passes(self, readings: list["_Reading"]) -> list[list["_Reading"]]:
        """Say what is read in one pass; fixed shapes pad drawn tokens and drafts anyway, so those go together."""
        drawn = [reading for reading in readings if self.static and reading.length <= STATIC_TOKENS]
        rest = [reading for reading in readings if not (self.static and reading.length <= STATIC_TOKENS)]
        worth = PASS_TOKENS.get(self.device.type, PASS_TOKENS["cpu"])
        return ([drawn] if drawn else []) + _alike(rest, worth)

    def _read_together(self, readings: list["_Reading"]) -> Tensor:
        """Read in one pass and return the wanted hidden states, feed by feed."""
        T = max(reading.length for reading in readings)
        seen = max(reading.end for reading in readings)
        if self.static and T <= STATIC_TOKENS:
            T, seen = _power_of_two(T), min(rounded(seen, STATIC_POSITIONS), self._pool.positions)
            rows = list(range(_power_of_two(len(self._pool))))
            hidden_BTC = self._read_static(self._inputs(readings, rows, T), seen)
        else:
            rows = sorted(reading.slot.row for reading in readings)
            hidden_BTC = self._hidden(self._inputs(readings, rows, T), self._selected(rows), seen, len(rows) > 1)
        for reading in readings:
            reading.slot.filled = reading.end
        place = {row: number * T for number, row in enumerate(rows)}
        ends = [(place[reading.slot.row] + reading.length, reading.feed.wanted) for reading in readings]
        wanted = [position for end, count in ends for position in range(end - count, end)]
        hidden_XC = hidden_BTC.flatten(0, 1)
        if wanted and wanted == list(range(wanted[0], wanted[-1] + 1)):
            return hidden_XC[wanted[0] : wanted[-1] + 1]
        return hidden_XC[wanted]

    def _inputs(self, readings: list["_Reading"], rows: list[int], T: int) -> Tensor:
        """Return each row's tokens and their positions: int64, shape (2, B, T).

        Padding, and rows that are computed without being fed, stand at the spare position after all others.
        """
        spare = self._pool.positions
        tokens, positions = {row: [0] * T for row in rows}, {row: [spare] * T for row in rows}
        for reading in readings:
            row, padding = reading.slot.row, T - reading.length
            tokens[row] = [*map(int, reading.feed.tokens), *[0] * padding]
            positions[row] = [*range(reading.feed.start, reading.end), *[spare] * padding]
        return torch.tensor([list(tokens.values()), list(positions.values())], device=self.device)

    def _selected(self, rows: list[int]) -> slice | Tensor:
        if rows[-1] - rows[0] == len(rows) - 1:
            return slice(rows[0], rows[-1] + 1)
        return torch.tensor(rows, device=self.device)

    def _read_static(self, inputs_2BT: Tensor, seen: int) -> Tensor:
        """Read the first B rows in a fixed shape, on CUDA as a graph."""
        rows = slice(0, inputs_2BT.shape[1])
        if self.device.type != "cuda":
            return self._hidden(inputs_2BT, rows, seen, masked=True)
        if self._graphs is None or self._graphs.moves != self._pool.moves:
            self._graphs = _Graphs(self._pool.moves)
        shape = (*inputs_2BT.shape, seen)
        return self._graphs.run(shape, lambda inputs: self._hidden(inputs, rows, seen, masked=True), inputs_2BT)

    def _hidden(self, inputs_2BT: Tensor, rows: slice | Tensor, seen: int, masked: bool) -> Tensor:
        """Return the hidden states of one pass, BTC; unmasked, a single row's tokens are the last of those seen."""
        tokens_BT, positions_BT = inputs_2BT
        if not masked:
            return self.model.hidden(tokens_BT, positions_BT, cache=SlotView(self._pool, rows, seen))
        mask_BTS = torch.arange(seen, device=self.device) <= positions_BT[..., None]
        view = SlotView(self._pool, rows, seen, positions_BT)
        return self.model.hidden(tokens_BT, positions_BT, cache=view, mask_BTS=mask_BTS)


@dataclass(frozen=True)
class _Reading:
    """A feed on its way through `read`."""

    feed: Feed
    slot: Slot
    first: int
    """The row of logits of its first wanted position."""

    def __post_init__(self) -> None:
        feed = self.feed
        assert 0 <= feed.start <= self.slot.filled, f"start {feed.start} leaves a gap after {self.slot.filled}"
        assert feed.start < self.end <= self.slot.capacity, f"{self.end} positions in a slot of {self.slot.capacity}"
        assert 0 <= feed.wanted <= self.length, f"{feed.wanted} logits of {self.length} tokens"

    @property
    def length(self) -> int:
        return len(self.feed.tokens)

    @property
    def end(self) -> int:
        """The position after the last token."""
        return self.feed.start + self.length

    @property
    def rows(self) -> range:
        """The rows of logits that it fills."""
        return range(self.first, self.first + self.feed.wanted)


class _Graphs:
    """CUDA graphs of passes over one pool of slots, as long as that lies where it lies.

    A graph's kernels start with one call, and read and write the memory that they were recorded with. All graphs share
    their working memory, for only one runs at a time.
    """

    def __init__(self, moves: int) -> None:
        self.moves = moves
        self._memory = torch.cuda.graph_pool_handle()
        self._recorded: dict[tuple[int, ...], tuple[Tensor, torch.cuda.CUDAGraph, Tensor]] = {}

    def run(self, shape: tuple[int, ...], compute: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        """Compute, after recording if the shape is new; the output is good until the next run."""
        if shape not in self._recorded:
            self._recorded[shape] = self._record(compute, inputs.clone())
        recorded_inputs, graph, output = self._recorded[shape]
        recorded_inputs.copy_(inputs)
        graph.replay()
        return output

    def _record(
        self, compute: Callable[[Tensor], Tensor], inputs: Tensor
    ) -> tuple[Tensor, torch.cuda.CUDAGraph, Tensor]:
        """Record; that the same inputs are computed several times changes nothing that is kept."""
        current = torch.cuda.current_stream(inputs.device)
        beside = torch.cuda.Stream(inputs.device)  # type: ignore[no-untyped-call]
        beside.wait_stream(current)
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                compute(inputs)
        current.wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._memory):
            output = compute(inputs)
        return inputs, graph, output


def _alike(readings: list[_Reading], worth: int) -> list[list[_Reading]]:
    """Group feeds of like length, so that no length joins a longer one at a price of more than `worth` padding."""
    groups: list[list[_Reading]] = []
    longest_first = sorted(readings, key=lambda reading: -reading.length)
    for length, found in groupby(longest_first, key=lambda reading: reading.length):
        members = list(found)
        if groups and (groups[-1][0].length - length) * len(members) <= worth:
            groups[-1] += members
        else:
            groups.append(members)
    return groups


def _inverse(places: list[int]) -> list[int]:
    """Return where each place is named."""
    found = [0] * len(places)
    for number, place in enumerate(places):
        found[place] = number
    return found


def _power_of_two(count: int) -> int:
    return 1 << (count - 1).bit_length()


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type.upper()
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
