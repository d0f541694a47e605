"""Any causal language model that `transformers` runs, to be measured beside our own; needs the extra `hf`.

Weights come from safetensors only, and no code from the model's folder is run.

Shapes: B rows, T positions, N scored tokens, V vocabulary.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from fabula.corpus.tokenizer import prepare
from fabula.errors import UserError
from fabula.generation.sampling import Sampling
from fabula.model.folder import end_of_text_ids, load_tokenizer
from fabula.study.scoring import lockstep
from fabula.study.scoring.batching import Batch, group_by_length, one_branch_each, padded_length, score_trees
from fabula.study.scoring.language_model import Floats, Tree, check_vocabulary

LOGIT_BYTES = {"cpu": 1 << 28, "cuda": 1 << 31}
"""Float32 logits of one forward pass."""
ROWS = {"cpu": 64, "cuda": 512}
"""Stories told at once."""
DEFAULT_CONTEXT = 2_048
"""Where a model's configuration names no length."""


class TransformersModel:
    """A Hugging Face causal language model."""

    def __init__(self, name: str, model: Any, tokenizer: Tokenizer, end_of_text: tuple[int, ...]) -> None:
        """Take a `transformers` model and its tokenizer; `end_of_text` are the ids that end a text."""
        self.name = name
        self.model = model.eval()
        self.tokenizer = prepare(tokenizer)
        self.end_of_text = end_of_text[0]
        self.stops = end_of_text
        config = model.config.get_text_config()
        self.context = int(getattr(config, "max_position_embeddings", None) or DEFAULT_CONTEXT)
        self.vocab_size = int(config.vocab_size)
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        self.device = torch.device(model.device)
        room = LOGIT_BYTES.get(self.device.type, LOGIT_BYTES["cpu"])
        self.batch_tokens = max(1, room // (4 * self.vocab_size))

    @classmethod
    def load(
        cls, folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32, why: str = ""
    ) -> "TransformersModel":
        """Read a model folder; `why` says why Fabula's own engine doesn't.

        Raises:
            UserError: `transformers` isn't installed, or it can't load the folder from safetensors.
        """
        model = _model(folder, dtype, why)
        tokenizer = _tokenizer(folder)
        vocab_size = int(model.config.get_text_config().vocab_size)
        check_vocabulary(tokenizer, vocab_size, folder)
        return cls(folder.name, model.to(device), tokenizer, end_of_text_ids(folder, tokenizer, vocab_size))

    @torch.inference_mode()
    def log_probabilities(self, trees: Sequence[Tree]) -> list[list[Floats]]:
        """Return ln p of every token of every branch after the prefix; each branch reads its prefix again."""
        longest = max((tree.positions for tree in trees), default=0)
        assert longest <= self.context, f"{longest} positions in a context of {self.context}"
        alone = score_trees(one_branch_each(trees), self.batch_tokens, self.device, self._losses)
        branches = iter(alone)
        return [[next(branches)[0] for _ in tree.branches] for tree in trees]

    @torch.inference_mode()
    def distributions(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """Return ln p of every vocabulary entry after each position: for each sequence shape (tokens, vocabulary)."""
        assert all(0 < len(sequence) <= self.context for sequence in sequences), "a sequence that doesn't fit"
        found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(sequences)
        for members in group_by_length([len(sequence) for sequence in sequences], self.batch_tokens):
            T = min(padded_length(len(sequences[members[0]])), self.context)
            rows = [[*sequences[member], *[0] * (T - len(sequences[member]))] for member in members]
            logits_BTV = self._logits(torch.tensor(rows, device=self.device))
            for member, logits_TV in zip(members, logits_BTV, strict=True):
                found[member] = logits_TV[: len(sequences[member])].log_softmax(-1).cpu().numpy()
        return found

    @torch.inference_mode()
    def tell(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, *, ban_end_of_text: bool = False
    ) -> list[list[int]]:
        """Continue every prompt, many of them at once; see `LanguageModel.tell`."""
        return lockstep.tell(
            lambda rows, positions: _Decoder(self.model),
            prompts,
            sampling,
            context=self.context,
            stops=self.stops,
            banned=self.stops if ban_end_of_text else (),
            rows=lambda positions: ROWS.get(self.device.type, ROWS["cpu"]),
            device=self.device,
        )

    def _losses(self, batch: Batch) -> Tensor:
        tokens_BT = batch.tokens[:, : self.context]  # Rounding up may have padded beyond learned positions.
        return F.cross_entropy(self._logits(tokens_BT)[batch.scored], batch.targets, reduction="none")

    def _logits(self, tokens_BT: Tensor) -> Tensor:
        logits_BTV: Tensor = self.model(input_ids=tokens_BT, use_cache=False).logits
        return logits_BTV[..., : self.vocab_size].float()


class _Decoder:
    """`lockstep.Decoder` with the key-value cache of `transformers`."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.cache: Any = None

    def feed(self, tokens_BT: Tensor) -> Tensor:
        output = self.model(input_ids=tokens_BT, past_key_values=self.cache, use_cache=True)
        self.cache = output.past_key_values
        logits_BV: Tensor = output.logits[:, -1].float()
        return logits_BV

    def keep(self, rows_B: Tensor) -> None:
        self.cache.batch_select_indices(rows_B)


def _model(folder: Path, dtype: torch.dtype, why: str) -> Any:
    """Load the weights, all of them; `transformers` itself would draw missing ones at random."""
    try:
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging
    except ImportError:
        raise UserError(f"{why or folder}; for other models: pip install 'fabula[hf]'") from None
    auto_model, transformers_logging = cast(Any, AutoModelForCausalLM), cast(Any, logging)
    transformers_logging.disable_progress_bar()
    try:
        model, found = auto_model.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{folder}: transformers can't load it from safetensors: {reason}") from None
    if found["missing_keys"]:
        missing = sorted(found["missing_keys"])
        raise UserError(f"{folder}: {len(missing)} weights are missing, the first is {missing[0]}")
    return model


def _tokenizer(folder: Path) -> Tokenizer:
    """Read tokenizer.json, or make one from the older files that `transformers` knows.

    Raises:
        UserError: neither.
    """
    if (folder / "tokenizer.json").is_file():
        return load_tokenizer(folder)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        backend: Tokenizer = tokenizer.backend_tokenizer
    except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or ["no fast tokenizer"])[0]
        raise UserError(f"{folder} has no tokenizer that can be used: {reason}") from None
    return Tokenizer.from_str(backend.to_str())
