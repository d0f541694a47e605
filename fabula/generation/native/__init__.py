"""The native CPU backend: the C kernel of `fabula.native` through ctypes.

Its weights are packed when a model is loaded: as float32 or bfloat16 they are those of the folder, as int8 (a scale
for each row) and int4 (one for each row and 64 columns) they are rounded. Activations are float32 with float32
weights; with the others they are rounded to bfloat16, or to 8 bits in groups, and keys and values are bfloat16.
"""

import ctypes
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from fabula.errors import UserError, did_you_mean
from fabula.generation.backend import Draw, Drawn, Feed, Floats, Precision, Tokens
from fabula.generation.native.weights import DTYPES, Weights
from fabula.model.config import LlamaConfig
from fabula.model.folder import load_config, stored_dtype
from fabula.native.library import library, why_not

PRECISIONS = {"float32": 0, "bfloat16": 1, "int8": 2, "int4": 3}
QKV, OUT, GATE_UP, DOWN, HEAD = range(5)
MOST_POSITIONS = 1 << 24
"""Longest context, see model.c."""
BLOCK = 16
"""Rows that the kernel packs side by side."""


class _Shape(ctypes.Structure):
    _fields_ = (
        *(
            (name, ctypes.c_int32)
            for name in (
                "vocab_size",
                "hidden",
                "layers",
                "heads",
                "kv_heads",
                "head_width",
                "intermediate",
                "context",
            )
        ),
        ("norm_epsilon", ctypes.c_float),
    )


class _Feed(ctypes.Structure):
    _fields_ = (
        ("slot", ctypes.c_void_p),
        ("tokens", ctypes.c_void_p),
        ("count", ctypes.c_int32),
        ("start", ctypes.c_int32),
        ("wanted", ctypes.c_int32),
    )


class DrawStructure(ctypes.Structure):
    """`struct fabula_draw`."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("logits", "context", "biased", "bias")),
        *((name, ctypes.c_uint64) for name in ("seed", "index")),
        *((name, ctypes.c_int32) for name in ("context_length", "prompt_length", "biases", "top_k", "no_repeat_ngram")),
        *(
            (name, ctypes.c_float)
            for name in (
                "temperature",
                "top_p",
                "min_p",
                "repetition_penalty",
                "presence_penalty",
                "frequency_penalty",
            )
        ),
        *((name, ctypes.c_int32) for name in ("alternatives", "probability", "token")),
        ("log_probability", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in ("alternative_tokens", "alternative_log_probabilities")),
    )


def threads_of_this_process() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class NativeBackend:
    """A `fabula.generation.backend.Backend` on the C kernel.

    Every logit is a function of the weights and of the story's own tokens, to the last bit.
    """

    exact = True

    def __init__(
        self,
        weights: Weights,
        config: LlamaConfig,
        precision: Precision,
        threads: int = 0,
        instruction_set: str | None = None,
    ) -> None:
        """Pack a model's weights.

        Args:
            weights: the folder's, mapped; the embedding is read from there.
            config: the model's shape.
            precision: of the packed weights; `auto`: as the folder stores them.
            threads: 0: one for each core that this process may use.
            instruction_set: for tests; None: the best of this machine.

        Raises:
            UserError: there is no kernel here, a weight is not finite, or memory is short.
        """
        found = library()
        if found is None:
            raise UserError(f"the native kernel can't be used: {why_not()}")
        self._kernel = _declared(found)
        self._weights = weights
        if precision not in get_args(Precision):
            raise UserError(f"precision = {precision!r}: {did_you_mean(str(precision), get_args(Precision))}")
        if precision == "auto":
            precision = stored_dtype(weights.folder)
        if threads < 0:
            raise UserError(f"threads = {threads} must be at least 0")
        if config.context > MOST_POSITIONS:
            raise UserError(
                f"{weights.folder}: a context of {config.context:,}; the native kernel's longest is {MOST_POSITIONS:,}"
            )
        self.config, self.precision = config, precision
        self.vocab_size, self.context = config.vocab_size, config.context
        shape = _Shape(
            config.vocab_size,
            config.hidden,
            config.layers,
            config.heads,
            config.kv_heads,
            config.head_width,
            config.intermediate,
            config.context,
            config.norm_epsilon,
        )
        self.threads = threads or threads_of_this_process()
        self.instruction_set = instruction_set or self._kernel.fabula_instruction_set().decode()
        self._process = os.getpid()
        self._slots: dict[int, int] = {}
        self._next_slot = 0
        self._lock = threading.Lock()
        self._model = self._kernel.fabula_model_new(
            ctypes.byref(shape), PRECISIONS[precision], self.threads, self.instruction_set.encode()
        )
        if not self._model:
            raise UserError(f"{weights.folder}: no memory for the model in {precision}")
        try:
            self._pack_all()
            self._attach()
            weights.let_go()
        except MemoryError:
            raise UserError(f"{weights.folder}: no memory for the model in {precision}") from None
        self._rows_read = 0
        self.name = f"native {precision}, {self.instruction_set}, {self.threads} threads"

    @classmethod
    def load(cls, folder: Path, precision: Precision = "auto", threads: int = 0) -> "NativeBackend":
        """Read a model folder.

        Raises:
            UserError: the folder, or the kernel, can't be used.
        """
        config = load_config(folder)
        return cls(Weights(folder, config), config, precision, threads)

    def __del__(self) -> None:
        # In a forked child the kernel's threads don't exist; there is nobody to wait for.
        if getattr(self, "_model", None) and self._process == os.getpid():
            for slot in self._slots.values():
                self._kernel.fabula_slot_free(slot)
            self._kernel.fabula_model_free(self._model)

    def open(self, capacity: int) -> int:
        """Reserve keys and values for `capacity` positions; returns the slot."""
        memory = self._kernel.fabula_slot_new(self._model, min(capacity, self.context))
        if not memory:
            raise MemoryError(f"no memory for the keys and values of {capacity} positions")
        with self._lock:
            slot, self._next_slot = self._next_slot, self._next_slot + 1
            self._slots[slot] = memory
        return slot

    def close(self, slot: int) -> None:
        """Give a slot back."""
        self._kernel.fabula_slot_free(self._slots.pop(slot))

    def read(self, feeds: Sequence[Feed]) -> int:
        """Read tokens of some stories, each slot at most once; returns the number of rows of logits."""
        self._assert_not_forked()
        assert all(0 <= feed.start < self.context for feed in feeds), "a position out of range"
        tokens = [np.ascontiguousarray(feed.tokens, np.int32) for feed in feeds]
        array = (_Feed * len(feeds))(
            *(
                _Feed(self._slots[feed.slot], row.ctypes.data, len(row), feed.start, feed.wanted)
                for feed, row in zip(feeds, tokens, strict=True)
            )
        )
        rows: int = self._kernel.fabula_read(self._model, array, len(feeds))
        assert rows >= 0, "a token, a position or a count out of range, or a slot twice"
        self._rows_read = rows
        return rows

    def logits(self, row: int) -> Floats:
        """Return a row of the last `read`'s logits: float32, shape (vocabulary,), good until the next `read`."""
        address = self._kernel.fabula_logits(self._model, row)
        assert address, f"no row {row}"
        return np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(ctypes.c_float)), (self.vocab_size,))

    def draw(self, draws: Sequence[Draw]) -> list[Drawn]:
        """Draw tokens from the last `read`'s logits."""
        self._assert_not_forked()
        array = (DrawStructure * len(draws))()
        kept = [fill(structure, draw) for structure, draw in zip(array, draws, strict=True)]
        for structure, draw in zip(array, draws, strict=True):
            structure.logits = self._kernel.fabula_logits(self._model, draw.row)
        assert self._kernel.fabula_draw(self._model, array, len(draws)) == 0, "no such row"
        return [_answer(structure, arrays) for structure, arrays in zip(array, kept, strict=True)]

    def log_probabilities(self, targets: Tokens) -> Floats:
        """Return ln p of one target after each row of the last `read`'s logits: shape (rows,), nats."""
        self._assert_not_forked()
        targets = np.ascontiguousarray(targets, np.int32)
        assert targets.shape == (self._rows_read,), "one target a row"
        assert targets.size == 0 or 0 <= targets.min() <= targets.max() < self.vocab_size
        answers = np.empty(len(targets), np.float32)
        self._kernel.fabula_log_probabilities(self._model, targets.ctypes.data, answers.ctypes.data)
        return answers

    def _assert_not_forked(self) -> None:
        # The kernel's threads don't exist in a child: it would wait for them for ever.
        assert self._process == os.getpid(), "a native backend doesn't outlive a fork: load it in the child"

    def _pack_all(self) -> None:
        for layer in range(self.config.layers):
            prefix = f"model.layers.{layer}."
            attention = [f"{prefix}self_attn.{part}_proj.weight" for part in "qkv"]
            self._pack(QKV, layer, attention, np.concatenate([self._rows(name) for name in attention]))
            self._pack_one(OUT, layer, f"{prefix}self_attn.o_proj.weight")
            gate_up = [f"{prefix}mlp.{part}_proj.weight" for part in ("gate", "up")]
            self._pack(GATE_UP, layer, gate_up, _alternating(*(self._rows(name) for name in gate_up)))
            self._pack_one(DOWN, layer, f"{prefix}mlp.down_proj.weight")
            self._weights.let_go()
        self._pack_one(HEAD, 0, "lm_head.weight")
        self._weights.let_go()

    def _rows(self, name: str) -> NDArray[np.uint64]:
        return self._weights.matrix(name).row_addresses()

    def _pack_one(self, matrix: int, layer: int, name: str) -> None:
        self._pack(matrix, layer, [name], self._rows(name))

    def _pack(self, matrix: int, layer: int, names: Sequence[str], addresses: NDArray[np.uint64]) -> None:
        dtypes = {self._weights.matrix(name).dtype for name in names}
        if len(dtypes) > 1:
            raise UserError(f"{self._weights.folder}: {' and '.join(names)} are stored in different dtypes")
        padded = np.zeros(self._kernel.fabula_rows(self._model, matrix), np.uint64)
        padded[: len(addresses)] = addresses
        status = self._kernel.fabula_pack(self._model, matrix, layer, padded.ctypes.data, DTYPES[dtypes.pop()][0])
        if status == 1:
            raise UserError(f"{self._weights.folder}: a weight of {' or '.join(names)} is not finite")
        if status:
            raise MemoryError

    def _attach(self) -> None:
        """Hand over what the kernel uses as it stands; it must outlive the model."""
        config, weights = self.config, self._weights
        names = [
            f"model.layers.{layer}.{norm}.weight"
            for layer in range(config.layers)
            for norm in ("input_layernorm", "post_attention_layernorm")
        ]
        names.append("model.norm.weight")
        for name in [*names, *([] if config.tied else ["model.embed_tokens.weight"])]:
            weights.check_finite(name)
        gains = np.stack([weights.numbers(name) for name in names])
        exponents = np.arange(0, config.head_width, 2).astype(np.float32) / np.float32(config.head_width)
        frequencies = np.float32(config.rope_theta) ** -exponents
        angles = np.arange(config.context, dtype=np.float32)[:, None] * frequencies
        self._attached = [gains, np.cos(angles), np.sin(angles)]
        embedding = weights.matrix("model.embed_tokens.weight")
        addresses = [array.ctypes.data for array in self._attached]
        self._kernel.fabula_attach(self._model, embedding.address, DTYPES[embedding.dtype][0], *addresses)


def fill(structure: DrawStructure, draw: Draw) -> list[NDArray[Any]]:
    """Write a draw into the kernel's structure, all but its logits; returns the arrays that it points to."""
    sampling = draw.sampling
    context = np.ascontiguousarray(draw.context, np.int32)
    arrays: list[NDArray[Any]] = [context]
    structure.context, structure.context_length = context.ctypes.data, len(context)
    structure.prompt_length = draw.prompt_length
    structure.seed, structure.index = draw.seed, draw.index
    structure.top_k, structure.no_repeat_ngram = (
        min(sampling.top_k, 2**31 - 1),
        min(sampling.no_repeat_ngram, 2**31 - 1),
    )
    structure.temperature, structure.top_p, structure.min_p = sampling.temperature, sampling.top_p, sampling.min_p
    structure.repetition_penalty = sampling.repetition_penalty
    structure.presence_penalty, structure.frequency_penalty = sampling.presence_penalty, sampling.frequency_penalty
    structure.probability = draw.probability
    if draw.bias:
        arrays += [np.array(list(draw.bias), np.int32), np.array(list(draw.bias.values()), np.float32)]
        structure.biased, structure.bias = arrays[-2].ctypes.data, arrays[-1].ctypes.data
        structure.biases = len(draw.bias)
    if draw.alternatives:
        arrays += [np.empty(draw.alternatives, np.int32), np.empty(draw.alternatives, np.float32)]
        structure.alternative_tokens = arrays[-2].ctypes.data
        structure.alternative_log_probabilities = arrays[-1].ctypes.data
        structure.alternatives = draw.alternatives
    return arrays


def _answer(structure: DrawStructure, arrays: Sequence[NDArray[Any]]) -> Drawn:
    alternatives: tuple[tuple[int, float], ...] = ()
    if structure.alternatives:
        pairs = zip(arrays[-2].tolist(), arrays[-1].tolist(), strict=True)
        alternatives = tuple(pair for pair in pairs if pair[0] >= 0)  # -1: fewer are possible than were asked for
    log_probability = structure.log_probability if structure.probability else float("nan")
    return Drawn(structure.token, log_probability, alternatives)


def _alternating(gate: NDArray[np.uint64], up: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the rows of gate and up, a block of one and a block of the other; 0 where the last block is short."""
    blocks = -(-len(gate) // BLOCK)
    both = np.zeros((2, blocks * BLOCK), np.uint64)
    both[0, : len(gate)], both[1, : len(up)] = gate, up
    return both.reshape(2, blocks, BLOCK).transpose(1, 0, 2).reshape(-1)


def _declared(kernel: ctypes.CDLL) -> Any:
    """Declare the kernel's functions (kernel.h)."""
    pointer, integer = ctypes.c_void_p, ctypes.c_int32
    for name, result, arguments in (
        ("instruction_set", ctypes.c_char_p, ()),
        ("model_new", pointer, (pointer, integer, integer, ctypes.c_char_p)),
        ("model_free", None, (pointer,)),
        ("rows", integer, (pointer, integer)),
        ("pack", integer, (pointer, integer, integer, pointer, integer)),
        ("attach", None, (pointer, pointer, integer, pointer, pointer, pointer)),
        ("slot_new", pointer, (pointer, integer)),
        ("slot_free", None, (pointer,)),
        ("read", integer, (pointer, pointer, integer)),
        ("logits", pointer, (pointer, integer)),
        ("draw", integer, (pointer, pointer, integer)),
        ("log_probabilities", None, (pointer, pointer, pointer)),
    ):
        function = getattr(kernel, f"fabula_{name}")
        function.restype, function.argtypes = result, arguments
    return kernel
