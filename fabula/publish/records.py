"""A run's or model's records, and texts whose every number is looked up in them.

A text says where a number comes from at the place where it stands: `<<recipe.train.steps|count>>` is field `steps` of
section `train` in the run's recipe.toml, written as a count. So a number without a record can't be written, and the
list of all lookups is the list of sources.
"""

import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from fabula.errors import UserError
from fabula.files import read_json
from fabula.generation.own_sampling import own_sampling
from fabula.study.probes import CLAIMS, PROBES

PLACEHOLDER = re.compile(r"<<(?P<source>\w+)(?P<path>[^|>]*)(?:\|(?P<form>[^>]+))?>>")
PART = re.compile(r"\[[^\]]*\]|[^.\[\]]+")
"""A name, an element's number, the row wanted in a list, or a name with any signs in it: `series`, `[0]`,
`[probe=grammar,group=nano]`, `[my.run]`."""
REFERENCE_CARD = {"parameters": 190.55e6, "training_loss": 0.573}
"""What the card that this project started from ("Test-1-4000") states of its model; claims, not measurements."""
TRAIN, STUDY = "fabula train RECIPE --out {folder}", "fabula study {name}"
EVALUATE = "fabula evaluate {name} --json > {folder}/evaluation.json"


NOTHING = "\u2013"
"""Stands where a record says that there is no number."""


@dataclass(frozen=True)
class Lookup:
    """A number in the card, and its record."""

    text: str
    file: str
    path: str


FORMS: Mapping[str, Callable[[Any], str]] = {
    "text": str,
    "plain": lambda value: ", ".join(map(str, value)) if isinstance(value, list) else str(value),
    "json": lambda value: json.dumps(value, ensure_ascii=False),
    "count": lambda value: f"{value:,}",
    "millions": lambda value: f"{value / 1e6:.2f} M",
    "loss": lambda value: f"{value:.4f}",
    "bits": lambda value: f"{value / math.log(2):.4f}",
    "hash": lambda value: str(value)[:12],
    "base": lambda value: Path(value).name,
    "name": lambda value: ", ".join(Path(part).name for part in value),
    "duration": lambda value: f"{value / 60:.1f} min" if value < 3600 else f"{value / 3600:.1f} h",
    "gib": lambda value: f"{value / 2**30:.2f} GiB",
    "step": lambda value: f"{value:,.0f}",
    "share": lambda value: f"{100 * value:.1f} %",
    "ratio": lambda value: f"{value:.3f}",
    "probability": lambda value: f"{value:.3f}",
}
"""How a value is written; `bits` turns nats into bits. Any other form is the unit of a measured value."""


class Records:
    """Where every number comes from: records in files, the program's defaults, and what was computed from those."""

    def __init__(self, folder: Path, checkpoint: Path, study: Path, name: str = "") -> None:
        """Name the folder of the records, the model's and the study's; files are read when they are asked for.

        `name` is what a command must be given to study this; empty: the folder.
        """
        self.folder, self.model, self.name = folder, checkpoint, name or str(folder)
        self.files = {
            "config": (checkpoint / "config.json", TRAIN),
            "checkpoint": (checkpoint / "checkpoint.json", TRAIN),
            "recipe": (folder / "recipe.toml", TRAIN),
            "run": (folder / "run.json", TRAIN),
            "metrics": (folder / "metrics.jsonl", TRAIN),
            "study": (study / "study.json", STUDY),
            "verdicts": (study / "verdicts.json", STUDY),
            "results": (study / "results.parquet", STUDY),
            "evaluation": (folder / "evaluation.json", EVALUATE),
        }
        self.contents: dict[str, Any] = {}
        self.formulas: dict[str, str] = {}
        self.lookups: list[Lookup] = []

    def has(self, source: str) -> bool:
        """Say whether a source's file is there."""
        return self.files[source][0].is_file()

    def derive(self, name: str, value: Any, formula: str) -> None:
        """Add a value that is computed from records; texts name it `<<derived.NAME>>`."""
        self.contents.setdefault("derived", {})[name] = value
        self.formulas[name] = formula

    def value(self, source: str, path: str = "") -> Any:
        """Return a record's value.

        Args:
            source: `config`, `recipe`, ... (the keys of `files`), `sampling`, `reference`, `probes`, `claims`
                or `derived`.
            path: names with points between; in a list a number, or what distinguishes the row: `[step=12]`.

        Raises:
            UserError: no such file or no such record in it; the line says which command makes it.
        """
        value = self._content(source)
        for part in PART.findall(path):
            try:
                value = _step_into(value, part)
            except (KeyError, IndexError, TypeError, ValueError):
                raise UserError(self._missing(source, path)) from None
        return value

    def fill(self, text: str) -> str:
        """Replace every placeholder by its record's value, and remember each."""
        return PLACEHOLDER.sub(self._fill_one, text)

    def _fill_one(self, match: re.Match[str]) -> str:
        source, path, form = match["source"], match["path"].strip("."), match["form"] or "text"
        value = self.value(source, path)
        written = NOTHING if value is None else _written(value, form)
        field = self.formulas[path] if source == "derived" else path
        lookup = Lookup(written, self._where(source), f"{field} / ln 2" if form == "bits" else field)
        if lookup not in self.lookups:
            self.lookups.append(lookup)
        return written

    def _content(self, source: str) -> Any:
        if source not in self.contents:
            self.contents[source] = self._read(source)
        return self.contents[source]

    def _read(self, source: str) -> Any:
        if source == "sampling":
            return asdict(own_sampling(self.model))
        if source == "reference":
            return REFERENCE_CARD
        if source in ("probes", "claims"):
            return {entry.name: asdict(entry) for entry in (PROBES if source == "probes" else CLAIMS)}
        path, _ = self.files[source]
        if not path.is_file():
            raise UserError(self._missing(source, ""))
        try:
            if path.suffix == ".toml":
                return tomllib.loads(path.read_text(encoding="utf-8"))
            if path.suffix == ".parquet":
                return pq.read_table(path).to_pylist()
            if path.suffix == ".jsonl":
                return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise UserError(f"{path} can't be read: {error}") from None
        return read_json(path)

    def _missing(self, source: str, path: str) -> str:
        if source not in self.files:
            return f"{source} has no {path}"
        file, command = self.files[source]
        what = f"{file} has no record {path}" if path else f"{file} is missing"
        makes_it = command.format(folder=self.folder, name=self.name)
        return f"{what}, and a card states no number without its record; make it with: {makes_it}"

    def _where(self, source: str) -> str:
        named = {
            "sampling": "defaults of `fabula generate` for this model",
            "reference": "the reference card, as claimed",
            "derived": "computed",
            "probes": "definition of the probe",
            "claims": "the reference card's claim",
        }
        if source in named:
            return named[source]
        file = self.files[source][0]
        return f"`{file.relative_to(self.folder) if file.is_relative_to(self.folder) else file.name}`"


def _written(value: Any, form: str) -> str:
    return FORMS[form](value) if form in FORMS else f"{value:.3f} {form}"


def _step_into(value: Any, part: str) -> Any:
    if not part.startswith("["):
        return value[part]
    wanted = part[1:-1]
    if re.fullmatch(r"-?\d+", wanted):
        return value[int(wanted)]
    if isinstance(value, dict):
        return value[wanted]
    pairs = [pair.split("=", 1) for pair in wanted.split(",")]
    found = [row for row in value if all(str(row[name]) == text for name, text in pairs)]
    if len(found) != 1:
        raise KeyError(wanted)
    return found[0]
