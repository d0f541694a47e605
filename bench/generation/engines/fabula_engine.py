"""Fabula, with its native backend or PyTorch's."""

import fabula
from bench.generation.engines import Spec, Told
from fabula.generation.engine import Engine as StoryEngine
from fabula.generation.engine import Request
from fabula.generation.sampling import Sampling
from fabula.generation.storyteller import Storyteller

BYTES = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0, "int4": 0.5 + 2 / 32}
"""Of a weight: in int4, 32 of them share a scale of two bytes; in int8 a row shares one, which is next to nothing."""


class Fabula:
    """The engine below `Storyteller`, which alone can be told to take end-of-text for any token."""

    def __init__(self, teller: Storyteller, weights: int, precision: str) -> None:
        self.teller = teller
        self.weight_bytes = int(weights * BYTES[precision])
        self.computes = teller.backend.name
        self.version = f"fabula {fabula.__version__}"

    def tell(self, prompts: list[list[int]], new: int) -> Told:
        """Tell stories."""
        teller = self.teller
        engine = StoryEngine(teller.backend, teller.tokenizer, (), draft=teller.draft, pace=teller.pace)
        greedy = Sampling(temperature=0, top_p=1, repetition_penalty=1, max_new_tokens=new)
        told = Told([])
        stories = [engine.submit(Request(tuple(prompt), 0, greedy, seed=0)) for prompt in prompts]
        while engine.busy:
            engine.step()
            if all(story.drawn for story in stories):
                told.mark(sum(len(story.drawn) for story in stories))
        told.tokens = [[drawn.token for drawn in story.drawn] for story in stories]
        return told


def load(spec: Spec) -> Fabula:
    """Load a model folder."""
    settings = {name: spec[name] for name in ("backend", "precision", "threads", "draft")}
    teller = Storyteller.load(spec["folder"], device="cpu", **settings)
    return Fabula(teller, spec["read_weights"], spec["precision"])
