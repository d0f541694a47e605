"""What a client may ask of `/v1`, field by field; the descriptions are those of the OpenAPI document.

Fields are OpenAI's, with OpenAI's defaults, so that a client which names none gets what it expects: temperature 1, no
filter, no penalty, 16 tokens. What `fabula.generation.sampling` has beyond them may be named too. A field that isn't
listed is refused, not ignored: an answer that a parameter didn't reach looks like one that it did.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fabula.generation.sampling import Sampling
from fabula.studio.knobs import knob
from fabula.studio.stories import LONGEST_PROMPT, Token

MOST_PROMPTS = 64
MOST_STORIES = 16
"""Of one prompt."""
MOST_ALTERNATIVES = 10
MOST_STOPS = 4
LONGEST_STOP = 256
MOST_TOKENS = 1_000_000
"""A larger `max_tokens` is a mistake; a story ends at its model's context anyhow."""

Text = Annotated[str, Field(max_length=LONGEST_PROMPT)]
Tokens = Annotated[list[Token], Field(min_length=1, max_length=LONGEST_PROMPT)]
Stop = Annotated[str, Field(min_length=1, max_length=LONGEST_STOP)]


class StreamOptions(BaseModel):
    """What a stream holds besides the text."""

    model_config = ConfigDict(extra="forbid")

    include_usage: bool = Field(default=False, description="Whether a last chunk without choices counts the tokens.")
    include_obfuscation: bool = Field(default=False, description="Taken and ignored: nothing is padded here.")


class CompletionRequest(BaseModel):
    """`POST /v1/completions`. Fields that aren't listed here are refused."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(max_length=500, description="An id of `GET /v1/models`.")
    prompt: (
        Text
        | Annotated[list[Text], Field(min_length=1, max_length=MOST_PROMPTS)]
        | Tokens
        | Annotated[list[Tokens], Field(min_length=1, max_length=MOST_PROMPTS)]
    ) = Field(
        default="",
        description="How the stories begin: a text, several texts, or tokens. Every prompt is read behind the model's "
        "end-of-text, as in training; tokens that begin with it don't get a second one.",
    )
    max_tokens: int | None = Field(
        default=16,
        ge=0,
        le=MOST_TOKENS,
        description="Most tokens told; a story ends at the model's context at the latest. 0 (with `echo`): nothing "
        "is told, the prompt is only scored. null: 16.",
    )
    n: int | None = Field(
        default=1, ge=1, le=MOST_STORIES, description="Stories for each prompt; the i-th has the seed `seed + i`."
    )
    best_of: int | None = Field(default=None, description="May only be null or equal to `n`.")
    stream: bool | None = Field(default=False, description="Whether the text comes as server-sent events.")
    stream_options: StreamOptions | None = Field(default=None, description="Only with `stream`.")
    logprobs: int | None = Field(
        default=None,
        ge=0,
        le=MOST_ALTERNATIVES,
        description="Give each token's ln p under the model itself (temperature 1, no penalty or filter) and as many "
        "of the most probable tokens of its place. With `echo` the prompt's first token has one too, after "
        "end-of-text, unless it is that end-of-text itself.",
    )
    echo: bool | None = Field(default=False, description="Whether the prompt stands before the story.")
    stop: Stop | Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = Field(
        default=None, description="Up to four texts that end a story where they begin; none of them is part of it."
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        le=2**62,
        description="The same model, prompt, parameters and seed tell the same story. null: a different one each time.",
    )
    temperature: float | None = knob("temperature", 1.0)
    top_p: float | None = knob("top_p", 1.0)
    top_k: int | None = knob("top_k", 0)
    min_p: float | None = knob("min_p", 0.0)
    presence_penalty: float | None = knob("presence_penalty", 0.0)
    frequency_penalty: float | None = knob("frequency_penalty", 0.0)
    repetition_penalty: float | None = knob("repetition_penalty", 1.0)
    no_repeat_ngram: int | None = knob("no_repeat_ngram", 0)
    logit_bias: dict[str, float] | None = Field(default=None, max_length=0, description="Must be empty or null.")
    suffix: Literal[""] | None = Field(default=None, description="Must be empty or null.")
    user: str | None = Field(default=None, description="Taken and ignored.")

    @model_validator(mode="after")
    def check(self) -> "CompletionRequest":
        """Refuse fields that don't go together."""
        if self.best_of not in (None, self.stories):
            raise ValueError(f"best_of = {self.best_of} must be null or equal to n = {self.stories}")
        if self.max_tokens == 0 and not self.echo:
            raise ValueError("max_tokens = 0 needs echo = true: otherwise there is nothing to answer")
        if self.stream_options and not self.stream:
            raise ValueError("stream_options needs stream = true")
        if len(self.prompts) * self.stories > MOST_PROMPTS:
            raise ValueError(f"prompts times n = {len(self.prompts) * self.stories} must be at most {MOST_PROMPTS}")
        return self

    @property
    def stories(self) -> int:
        """Stories for each prompt."""
        return 1 if self.n is None else self.n

    @property
    def most_tokens(self) -> int:
        """Longest story."""
        return 16 if self.max_tokens is None else self.max_tokens

    @property
    def prompts(self) -> list[str] | list[list[int]]:
        """The prompts one by one, each a text or tokens."""
        prompt: Any = self.prompt
        single = isinstance(prompt, str) or isinstance(prompt[0], int)
        return [prompt] if single else prompt

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end a story."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    def sampling(self, context: int) -> Sampling:
        """Return how tokens are drawn; stories are at most a context long.

        Raises:
            UserError: a parameter out of range.
        """
        drawn = (
            "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty",
            "no_repeat_ngram",
        )  # fmt: skip
        fields = type(self).model_fields
        named = {name: getattr(self, name) for name in drawn}
        values = {name: fields[name].default if value is None else value for name, value in named.items()}
        return Sampling(max_new_tokens=max(1, min(self.most_tokens, context)), stop=self.stops, **values)


class TokenizeRequest(BaseModel):
    """`POST /v1/tokenize`."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(max_length=500, description="An id of `GET /v1/models`.")
    text: Text = Field(description="What is to be tokenized, without the end-of-text that is read before every prompt.")
