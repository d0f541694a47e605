"""The model card of a run, generated from its records: a number without a record can't stand in it."""

from pathlib import Path
from string import Template

from fabula import recipe as recipes
from fabula.corpus.sources import STORYWORLD_STORIES
from fabula.errors import UserError
from fabula.files import explain_os_errors, write_text
from fabula.model.record import read_record
from fabula.model.resolve import last_valid_checkpoint
from fabula.publish import wording
from fabula.publish.records import Records
from fabula.study.probes import CLAIMS, Claim, probe
from fabula.study.series import weights_hash

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


def write_card(run: Path, out: Path | None = None, study: Path | None = None) -> Path:
    """Write a run's model card; returns the file.

    Args:
        run: a run that was studied.
        out: the file; None: the run's README.md.
        study: a study that this run is a part of; None: the run's own.

    Raises:
        UserError: no such run, no study of its last checkpoint, or a number without a record.
    """
    if not (run / "checkpoints").is_dir() or not (run / "recipe.toml").is_file():
        raise UserError(f"{run} is no run (a folder with recipe.toml and checkpoints/); make one with: fabula train")
    out = out or run / "README.md"
    if out.is_dir():
        out = out / "README.md"
    text = Card(run, study or run / "study").text()
    with explain_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, text)
    return out


class Card:
    """One run's card in the making."""

    def __init__(self, run: Path, study: Path) -> None:
        """Find the run's last checkpoint and what the study says of it."""
        self.checkpoint = last_valid_checkpoint(run)
        self.records = Records(run, self.checkpoint, study)
        self.label, self.group = self._series()
        self.words = self._words()
        self.derive()

    def text(self) -> str:
        """Return the whole card."""
        parts = [
            self._front_matter(),
            self._fill(wording.OVERVIEW),
            self._fill(wording.ARCHITECTURE),
            self._fill(wording.REFERENCE_SHAPE) if self.is_reference_shape() else "",
            self._fill(wording.PROGRESSION),
            *(self._claim(claim, wording.PHASE) for claim in CLAIMS if claim.phase is not None),
            *(self._claim(claim, wording.FURTHER) for claim in CLAIMS if claim.phase is None),
            self._fill(wording.CONFIGURATION),
            self._fill(wording.DATASET),
            self._fill(self._origin()),
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
        mine = self.records.value("recipe", "model")
        same = all(mine[name] == getattr(reference.model, name) for name in SHAPE)
        vocabulary = self.records.value("config", "vocab_size")
        return same and bool(vocabulary == reference.tokenizer.vocab_size)

    def _series(self) -> tuple[str, str]:
        """Return the study's label and group of this run; its last checkpoint must be what was studied."""
        weights, step = weights_hash(self.checkpoint), read_record(self.checkpoint).step
        for series in self.records.value("study", "series"):
            if any((entry["step"], entry["weights"]) == (step, weights) for entry in series["checkpoints"]):
                return series["label"], series["group"]
        run = self.records.run
        raise UserError(f"{run}/study says nothing of {self.checkpoint.name}, the last checkpoint: fabula study {run}")

    def _words(self) -> dict[str, str]:
        step = read_record(self.checkpoint).step
        return {
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
        records.derive("name", records.run.resolve().name, "the run's folder")
        records.derive("checkpoint", self.checkpoint.name, "the last valid folder of checkpoints/")
        records.derive("missing_parameters", missing, "claimed parameters - study.json's")
        records.derive("checkpoints", len(series["checkpoints"]), "length of study.json's checkpoints")
        records.derive("seeds", len({entry["seed"] for entry in group}), "seeds of the group's series in study.json")
        stories = records.value("recipe", "corpus.stories") or STORYWORLD_STORIES
        records.derive("stories", stories, "recipe.toml's corpus.stories, or the story world's default")
        for name, answer in ANSWERS.items():
            records.derive(name, self._titles(answer), f"claims whose capability is {answer!r} in verdicts.json")
        records.derive("refused", reasons, "study.json's refused")

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

    def _origin(self) -> str:
        if self._sources_are(TINYSTORIES):
            return wording.TINYSTORIES
        return wording.STORY_WORLD if self._sources_are((STORY_WORLD,)) else wording.OTHER_FILES

    def _sources_are(self, names: tuple[str, ...]) -> bool:
        return all(source in names for source in self.records.value("recipe", "corpus.source"))

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
            if measured not in (self.checkpoint.name, self.records.run.name):
                path = self.records.run / "evaluation.json"
                raise UserError(f"{path} measured {measured}, not {self.checkpoint.name}; make it again or delete it")
            parts.append(self._fill(wording.PINNED))
        return "".join([*parts, self._fill(wording.TRAINING_LOSS)])

    def _sources(self) -> str:
        numbers = [entry for entry in self.records.lookups if any(sign.isdigit() for sign in entry.text)]
        rows = [f"| {_cell(entry.text)} | {entry.file} | `{entry.path}` |" for entry in numbers]
        return Template(wording.SOURCES).substitute(rows="\n".join(rows))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
