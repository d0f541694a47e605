"""Which trainings are compared: read from a TOML file, turned into whole recipes."""

import hashlib
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fabula import recipe as recipes
from fabula.errors import UserError, did_you_mean
from fabula.recipe import Recipe

SHIPPED = Path(__file__).with_name("plan.toml")
KEYS = {
    "plan": {"baselines", "seeds", "held_out_stories", "everywhere", "corpora", "sizes", "contenders"},
    "size": {"tokens", "recipe"},
    "contender": {"recipe", "like", "shares", "change", "at", "choose"},
}
"""What each part of a plan may say."""


@dataclass(frozen=True)
class Arm:
    """One recipe at one size, on one corpus, with one share of the tokens: what seeds are repeated of."""

    size: str
    corpus: str
    contender: str
    share: float
    """Of the size's token budget."""


@dataclass(frozen=True)
class Run:
    """One training."""

    arm: Arm
    seed: int
    choice: float | None
    """The value tried of the field that the contender chooses; None: it chooses nothing."""
    recipe: Recipe

    @property
    def name(self) -> str:
        """What the run is called, in messages and as a folder."""
        chosen = "" if self.choice is None else f"-{self.choice:g}"
        arm = f"{self.arm.size}-{self.arm.corpus}-{self.arm.contender}"
        return re.sub(r"[^\w.-]+", "-", f"{arm}{chosen}-{self.arm.share:g}-seed{self.seed}")

    @property
    def folder(self) -> str:
        """The name of its folder: another recipe has another one, so that nothing old passes for new."""
        return f"{self.name}-{hashlib.sha256(recipes.to_toml(self.recipe).encode()).hexdigest()[:8]}"

    @property
    def tokens(self) -> int:
        """Positions that it trains on."""
        return positions(self.recipe)


class Plan:
    """What a plan file says, with the corpora that the command line gave."""

    def __init__(self, table: Mapping[str, Any], given: Mapping[str, list[str]]) -> None:
        """Take a parsed plan; `given` has the files of corpora by name: training stories, then held-out ones.

        Raises:
            UserError: a key that a plan doesn't have, or a name that it doesn't define.
        """
        _check("plan", table, KEYS["plan"])
        for name, size in table["sizes"].items():
            _check(f"sizes.{name}", size, KEYS["size"])
        for name, contender in table["contenders"].items():
            _check(f"contenders.{name}", contender, KEYS["contender"])
        self.table = table
        self.seeds: list[int] = table["seeds"]
        self.baselines: list[str] = table["baselines"]
        self.held_out_stories: int = table["held_out_stories"]
        self.sizes, self.contenders = table["sizes"], table["contenders"]
        _known("baselines", self.baselines, self.contenders)
        _known("like", [entry["like"] for entry in self.contenders.values() if "like" in entry], self.contenders)
        _known("--corpus", given, table["corpora"])
        self.corpora = {**table["corpora"], **{name: _files(files) for name, files in given.items()}}
        self.missing = [name for name, change in self.corpora.items() if not change.get("corpus", {}).get("source")]
        """Corpora of which nobody said where they are."""

    @classmethod
    def read(cls, path: Path, given: Mapping[str, list[str]]) -> "Plan":
        """Read a plan file.

        Raises:
            UserError: no such file, not TOML, or not a plan.
        """
        try:
            return cls(tomllib.loads(path.read_text(encoding="utf-8")), given)
        except FileNotFoundError:
            raise UserError(f"{path} does not exist") from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UserError(f"{path} is not valid TOML: {error}") from None
        except (KeyError, UserError) as error:
            raise UserError(f"{path}: {f'{error} is missing' if isinstance(error, KeyError) else error}") from None

    def choices(self, contender: str) -> list[float | None]:
        """Return the values that a contender chooses from."""
        chooses = self.contenders[contender].get("choose")
        return list(_only_field(chooses)[2]) if chooses else [None]

    def arms(self, sizes: list[str], corpora: list[str], contenders: list[str]) -> Iterator[Arm]:
        """Yield everything that is compared, of the names given (an empty list: all)."""
        _known("--sizes", sizes, self.sizes)
        _known("--corpora", corpora, self.corpora)
        _known("--contenders", contenders, self.contenders)
        for size in sizes or self.sizes:
            for corpus in corpora or [name for name in self.corpora if name not in self.missing]:
                if corpus in self.missing:
                    raise UserError(f"say where {corpus} is: --corpus {corpus} TRAINING_FILE HELD_OUT_FILE")
                for contender in contenders or self.contenders:
                    for share in self.contenders[contender]["shares"]:
                        yield Arm(size, corpus, contender, share)

    def run(self, arm: Arm, seed: int, choice: float | None) -> Run:
        """Build the whole recipe of a training: the contender's, with what everywhere, size, corpus and seed change."""
        contender, size = self.contenders[arm.contender], self.sizes[arm.size]
        like = self.contenders.get(contender.get("like"), {})
        recipe = recipes.load(contender.get("recipe") or like["recipe"])
        changes = [self.table["everywhere"], size.get("recipe", {}), self.corpora[arm.corpus]]
        for part in (like, contender):
            changes += [part.get("change", {}), part.get("at", {}).get(arm.size, {})]
        if choice is not None:
            section, field, _ = _only_field(contender["choose"])
            changes.append({section: {field: choice}})
        for change in changes:
            recipe = recipes.from_table(change, recipe)
        recipe = with_budget(recipe, arm.share * size["tokens"])
        return Run(arm, seed, choice, recipes.from_table({"train": {"seed": seed}}, recipe))


def with_budget(recipe: Recipe, tokens: float) -> Recipe:
    """Give a recipe as many steps as it needs for `tokens` positions, whether or not its batch grows."""

    def lasting(steps: int) -> Recipe:
        return recipes.from_table({"train": {"steps": steps}, "series": {"steps": [steps]}}, recipe)

    few, many = 1, max(2, math.ceil(tokens / (recipe.smallest_batch * recipe.model.context)))
    while few < many:  # the least number of steps with at least so many positions
        middle = (few + many) // 2
        few, many = (few, middle) if positions(lasting(middle)) >= tokens else (middle + 1, many)
    return lasting(few)


def positions(recipe: Recipe) -> int:
    """Return how many positions a recipe's batches hold together."""
    return recipe.windows_before(recipe.train.steps) * recipe.model.context


def _files(files: list[str]) -> dict[str, Any]:
    places = [str(Path(file).resolve()) for file in files]
    return {"corpus": {"source": places[:1], "validation": places[1:], "stories": 0}}


def _only_field(chooses: Mapping[str, Any]) -> tuple[str, str, list[float]]:
    """Return section, field and values of a table that has one field."""
    if len(chooses) != 1 or len(next(iter(chooses.values()))) != 1:
        raise UserError("`choose` must name one field: choose.SECTION.FIELD = [VALUES]")
    section, fields = next(iter(chooses.items()))
    field, values = next(iter(fields.items()))
    return section, field, values


def _check(where: str, table: Mapping[str, Any], allowed: set[str]) -> None:
    for key in table:
        if key not in allowed:
            raise UserError(f"unknown key {key!r} in {where}: {did_you_mean(key, sorted(allowed))}")


def _known(where: str, names: Any, known: Mapping[str, Any]) -> None:
    for name in names:
        if name not in known:
            raise UserError(f"{where}: the plan has no {name!r}: {did_you_mean(name, known)}")
