"""Fabula's own Llama as the study's language model, and the choice of an engine for any model folder.

Shapes: B rows, T positions, N scored tokens, C hidden width, V vocabulary.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from fabula.corpus.tokenizer import prepare
from fabula.errors import UserError
from fabula.generation.sampling import Sampling
from fabula.model.folder import end_of_text_ids, load_config, load_tokenizer
from fabula.model.layout import load_model
from fabula.model.llama import KeyValueCache, Llama
from fabula.model.loss import token_losses
from fabula.study.scoring import lockstep
from fabula.study.scoring.batching import Batch, group_by_length, padded_length, score_trees
from fabula.study.scoring.language_model import Floats, LanguageModel, Tree, check_vocabulary

BATCH_TOKENS = {"cpu": 1 << 12, "cuda": 1 << 15}
"""Padded tokens in one forward pass: on a CPU as many as its caches hold well."""
CACHE_BYTES = {"cpu": 1 << 31, "cuda": 1 << 34}
"""Keys and values of the stories that are told at once, were all as long as they may become."""


def open_model(folder: Path, device: str = "cpu", dtype: torch.dtype | None = None) -> LanguageModel:
    """Open a model folder: with Fabula's engine where it is a plain Llama, else with `transformers`.

    Args:
        folder: a checkpoint, or any model folder in the Hugging Face layout.
        device: where the model runs.
        dtype: of the weights and the hidden states; None: float32, for exact comparisons.

    Raises:
        UserError: a folder that can't be used, or one that needs `transformers` where that isn't installed.
    """
    dtype = dtype or torch.float32
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} is no model folder: it has no config.json")
    try:
        load_config(folder)
    except UserError as not_plain:
        from fabula.study.scoring.transformers_model import TransformersModel

        return TransformersModel.load(folder, device, dtype, why=str(not_plain))
    return LlamaModel.load(folder, device, dtype)


class LlamaModel:
    """A Llama folder in Fabula's own engine."""

    def __init__(self, name: str, model: Llama, tokenizer: Tokenizer, end_of_text: tuple[int, ...]) -> None:
        """Take a model and its tokenizer; `end_of_text` are the ids that end a story, the usual one first."""
        self.name = name
        self.model = model.eval()
        self.tokenizer = prepare(tokenizer)
        self.end_of_text = end_of_text[0]
        self.stops = end_of_text
        self.context = model.config.context
        self.vocab_size = model.config.vocab_size
        self.parameters = model.parameter_count()
        self.device = model.lm_head.weight.device
        self.batch_tokens = BATCH_TOKENS.get(self.device.type, BATCH_TOKENS["cpu"])

    @classmethod
    def load(cls, folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> "LlamaModel":
        """Read a model folder.

        Raises:
            UserError: the folder, its tokenizer or its end-of-text can't be used.
        """
        model, tokenizer = load_model(folder, device, dtype), load_tokenizer(folder)
        check_vocabulary(tokenizer, model.config.vocab_size, folder)
        return cls(folder.name, model, tokenizer, end_of_text_ids(folder, tokenizer, model.config.vocab_size))

    @torch.inference_mode()
    def log_probabilities(self, trees: Sequence[Tree]) -> list[list[Floats]]:
        """Return ln p of every token of every branch after the prefix: [tree][branch][token], nats."""
        longest = max((tree.positions for tree in trees), default=0)
        assert longest <= self.context, f"{longest} positions in a context of {self.context}"
        return score_trees(trees, self.batch_tokens, self.device, self._losses)

    @torch.inference_mode()
    def distributions(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """Return ln p of every vocabulary entry after each position: for each sequence shape (tokens, vocabulary)."""
        assert all(0 < len(sequence) <= self.context for sequence in sequences), "a sequence that doesn't fit"
        found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(sequences)
        for members in group_by_length([len(sequence) for sequence in sequences], self.batch_tokens):
            T = padded_length(len(sequences[members[0]]))
            rows = [[*sequences[member], *[0] * (T - len(sequences[member]))] for member in members]
            hidden_BTC = self.model.hidden(torch.tensor(rows, device=self.device))
            for member, hidden_TC in zip(members, hidden_BTC, strict=True):
                logits_TV = self.model.logits(hidden_TC[: len(sequences[member])])
                found[member] = logits_TV.float().log_softmax(-1).cpu().numpy()
        return found

    @torch.inference_mode()
    def tell(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, *, ban_end_of_text: bool = False
    ) -> list[list[int]]:
        """Continue every prompt, all of them at once; see `LanguageModel.tell`."""
        return lockstep.tell(
            lambda rows, positions: _Decoder(self.model, rows, positions),
            prompts,
            sampling,
            context=self.context,
            stops=self.stops,
            banned=self.stops if ban_end_of_text else (),
            rows=self._rows_of,
            device=self.device,
        )

    def _losses(self, batch: Batch) -> Tensor:
        hidden_BTC = self.model.hidden(batch.tokens, batch.positions, mask_BTS=batch.mask)
        return token_losses(hidden_BTC[batch.scored], self.model.lm_head.weight, batch.targets)

    def _rows_of(self, positions: int) -> int:
        """Return how many stories of that many positions have room for their keys and values."""
        config = self.model.config
        bytes_each = 2 * config.layers * config.kv_heads * config.head_width * self.model.lm_head.weight.element_size()
        return CACHE_BYTES.get(self.device.type, CACHE_BYTES["cpu"]) // (bytes_each * positions)


class _Decoder:
    """`lockstep.Decoder` with the model's own key-value cache."""

    def __init__(self, model: Llama, rows: int, positions: int) -> None:
        self.model = model
        self.cache = KeyValueCache(model.config, rows, positions, model.lm_head.weight)

    def feed(self, tokens_BT: Tensor) -> Tensor:
        # Without a mask the CPU attends row by row, so that a cached story is the same to the last bit beside any
        # other; here many rows at once matter more.
        T, S = tokens_BT.shape[1], self.cache.length + tokens_BT.shape[1]
        mask_BTS = torch.ones(1, T, S, dtype=torch.bool, device=tokens_BT.device) if T == 1 else None
        hidden_BTC = self.model.hidden(tokens_BT, cache=self.cache, mask_BTS=mask_BTS)
        return self.model.logits(hidden_BTC[:, -1]).float()

    def keep(self, rows_B: Tensor) -> None:
        self.cache.keep(rows_B)
