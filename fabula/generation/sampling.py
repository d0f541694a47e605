"""How a story's tokens are drawn: the parameters, with the meaning that `transformers` gives to them.

Nothing here needs PyTorch.
"""

from dataclasses import dataclass, fields
from typing import Annotated, Literal, get_type_hints

from fabula.errors import UserError
from fabula.fields import Range, checked

GREEDY_BELOW = 1e-5
"""A temperature too low for anything but ties to tell it from 0."""

HUB_NAMES = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "no_repeat_ngram": "no_repeat_ngram_size",
}
"""The parameters that a model's generation_config.json may set, with their names there."""

PastContext = Literal["stop", "slide"]


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn; the defaults are the reference card's settings.

    Raises:
        UserError: a parameter out of range.
    """

    temperature: Annotated[float, Range(0)] = 0.7
    """The logits are divided by this; 0 takes the most probable token (greedy) and leaves out the filters below."""
    top_p: Annotated[float, Range(0, 1)] = 0.9
    """Keep the fewest tokens whose probabilities add up to this (Holtzman et al., 2020); 1: all."""
    top_k: Annotated[int, Range(0)] = 0
    """Keep this many of the most probable tokens; 0: all."""
    min_p: Annotated[float, Range(0, 1)] = 0.0
    """Keep tokens at least this times as probable as the most probable one (Nguyen et al., 2024); 0: all."""
    repetition_penalty: Annotated[float, Range(0, low_open=True)] = 1.1
    """Logits of tokens in the context are divided by this, negative ones multiplied (Keskar et al., 2019); 1: off."""
    no_repeat_ngram: Annotated[int, Range(0)] = 0
    """No run of this many tokens occurs twice in prompt and story (Paulus et al., 2018); 0: off."""
    presence_penalty: Annotated[float, Range(-2, 2)] = 0.0
    """Subtracted from the logit of every token that the story, not its prompt, holds already (OpenAI's meaning)."""
    frequency_penalty: Annotated[float, Range(-2, 2)] = 0.0
    """Subtracted from a token's logit once for each time that the story holds it already (OpenAI's meaning)."""
    max_new_tokens: Annotated[int, Range(1)] = 512
    """Longest continuation, its end-of-text included."""
    seed: Annotated[int, Range(0, 2**62)] = 0
    """Of the first story; the next stories of the same call take the next numbers."""
    stop: tuple[str, ...] = ()
    """Texts that end the story where they begin; none of them is part of it."""
    past_context: PastContext = "stop"
    """What follows when the model's context is full. `stop` ends the story; `slide` forgets the older half of it and
    reads the rest again from position 0, so that the model never meets a position it wasn't trained for."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self), include_extras=True)
        for field in fields(self):
            object.__setattr__(self, field.name, checked(field.name, getattr(self, field.name), hints[field.name]))
        if not all(self.stop):
            raise UserError("stop: an empty text would end every story before it begins")

    @property
    def greedy(self) -> bool:
        """Whether the most probable token is always taken."""
        return self.temperature < GREEDY_BELOW
