"""How a model wants to be told, by its own generation_config.json."""

from pathlib import Path

from fabula.errors import UserError
from fabula.files import read_json
from fabula.generation.sampling import HUB_NAMES, Sampling
from fabula.model.folder import GENERATION


def own_sampling(folder: Path) -> Sampling:
    """Return how a model wants to be told: what its generation_config.json sets, where that says `do_sample`.

    What it leaves out is as `Sampling()` says.

    Raises:
        UserError: a parameter out of range.
    """
    path = folder / GENERATION
    values = read_json(path) if path.is_file() else {}
    if not isinstance(values, dict) or not values.get("do_sample"):
        return Sampling()
    said = {name: values.get(hub_name) for name, hub_name in HUB_NAMES.items()}
    try:
        return Sampling(**{name: value for name, value in said.items() if value is not None})
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
