"""A run that begins with another model's weights (`train.start_from`) instead of weights drawn from its seed."""

from dataclasses import asdict, replace
from typing import Any

from fabula.errors import UserError
from fabula.files import sha256
from fabula.model.folder import load_config, weight_files
from fabula.model.layout import load_model
from fabula.model.llama import Llama
from fabula.model.resolve import model_folder
from fabula.recipe import Recipe

FREE = ("context", "initializer_range", "scale_residual_init")
"""Fields of the shape that may differ: the weights are the same for each context, and aren't drawn."""


def with_its_tokenizer(recipe: Recipe) -> Recipe:
    """Return the recipe with the tokenizer of the model that it starts from, where it names none itself.

    Raises:
        UserError: no such model.
    """
    if not recipe.train.start_from or recipe.tokenizer.path:
        return recipe
    path = model_folder(recipe.train.start_from) / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"train.start_from: {path} is missing; name the model's tokenizer with tokenizer.path")
    return replace(recipe, tokenizer=replace(recipe.tokenizer, kind="bpe", path=str(path)))


def take_weights(model: Llama, start_from: str) -> None:
    """Give a model another one's weights, wherever it is.

    Raises:
        UserError: no such model, or one of another shape.
    """
    folder = model_folder(start_from)
    theirs, mine = asdict(load_config(folder)), asdict(model.config)
    for name, value in mine.items():
        if name not in FREE and theirs[name] != value:
            field = "the tokenizer's vocabulary" if name == "vocab_size" else f"model.{name}"
            raise UserError(
                f"train.start_from: {field} is {value} here and {theirs[name]} in {start_from}; make them equal"
            )
    model.load_state_dict(load_model(folder).state_dict())


def described(start_from: str) -> dict[str, Any]:
    """Return a model's name and the hash of each of its weight files, for a run's record."""
    weights = {path.name: sha256(path) for path in weight_files(model_folder(start_from))}
    return {"model": start_from, "weights": weights}
