"""llama.cpp through llama-cpp-python's bare bindings, so that no Python wrapper slows it down."""

import ctypes
from typing import Any

import llama_cpp as llama
import numpy as np

from bench.generation.engines import Spec, Told, tell_step_by_step

FLOAT32 = 0
"""ggml's number of a type for keys and values; its default is float16."""
LONGEST_STORY = 256
"""Positions of a story when several are told."""


class LlamaCpp:
    """A GGUF file; keys and values in float32 for float32 weights, else in llama.cpp's default, float16."""

    def __init__(self, spec: Spec) -> None:
        self.threads, self.float32, self.context = spec["threads"], spec["precision"] == "float32", spec["context"]
        quiet = llama.llama_log_callback(lambda level, text, data: None)
        llama.llama_log_set(quiet, ctypes.c_void_p(0))
        self.keep = quiet
        llama.llama_backend_init()
        settings = llama.llama_model_default_params()
        settings.n_gpu_layers = 0
        self.model = llama.llama_model_load_from_file(spec["gguf"].encode(), settings)
        if not self.model:
            raise RuntimeError(f"llama.cpp can't load {spec['gguf']}")
        self.vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.model))
        self.weight_bytes = int(llama.llama_model_size(self.model) * spec["read_share"])
        self.computes = llama.llama_print_system_info().decode().strip()
        self.version = f"llama-cpp-python {llama.__version__}"
        self.contexts: dict[int, Any] = {}

    def tell(self, prompts: list[list[int]], new: int) -> Told:
        """Tell stories."""
        if len(prompts) not in self.contexts:
            self.contexts[len(prompts)] = self._new_context(len(prompts))
        context = self.contexts[len(prompts)]
        llama.llama_memory_clear(llama.llama_get_memory(context), False)
        batch = llama.llama_batch_init(sum(map(len, prompts)), 0, 1)
        try:
            return tell_step_by_step(prompts, new, lambda tokens, start: self._read(context, batch, tokens, start))
        finally:
            llama.llama_batch_free(batch)

    def _new_context(self, stories: int) -> Any:
        settings = llama.llama_context_default_params()
        settings.n_seq_max = stories
        settings.n_ctx = self.context if stories == 1 else stories * LONGEST_STORY
        settings.n_batch = settings.n_ctx
        settings.n_threads = settings.n_threads_batch = self.threads
        if self.float32:
            settings.type_k = settings.type_v = FLOAT32
        context = llama.llama_init_from_model(self.model, settings)
        if not context:
            raise RuntimeError(f"llama.cpp can't make room for {stories} stories")
        return context

    def _read(self, context: Any, batch: Any, tokens: list[list[int]], start: int) -> list[int]:
        """Read some tokens of each story and return what is the most probable after each story's last."""
        row, wanted = 0, []
        for story, new in enumerate(tokens):
            for offset, token in enumerate(new):
                batch.token[row], batch.pos[row] = token, start + offset
                batch.n_seq_id[row], batch.seq_id[row][0] = 1, story
                batch.logits[row] = offset == len(new) - 1
                row += 1
            wanted.append(row - 1)
        batch.n_tokens = row
        if llama.llama_decode(context, batch):
            raise RuntimeError("llama.cpp can't read this batch")
        return [self._most_probable(context, row) for row in wanted]

    def _most_probable(self, context: Any, row: int) -> int:
        pointer = llama.llama_get_logits_ith(context, row)
        return int(np.ctypeslib.as_array(pointer, shape=(self.vocabulary,)).argmax())


def load(spec: Spec) -> LlamaCpp:
    """Load a GGUF file."""
    return LlamaCpp(spec)
