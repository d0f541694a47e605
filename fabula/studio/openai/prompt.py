"""A prompt as the client gave it, text or tokens, and as the model reads it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fabula.generation.backend import Drawn
from fabula.generation.prompts import Prompts
from fabula.generation.sampling import Sampling
from fabula.generation.story import Request
from fabula.generation.writing.steps import token_texts
from fabula.studio.openai.logprobs import Scored


@dataclass(frozen=True)
class Prompt:
    """One prompt."""

    tokens: tuple[int, ...]
    """What the model reads: led by what stands before every prompt."""
    own: int
    """How many of the tokens, the last ones, the client gave: all but a lead that was put there."""
    text: str
    texts: tuple[str, ...]
    """What each of the client's tokens adds to the text."""

    @classmethod
    def read(cls, prompt: str | Sequence[int], prompts: Prompts) -> "Prompt":
        """Read a prompt for a model. Tokens that begin with the model's lead are not led by a second one.

        Raises:
            UserError: it doesn't fit the model.
        """
        lead = prompts.lead
        if isinstance(prompt, str):
            tokens = prompts.encode(prompt)
            own = tokens[len(lead) :]
            return cls(tuple(tokens), len(own), prompt, tuple(token_texts(prompts, [], own, prompt)))
        own = list(prompt)
        tokens = own if own[: len(lead)] == lead else [*lead, *own]
        Request(tuple(tokens), len(lead), Sampling(), 0).check(prompts.context, prompts.vocab_size)
        texts = token_texts(prompts, [], own)
        return cls(tuple(tokens), len(own), "".join(texts), tuple(texts))

    def scored(self, drawn: Sequence[Drawn]) -> tuple[Scored, ...]:
        """Return the client's tokens with what the model found of all tokens but the very first."""
        first = Scored(self.tokens[0], "", None)
        found = [first, *(Scored(one.token, "", one.log_probability, one.alternatives) for one in drawn)]
        own = found[len(found) - self.own :]
        return tuple(replace(one, text=text) for one, text in zip(own, self.texts, strict=True))
