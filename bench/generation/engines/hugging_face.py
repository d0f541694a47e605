"""`transformers`' own `generate`, with its growing cache, or a static one and `torch.compile`."""

from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, CompileConfig, StoppingCriteria, StoppingCriteriaList

from bench.generation.engines import Spec, Told


class Clock(StoppingCriteria):
    """Stops nothing, but is asked after every token."""

    def __init__(self, told: Told, prompt_length: int) -> None:
        self.told, self.prompt_length = told, prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        """Note the time."""
        stories, length = input_ids.shape
        self.told.mark(stories * (length - self.prompt_length))
        return torch.zeros(stories, dtype=torch.bool)


class HuggingFace:
    """A LlamaForCausalLM."""

    def __init__(self, spec: Spec) -> None:
        torch.set_num_threads(spec["threads"])
        self.compiled = spec["compiled"]
        dtype = getattr(torch, spec["precision"])
        self.model: Any = AutoModelForCausalLM.from_pretrained(spec["folder"], dtype=dtype)  # in eval mode
        self.model.generation_config.eos_token_id = None  # so that every story has the same length
        head = self.model.lm_head.weight
        tied = head.data_ptr() == self.model.model.embed_tokens.weight.data_ptr()
        weights = sum(weight.numel() for weight in self.model.parameters())
        self.weight_bytes = (weights - (0 if tied else head.numel())) * head.element_size()
        self.computes = f"{self.model.dtype}, {self.model.config._attn_implementation}"
        self.version = f"transformers {transformers.__version__} on torch {torch.__version__}"
        if self.compiled:
            self._check_that_it_compiles()

    def tell(self, prompts: list[list[int]], new: int) -> Told:
        """Tell stories."""
        settings: dict[str, Any] = {}
        if self.compiled:
            compiling: Any = CompileConfig(mode="default")
            compiling._compile_all_devices = True  # on a CPU `generate` leaves the compiler out without a word
            settings = {"cache_implementation": "static", "compile_config": compiling}
        tokens = torch.tensor(prompts)
        told = Told([])
        with torch.inference_mode():
            out = self.model.generate(
                tokens,
                attention_mask=torch.ones_like(tokens),
                do_sample=False,
                max_new_tokens=new,
                pad_token_id=0,
                stopping_criteria=StoppingCriteriaList([Clock(told, tokens.shape[1])]),
                **settings,
            )
        told.tokens = out[:, tokens.shape[1] :].tolist()
        return told

    def _check_that_it_compiles(self) -> None:
        from torch._dynamo.utils import counters

        self.tell([[1, 2, 3]], 4)
        graphs = counters["stats"]["unique_graphs"]
        if not graphs:
            raise RuntimeError("torch.compile was asked for and compiled nothing")
        self.computes += f", {graphs} compiled graphs"


def load(spec: Spec) -> HuggingFace:
    """Load a model folder."""
    return HuggingFace(spec)
