"""A run that was studied: a tiny checkpoint, and records with numbers that a test knows."""

import json
from dataclasses import replace
from pathlib import Path

from fabula import recipe as recipes
from fabula.files import to_json
from fabula.model.record import read_record
from fabula.recipe import Recipe
from fabula.study.folder import Series, StudiedCheckpoint, Study, StudyFolder
from fabula.study.probes import CLAIMS, PROBES
from fabula.study.results import ClaimVerdict, ProbeVerdict, Result, Verdicts, write_results, write_verdicts
from fabula.study.series import weights_hash
from tests.tiny import tiny_checkpoint

STEP, LABEL = 400, "brook"
NATS, LOW, HIGH = 0.5371, 0.5226, 0.5519
"""Held-out loss per byte."""
ANSWERS = {"C1": "supported", "C2": "not supported"}
"""Capabilities; the others are undecided."""


def studied_run(folder: Path, recipe: Recipe | None = None) -> Path:
    """Write a run and its study, and return the run's folder."""
    run = folder / LABEL
    checkpoint = run / "checkpoints" / f"step-{STEP:05d}"
    checkpoint.parent.mkdir(parents=True)
    tiny_checkpoint(checkpoint, step=STEP)
    write_records(run, recipe or recipes.from_table({"train": {"steps": STEP}, "corpus": {"stories": 777}}))
    write_study(run, checkpoint)
    return run


def write_records(run: Path, recipe: Recipe) -> None:
    (run / "recipe.toml").write_text(recipes.to_toml(recipe))
    session = {
        "versions": {"fabula": "9.8.7", "torch": "6.5.4", "python": "3.21"},
        "machine": {"processor": "A slow one", "device": "cpu"},
        "corpus": {"hash": "feed" * 16, "path": "nowhere", "source": list(recipe.corpus.source)},
        "sessions": [],
    }
    (run / "run.json").write_text(to_json(session))
    steps = [{"step": step, "loss": 3.0, "seconds": step * 2.0, "memory_bytes": 2**30} for step in range(1, STEP + 1)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in steps))


def write_study(run: Path, checkpoint: Path, **changes: object) -> StudyFolder:
    folder = StudyFolder(run / "study")
    folder.path.mkdir(exist_ok=True)
    studied = StudiedCheckpoint(STEP, read_record(checkpoint).tokens, str(checkpoint), weights_hash(checkpoint))
    series = Series(LABEL, "river", 0, 23_456, STEP, 48, (), (studied,))
    study = Study(
        "fast", 5, 1, "feed" * 16, "tiny", "9.8.7", {}, tuple(probe.name for probe in PROBES),
        {"state": "one of its words is in the training text"}, (series,), {},
    )  # fmt: skip
    folder.write_study(replace(study, **changes))
    write_results(folder.results, [loss_row()])
    write_verdicts(folder.verdicts, verdicts())
    return folder


def loss_row() -> Result:
    return Result(
        series=LABEL, group="river", seed=0, step=STEP, tokens=1, probe="ladder", condition="", measure="nats_per_byte",
        value=NATS, low=LOW, high=HIGH, n=123, clusters=123, chance=None, baseline=None, baseline_name=None,
        ceiling=None, above=None, above_low=None, above_high=None,
    )  # fmt: skip


def verdicts() -> Verdicts:
    claims = tuple(
        ClaimVerdict(
            claim=claim.name,
            group="river",
            capability=ANSWERS.get(claim.name, "inconclusive"),
            timing=None if claim.phase is None else "inconclusive",
            decided_by="",
            wording=f"{claim.wording} (as far as this test goes)",
            window=None if claim.phase is None else (100 * claim.phase, 100 * claim.phase + 99),
        )
        for claim in CLAIMS
    )
    primary = [probe for probe in PROBES if probe.primary]
    probes = tuple(
        ProbeVerdict(
            probe=probe.name, claim=probe.claim, group="river", capability=ANSWERS.get(probe.claim, "inconclusive"),
            timing="inconclusive", reason="so it is", value=0.6123 + 0.001 * number, interval=(0.5987, 0.6789),
            baseline=0.5432, ceiling=1.0, normalised=0.2, normalised_interval=(0.1, 0.3), window_share=None,
            window_interval=None, smooth_share=None, half=321.0, half_interval=None, seeds=1,
        )
        for number, probe in enumerate(primary)
    )  # fmt: skip
    return Verdicts(1, "cafe" * 16, claims, probes, {"river": 0.42}, {"river": "inconclusive"})


def rewrite(path: Path, change) -> None:
    """Change a JSON file's content in place."""
    values = json.loads(path.read_text())
    change(values)
    path.write_text(to_json(values))
