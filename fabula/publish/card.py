"""The model card of a run, or of a single model: a number without a record can't stand in it.

A single model (a checkpoint, any plain Llama folder) has a study and perhaps the records of the run that it came from:
what they don't say, its card leaves out. A run's card wants all of them.
"""

from dataclasses import dataclass
from pathlib import Path
from string import Template

from fabula import recipe as recipes
from fabula.corpus.sources import STORYWORLD_STORIES
from fabula.errors import UserError
from fabula.files import explain_os_errors, write_text
from fabula.model.record import RECORD, read_record
from fabula.model.resolve import last_valid_checkpoint, model_folder
from fabula.publish import wording
from fabula.publish.records import Records
from fabula.study.probes import CLAIMS, Claim, probe
from fabula.study.series import series_label, weights_hash

TINYSTORIES = ("tinystories", "tinystories-v2")
STORY_WORLD = "storyworld"
SHAPE = ("hidden", "layers", "heads", "intermediate", "context", "tied")
"""Fields that make a model's shape the reference card's, beside the vocabulary."""
UNMEASURED = "not measured"
ANSWERS = {
    "supported": "supported",
    "unsupported": "not supported",
    "undecided": "inconclusive",
    "unmeasured": UNMEASURED,
}
"""Names under which a card lists the claims that got an answer."""


@dataclass(frozen=True)
class Subject:
    """What a card is about, and where its records are."""

    named: str
    """As the user names it."""
    name: str
    model: Path
    """Folder of the weights: a run's last valid checkpoint, or the model's own."""
    records: Path
    """Folder of recipe.toml, run.json, metrics.jsonl and evaluation.json."""
    study: Path
    is_run: bool

    @classmethod
    def find(cls, name: str, study: Path | None = None, records: Path | None = None) -> "Subject":
        """Return what a RUN_OR_MODEL argument names; the arguments are those of `write_card`.

        Raises:
            UserError: nothing of that name.
        """
        run = Path(name)
        if (run / "checkpoints").is_dir():
            checkpoint = last_valid_checkpoint(run)
            return cls(name, run.resolve().name, checkpoint, records or run, study or run / "study", True)
        model = model_folder(name)
        label = series_label(Path(name))
        return cls(name, label, model, records or model, study or Path(f"{label}-study"), False)

    @property
    def step(self) -> int:
        """The step that a study knows the model by: 0 for a folder that is no checkpoint."""
        return read_record(self.model).step if (self.model / RECORD).is_file() else 0


def write_card(
    name: str | Path, out: Path | None = None, study: Path | None = None, records: Path | None = None
) -> Path:
    """Write a model card; returns the file.

    Args:
        name: a run that was studied, or a model, as `fabula.model.resolve.model_folder` finds it.
        out: the file; None: the run's README.md (a single model's card is always told where to go).
        study: a study that this run or model is a part of; None: the run's own, or `NAME-study` here.
        records: folder of a single model's recipe.toml, run.json, metrics.jsonl and evaluation.json, as far as they are
            kept; None: the model's folder.

    Raises:
        UserError: no such run or model, no study of its weights, a number without a record, or no place to write to.
    """
    subject = Subject.find(str(name), study, records)
    if out is None and not subject.is_run:
        raise UserError(f"{name} is no run: name the file to write with --out FILE")
    out = out or subject.records / "README.md"
    if out.is_dir():
        out = out / "README.md"
    text = Card(subject).text()
    with explain_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, text)
    return out


class Card:
    """One card in the making."""

    def __init__(self, subject: Subject) -> None:
        """Find what the study says of the weights."""
        self.subject = subject
        self.records = Records(subject.records, subject.model, subject.study, subject.named)
        self.label, self.group = self._series()
        self.words = self._words()
        self.derive()

    def text(self) -> str:
        """Return the whole card."""
        phase, further = (wording.PHASE, wording.FURTHER) if self.subject.is_run else (wording.ABILITY, wording.ABILITY)
        parts = [
            self._front_matter(),
            self._fill(wording.TITLE),
            self._fill(wording.SERIES if self.subject.is_run else wording.SINGLE),
            self._fill(wording.FINDINGS),
            self._fill(wording.ARCHITECTURE),
            self._fill(wording.REFERENCE_SHAPE) if self.is_reference_shape() else "",
            self._fill(wording.PROGRESSION if self.subject.is_run else wording.CLAIMS),
            self._fill(wording.RULES),
            self._fill(wording.PHASES) if self.subject.is_run else "",
            *(self._claim(claim, phase) for claim in CLAIMS if claim.phase is not None),
            *(self._claim(claim, further) for claim in CLAIMS if claim.phase is None),
            *self._making(),
            self._fill(wording.USAGE),
            self._evaluation(),
            self._fill(wording.LIMITS),
            self._fill(wording.REFUSED) if self.records.value("study", "refused") else "",
            self._fill(wording.CITATION),
        ]
        return "".join([*parts, self._sources()])

    def is_reference_shape(self) -> bool:
        """Say whether the model has the sizes of the reference card's."""
        reference = recipes.load("test-1")
        if not self._has("recipe"):
            return False
        mine = self.records.value("recipe", "model")
        same = all(mine[name] == getattr(reference.model, name) for name in SHAPE)
        vocabulary = self.records.value("config", "vocab_size")
        return same and bool(vocabulary == reference.tokenizer.vocab_size)

    def _series(self) -> tuple[str, str]:
        """Return the study's label and group of this run or model, whose weights must be what was studied."""
        weights, step = weights_hash(self.subject.model), self.subject.step
        for series in self.records.value("study", "series"):
            if any((entry["step"], entry["weights"]) == (step, weights) for entry in series["checkpoints"]):
                return series["label"], series["group"]
        subject = self.subject
        said = f"{subject.model.name}, the last checkpoint" if subject.is_run else f"{subject.model.name} as it is now"
        raise UserError(f"{subject.study} says nothing of {said}: fabula study {subject.named}")

    def _words(self) -> dict[str, str]:
        step = self.subject.step
        return {
            "what": "RUN" if self.subject.is_run else "MODEL",
            "folder": "this run" if self.subject.is_run else "this model",
            "group": self.group,
            "series": f"study.series[label={self.label}]",
            "ladder": f"results[series={self.label},step={step},probe=ladder,condition=,measure=nats_per_byte]",
        }

    def derive(self) -> None:
        """Compute what no file says in so many words."""
        records = self.records
        series = records.value("study", f"series[label={self.label}]")
        group = [entry for entry in records.value("study", "series") if entry["group"] == self.group]
        missing = round(records.value("reference", "parameters")) - series["parameters"]
        refused = records.value("study", "refused")
        reasons = "; ".join(f"{probe(name).title} ({reason})" for name, reason in refused.items())
        checkpoint = f"checkpoints/{self.subject.model.name}"
        records.derive("name", self.subject.name, "the folder's name")
        records.derive("path", checkpoint if self.subject.is_run else ".", "the last valid folder of checkpoints/")
        records.derive("missing_parameters", missing, "claimed parameters - study.json's")
        records.derive("checkpoints", len(series["checkpoints"]), "length of study.json's checkpoints")
        records.derive("seeds", len({entry["seed"] for entry in group}), "seeds of the group's series in study.json")
        if self._has("recipe"):
            stories = records.value("recipe", "corpus.stories") or STORYWORLD_STORIES
            records.derive("stories", stories, "recipe.toml's corpus.stories, or the story world's default")
        for name, answer in ANSWERS.items():
            records.derive(name, self._titles(answer), f"claims whose capability is {answer!r} in verdicts.json")
        records.derive("refused", reasons, "study.json's refused")

    def _has(self, source: str) -> bool:
        """Say whether a record is to be used: a run must have all, a single model those that were kept."""
        return self.subject.is_run or self.records.has(source)

    def _fill(self, text: str, **words: str) -> str:
        """Put words, then numbers, into a text."""
        return self.records.fill(Template(text).substitute({**self.words, **words}))

    def _front_matter(self) -> str:
        from_hub = self._sources_are(TINYSTORIES)
        dataset = "roneneldan/TinyStories" if from_hub else self._corpus_kind()
        datasets = wording.DATASETS if from_hub else ""
        return wording.FRONT_MATTER + datasets + self._fill(wording.MODEL_INDEX, dataset=dataset)

    def _corpus_kind(self) -> str:
        return STORY_WORLD if self._sources_are((STORY_WORLD,)) else "files"

    def _making(self) -> list[str]:
        """Say how the model was made, as far as it is on record."""
        if not (self._has("recipe") and self._has("run")):
            return [self._fill(wording.NO_CONFIGURATION)]
        return [
            self._fill(wording.CONFIGURATION),
            self._fill(wording.BEGUN) if self.records.value("recipe", "train").get("start_from") else "",
            self._fill(wording.MEAN) if self.records.value("run").get("mean_of") else "",
            self._fill(wording.COST) if self._has("metrics") else "",
            self._fill(wording.FIELDS),
            self._fill(wording.DATASET),
            self._fill(self._origin()),
        ]

    def _origin(self) -> str:
        if self._sources_are(TINYSTORIES):
            return wording.TINYSTORIES
        if self._sources_are((STORY_WORLD,)):
            return wording.STORY_WORLD
        return wording.STATED if self.records.value("run").get("data", {}).get("licence") else wording.OTHER_FILES

    def _sources_are(self, names: tuple[str, ...]) -> bool:
        return self._has("recipe") and all(source in names for source in self.records.value("recipe", "corpus.source"))

    def _titles(self, answer: str) -> str:
        """List the claims that got an answer, in the card's own words."""
        verdicts = self.records.value("verdicts", "claims")
        found = {entry["claim"]: entry["capability"] for entry in verdicts if entry["group"] == self.group}
        titles = [claim.title.lower() for claim in CLAIMS if found.get(claim.name, UNMEASURED) == answer]
        return "; ".join(titles) or "nothing"

    def _claim(self, claim: Claim, text: str) -> str:
        """Say what the card claims and what was measured."""
        if not any(
            (v["claim"], v["group"]) == (claim.name, self.group) for v in self.records.value("verdicts", "claims")
        ):
            return self._fill(wording.UNMEASURED, about=f"claims[{claim.name}]")
        key = f"verdicts.claims[claim={claim.name},group={self.group}]"
        return self._fill(text, claim=key, about=f"claims[{claim.name}]", evidence=self._evidence(claim))

    def _evidence(self, claim: Claim) -> str:
        """Return a row for each probe that decides about a claim; its numbers are filled in later."""
        rows = []
        for entry in self.records.value("verdicts", "probes"):
            if (entry["claim"], entry["group"]) != (claim.name, self.group):
                continue
            about = probe(entry["probe"])
            words = {
                "key": f"verdicts.probes[probe={about.name},group={self.group}]",
                "unit": about.unit,
                "about": f"probes[{about.name}]",
            }
            interval = wording.INTERVAL if entry["interval"] else ""
            words["interval"] = Template(interval).substitute(words)
            rows.append(Template(wording.PROBE).substitute(words))
        return wording.PROBES + "".join(rows) if rows else wording.NOT_MEASURED

    def _evaluation(self) -> str:
        parts = [self._fill(wording.EVALUATION, stories=Template(wording.STORIES).substitute(self.words))]
        if self.records.has("evaluation"):
            measured = Path(self.records.value("evaluation", "model")).name
            model = self.subject.model.name
            if measured not in (model, self.subject.name):
                path = self.records.folder / "evaluation.json"
                raise UserError(f"{path} measured {measured}, not {model}; make it again or delete it")
            parts.append(self._fill(wording.PINNED))
        if self._has("checkpoint"):
            parts.append(self._fill(wording.TRAINING_LOSS))
        return "".join([*parts, self._fill(wording.HELD_OUT)])

    def _sources(self) -> str:
        numbers = [entry for entry in self.records.lookups if any(sign.isdigit() for sign in entry.text)]
        rows = [f"| {_cell(entry.text)} | {entry.file} | `{entry.path}` |" for entry in numbers]
        return Template(wording.SOURCES).substitute(self.words, rows="\n".join(rows))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
