"""What may be turned: `fabula.generation.sampling.Sampling` as a form for requests, and as the page's knobs."""

import math
from dataclasses import fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from fabula.fields import sentences, unwrapped
from fabula.generation.sampling import Sampling
from fabula.studio.orders import LONGEST_STOP, MOST_STOPS


def knobs(defaults: Sampling) -> dict[str, dict[str, Any]]:
    """Return each field of `Sampling` with its default, its bounds (None: open), its sentence, and its choices."""
    written, hints = sentences(Sampling), get_type_hints(Sampling, include_extras=True)
    found = {}
    for field in fields(Sampling):
        kind, allowed = unwrapped(hints[field.name])
        low, high = (allowed.low, allowed.high) if allowed else (-math.inf, math.inf)
        knob = {
            "default": getattr(defaults, field.name),
            "low": low if math.isfinite(low) else None,
            "high": high if math.isfinite(high) else None,
            "sentence": written[field.name],
        }
        if get_origin(kind) is Literal:
            knob["choices"] = get_args(kind)
        found[field.name] = knob
    return found


class SamplingForm(BaseModel):
    """How tokens are drawn; what is left out is as `fabula generate` has it."""

    model_config = ConfigDict(extra="forbid")

    def sampling(self) -> Sampling:
        """Return it as the engine takes it.

        Raises:
            UserError: a value out of range.
        """
        return Sampling(**{name: getattr(self, name) for name in self.model_fields_set})


def knob(name: str, default: Any, **settings: Any) -> Any:
    """Return the pydantic field of one of `Sampling`'s, with its sentence and its bounds."""
    kind, allowed = unwrapped(get_type_hints(Sampling, include_extras=True)[name])
    settings["description"] = sentences(Sampling)[name]
    if kind is float:
        settings["allow_inf_nan"] = False
    if kind in (int, float):
        settings["strict"] = True  # no number in quotes
    if allowed and math.isfinite(allowed.low):
        settings["gt" if allowed.low_open else "ge"] = allowed.low
    if allowed and math.isfinite(allowed.high):
        settings["lt" if allowed.high_open else "le"] = allowed.high
    return Field(default, **settings)


def _field(name: str, default: Any, hint: Any) -> tuple[Any, Any]:
    """Return one of `Sampling`'s fields as pydantic's `create_model` takes it."""
    kind, _ = unwrapped(hint)
    if get_origin(kind) is tuple:
        text = Field(min_length=1, max_length=LONGEST_STOP)
        return list[Annotated[str, text]], knob(name, [], max_length=MOST_STOPS)
    return kind, knob(name, default)


def _form() -> type[SamplingForm]:
    hints = get_type_hints(Sampling, include_extras=True)
    asked: Any = {field.name: _field(field.name, field.default, hints[field.name]) for field in fields(Sampling)}
    return create_model("SamplingFields", __base__=SamplingForm, __doc__=SamplingForm.__doc__, **asked)


SamplingFields = _form()
"""`SamplingForm` with the fields of `Sampling`."""
