"""A study that never was: files as a real one leaves them, with trajectories that are known."""

import json
import zlib
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fabula.files import to_json, write_text
from fabula.study.folder import Series, StudiedCheckpoint, Study, StudyFolder
from fabula.study.items.item import Item
from fabula.study.probes import CLAIMS, ITEM_PROBES, PROBES, Probe
from fabula.study.scores import Scores
from fabula.study.suite import chosen_checkpoints

STEPS = 4_000
GRID = [0, 1, 2, 4, 8, 16, 32, 64, 128, 250, 256, 500, 512, *range(750, STEPS + 1, 250)]
PHASES = (0, 250, 1_000, 2_000, 3_000, 4_000)
NEVER = ("binding", "memory", "state", "cause")
"""Probes that the synthetic models never learn."""
BASELINES = {"unigram": 0.0, "bigram": 0.2, "fivegram": 0.4, "cache-0.1": 0.35, "overlap": 0.05, "target-only": 0.1}
"""How much of the way from chance to right each baseline goes on D4 items."""
CONDITIONS = {
    "grammar": ("agreement", "article", "pronoun"),
    "binding": ("place", "giver"),
    "memory": ("0", "25", "100", "400"),
    "cause": ("seen", "unseen"),
}
REFUSED = "2 of 60 right answers share 13 words in a row with the training text"
NGRAMS = (1.38, 1.03, 0.84, 0.77, 0.72)
"""Nats per byte of the Kneser-Ney models of order 1 to 5."""
PLACES = (("mug", "shelf"), ("kite", "barn"), ("drum", "cellar"), ("lamp", "wagon"))
NAMES = ("Ada", "Bruno", "Cleo", "Dov", "Edda", "Finn", "Greta", "Hugo")

Trajectory = Callable[[Probe, float], float]
"""How far a probe has come at a step: 0 untrained, 1 all it will ever learn."""


def smooth(probe: Probe, step: float) -> float:
    """Rise in the middle of the claimed phase, slowly, as a logistic in the logarithm of the step."""
    phase = next(claim.phase for claim in CLAIMS if claim.name == probe.claim)
    half = (60, 500, 1_400, 2_400, 2_900)[phase] if phase is not None else 1_000
    width = 0.04 if phase == 4 else 0.2
    spread = 0.75 + zlib.crc32(probe.name.encode()) % 50 / 100
    return (
        0.0
        if probe.name in NEVER
        else float(1 / (1 + np.exp(-(np.log10(max(step, 0.5)) - np.log10(half * spread)) / width)))
    )


def untrained(probe: Probe, step: float) -> float:
    """Never learn anything."""
    return 0.0


def synthetic_study(
    folder: Path,
    seeds: int = 3,
    checkpoints: int = 12,
    *,
    items: int = 60,
    trajectory: Trajectory = smooth,
    single: bool = False,
    seed: int = 0,
    gain: float = 0.85,
    probes: Collection[str] | None = None,
) -> StudyFolder:
    """Write a whole study but its results: study.json, items, gates, baselines, scores, controls and stories.

    Args:
        folder: where.
        seeds: runs of one group.
        checkpoints: of each run, at most 27.
        items: units of each probe.
        trajectory: how each probe goes.
        single: add a single model, `solo`, that is like the end of a run.
        seed: decides all chance.
        gain: how far towards right answers a fully learned item probe comes.
        probes: names of those that are measured; None: all.
    """
    study = StudyFolder(folder)
    runs = [_run(number, chosen_checkpoints(GRID, checkpoints)) for number in range(seeds)]
    if single:
        runs.append(
            replace(
                runs[0],
                label="solo",
                group="solo",
                seed=None,
                steps=0,
                learning_rates=(),
                checkpoints=(StudiedCheckpoint(0, None, "models/solo", "0" * 64),),
            )
        )
    asked = [probe for probe in PROBES if probes is None or probe.name in probes]
    panels = list(dict.fromkeys(probe.scores for probe in asked))
    names = tuple(probe.name for probe in asked)
    folder.mkdir(parents=True, exist_ok=True)
    study.write_study(
        Study(
            suite="fast", seed=seed, version=1, corpus_hash="c0ffee" * 10, corpus_name="synthetic", fabula="0",
            machine={"system": "none"}, probes=names, refused={"world_cause": REFUSED},
            series=tuple(runs), seconds={"items": 1.0, "scores": 2.0},
        )
    )  # fmt: skip
    gates = {}
    for probe in (probe for probe in asked if probe in ITEM_PROBES):
        gates[probe.name] = _write_items(study, probe, items)
    study.gates.parent.mkdir(exist_ok=True)
    write_text(study.gates, to_json(gates))
    for panel in panels:
        _write_controls(study, panel, items, seed)
    for run in runs:
        for checkpoint in run.checkpoints:
            step = checkpoint.step if run.steps else STEPS
            for panel in panels:
                scores = _scores(panel, items, step, (seed, run.seed or 0), trajectory, gain)
                save(scores, study.scores(run.label, checkpoint.step, panel))
            _write_stories(study, run.label, checkpoint.step)
    return study


def save(scores: Scores, path: Path) -> None:
    """Write what `Scores.save` writes, without waiting for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns: dict[str, Any] = {f"column/{name}": values for name, values in scores.columns.items()}
    with path.open("wb") as file:
        np.savez(file, units=scores.units, clusters=scores.clusters, conditions=scores.conditions, **columns)


def _run(number: int, steps: list[int]) -> Series:
    checkpoints = tuple(
        StudiedCheckpoint(step, step * 8_192, f"runs/seed-{number}/checkpoints/step-{step:05d}", f"{number}{step:063d}")
        for step in steps
    )
    rates = tuple((step, 3e-3 * min(step / 200, 1, (STEPS - step) / 800)) for step in range(0, STEPS + 1, 20))
    return Series(f"seed-{number}", "demo", number, 1_400_000, STEPS, 512, rates, checkpoints)


@cache
def _items(name: str, count: int) -> tuple[Item, ...]:
    """Plain items of the right number and clusters; what they say is the same for all probes."""
    made = []
    for number in range(count):
        (thing, place), (other, where) = PLACES[number % 4], PLACES[(number + 1 + number // 4 % 3) % 4]
        one, two = NAMES[number % 8], NAMES[(number + 1 + number // 8 % 7) % 8]
        contexts = (
            f"{one} put the {thing} in the {place}. {two} put the {other} in the {where}. {one} opened the {place}.",
            f"{one} put the {other} in the {place}. {two} put the {thing} in the {where}. {one} opened the {place}.",
        )
        conditions = CONDITIONS.get(name, ("",))
        condition = conditions[number % len(conditions)]
        cluster = f"family-{number % max(2, count // 2)}"
        targets = (f" Inside was the {thing}, number {number}.", f" Inside was the {other}, number {number}.")
        made.append(Item(name, cluster, "mirrored", contexts, targets, condition=condition))
    return tuple(made)


def _write_items(study: StudyFolder, probe: Probe, count: int) -> list[dict[str, Any]]:
    made = _items(probe.name, count)
    path = study.items(probe.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(item.to_json(), ensure_ascii=False) + "\n" for item in made), encoding="utf-8")
    passed = probe.name != "world_cause"
    reason = "" if passed else REFUSED
    return [
        {"name": "baselines", "passed": True, "value": probe.chance, "limit": probe.chance + 0.05, "reason": ""},
        {"name": "seen", "passed": passed, "value": 0.0 if passed else 0.03, "limit": 0.0, "reason": reason},
    ]


def _random(*key: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def _answers(probe: Probe, count: int, progress: float, key: tuple[object, ...]) -> dict[str, np.ndarray]:
    """Return right answers with the share `chance + progress * (1 - chance)`: items differ, and do so lastingly."""
    difficulty = _random("difficulty", probe.name).random(count)
    noise = _random(probe.name, *key).random(count)
    right = probe.chance + (1 - probe.chance) * progress
    hard = np.clip((1 - right) * 2 * difficulty, 0, 1)
    correct = (noise >= hard).astype(float)
    margin = np.where(correct > 0, 1, -1) * (0.2 + 4 * progress * (1 - difficulty)) + 0.3 * (noise - 0.5)
    pair = correct * (noise > hard + (1 - hard) * 0.4 * (1 - progress))
    return {"correct": correct, "margin": margin, "choice": correct, "pair": pair}


def _units(panel: str, count: int) -> tuple[list[str], list[str], list[str]]:
    """Return the ids, clusters and conditions of a panel's units."""
    if any(probe.name == panel for probe in ITEM_PROBES):
        made = _items(panel, count)
        return [item.id for item in made], [item.cluster for item in made], [item.condition for item in made]
    asked = sorted({probe.condition or "" for probe in PROBES if probe.scores == panel})
    conditions = {
        "context_gain": [str(2**power) for power in range(9)],
        "position": [str(start) for start in range(0, 512, 256)],
    }.get(panel, asked)
    stories = [f"story-{number}" for number in range(max(4, count // 2))]
    every = [(story, condition) for condition in conditions for story in stories]
    return (
        [f"{condition}/{story}" for story, condition in every],
        [story for story, _ in every],
        [condition for _, condition in every],
    )


def _scores(panel: str, count: int, step: float, key: tuple[int, int], trajectory: Trajectory, gain: float) -> Scores:
    probes = [probe for probe in PROBES if probe.scores == panel]
    units, clusters, conditions = _units(panel, count)
    random = _random(panel, step, *key)
    progress = trajectory(probes[0], step)
    n = len(units)
    columns: dict[str, np.ndarray]
    if probes[0] in ITEM_PROBES:
        columns = _answers(probes[0], count, progress * gain, (step, *key))
    elif panel == "ladder":
        weight = _random("bytes", panel).integers(300, 900, n).astype(float)
        nats = (
            0.62
            + 1.6 * (1 - progress)
            + 0.05 * _random("story", panel).standard_normal(n)
            + 0.01 * random.standard_normal(n)
        )
        columns = {f"gain{order}": np.full(n, loss) - nats for order, loss in enumerate(NGRAMS, 1)}
        columns |= {"nats_per_byte": nats, "nats_per_token": 3 * nats, "weight": weight, "tokens": np.ceil(weight / 3)}
    elif panel == "context_gain":
        reach = np.array([0.5 / (1 + int(condition)) ** 0.5 for condition in conditions])
        columns = {"gain": reach * progress * 1.5 + 0.02 * random.standard_normal(n)}
    elif panel == "position":
        columns = {"nats": 2 + 5 * (1 - progress) + 0.1 * random.standard_normal(n)}
    else:
        columns = {}
        for probe in probes:
            target, reach = _held_out(probe.column), 0.5 * (1 - progress)
            columns[probe.column] = np.clip(target + reach + 0.05 * random.standard_normal(n), 0, 1)
    return Scores(np.array(units), np.array(clusters), np.array(conditions), columns)


def _held_out(column: str) -> float:
    return 0.1 + zlib.crc32(column.encode()) % 40 / 100


def _write_controls(study: StudyFolder, panel: str, count: int, seed: int) -> None:
    """Write the baselines of an item probe, or what held-out and control text scores on a panel of generation."""
    probes = [probe for probe in PROBES if probe.scores == panel]
    units, clusters, conditions = (np.array(part) for part in _units(panel, count))
    if probes[0] in ITEM_PROBES:
        columns = {}
        for name, reach in BASELINES.items():
            strength = reach if probes[0].design == "D4" else 0.0
            tie = np.full(len(units), probes[0].chance)
            drawn = _answers(probes[0], count, strength, ("baseline", name))["correct"]
            columns[name] = drawn if probes[0].design == "D4" else tie
        save(Scores(units, clusters, conditions, columns), study.baseline(panel))
    elif probes[0].rule == "band":
        for name in {"held-out", *(probe.control for probe in probes if probe.control)}:
            random = _random("control", panel, name, seed)
            away = 0.4 * (name != "held-out")
            columns = {
                probe.column: np.clip(
                    _held_out(probe.column) + away + 0.05 * random.standard_normal(len(units)), 0, 1
                )
                for probe in probes
            }  # fmt: skip
            save(Scores(units, clusters, conditions, columns), study.control(name, panel))


def _write_stories(study: StudyFolder, label: str, step: int) -> None:
    """Write a few stories; they grow longer with training."""
    told = []
    for number in range(5):
        name, other = NAMES[number], NAMES[number + 1]
        sentences = ("found a drum.", "The drum was very loud.", f"“Please stop!” said {other}.", "So they went home.")
        text = " " + " ".join(sentences[: 1 + min(3, step // 700)])
        late = text.find(other)
        flags = [{"start": late, "stop": late + len(other), "kind": "late name", "explanation": "never met before"}]
        told.append(
            {
                "prompt": f"One morning, {name}",
                "text": text,
                "mode": "samples",
                "seed": number,
                "tokens": len(text) // 4,
                "stop_reason": "end-of-text",
                "windows": [],
                "flags": flags if late >= 0 else [],
            }
        )
    path = study.stories(label, step)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(told), encoding="utf-8")
