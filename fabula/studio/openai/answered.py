"""What `/v1` answers, field by field, for the OpenAPI document; the answers themselves are written without these."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from fabula.studio.leaving import EVENTS


class ModelAnswer(BaseModel):
    """A model."""

    id: str
    object: Literal["model"]
    created: int = Field(description="When its files were written, in seconds since 1970.")
    owned_by: str
    label: str = Field(description="For people.")
    context: int = Field(description="Tokens that it reads at most.")
    parameters: int


class ModelsAnswer(BaseModel):
    """All models."""

    object: Literal["list"]
    data: list[ModelAnswer]


class LogprobsAnswer(BaseModel):
    """Four lists of one length."""

    tokens: list[str] = Field(description="As written alone; `bytes:` and its bytes where that is no whole character.")
    token_logprobs: list[float | None] = Field(description="ln p; null where nothing stands before the token.")
    top_logprobs: list[dict[str, float] | None] = Field(description="The most probable tokens and the token itself.")
    text_offset: list[int] = Field(description="Where in the choice's text each token begins, in characters.")


class ChoiceAnswer(BaseModel):
    """A story."""

    index: int
    text: str
    logprobs: LogprobsAnswer | None
    finish_reason: Literal["stop", "length"] | None = Field(
        description="`stop`: the story or a stop text; `length`: max_tokens or the model's context."
    )


class UsageAnswer(BaseModel):
    """Tokens: of each prompt once, without the end-of-text put before it; of the stories with that at their end."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CompletionAnswer(BaseModel):
    """All stories of a request."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[ChoiceAnswer]
    usage: UsageAnswer


class TokenAnswer(BaseModel):
    """A token of a text."""

    token: int
    text: str = Field(description="As written alone; `bytes:` and its bytes where that is no whole character.")


class TokenizeAnswer(BaseModel):
    """A text's tokens."""

    model: str
    count: int
    context: int = Field(description="Tokens that the model reads at most, with the end-of-text before a prompt.")
    tokens: list[TokenAnswer]


def told() -> dict[int | str, dict[str, Any]]:
    """Return what the document says of a completion's answer."""
    description = "The stories. With `stream`: OpenAI's chunks as server-sent events, `data: [DONE]` last."
    return {200: {"model": CompletionAnswer, "description": description, "content": {EVENTS: {}}}}
