"""Findings of studies that never were, as records: every part of the report has something to show."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np

from fabula.files import to_json
from fabula.study.folder import Series, StudiedCheckpoint, Study, StudyFolder
from fabula.study.items.item import Item
from fabula.study.probes import CLAIMS, GENERATION_PROBES, ITEM_PROBES, PROBES, Probe
from fabula.study.report.evidence import Evidence
from fabula.study.results import (
    Acquisition,
    Answer,
    ClaimVerdict,
    Curves,
    PhaseTest,
    ProbeVerdict,
    Result,
    Verdicts,
)
from fabula.study.scores import Scores

STEPS = 4_000
GRID = (0, 1, 2, 4, 8, 16, 32, 64, 128, 250, 256, 500, 512, *range(750, STEPS + 1, 250))
PHASES = (0, 250, 1_000, 2_000, 3_000, 4_000)
NEVER = ("binding", "memory", "state", "cause")
HALF = (90, 420, 1_300, 2_100, 2_600)
HELD_OUT, BROKEN = 0.2, 0.6
"""What every metric of told stories is for held-out and for control text."""
FEW = (
    "grammar",
    "binding",
    "far_context",
    "ending",
    "memory",
    "cause",
    "connective",
    "world_cause",
    "ladder",
    "context_gain",
    "position_loss",
    "loops",
    "staying",
    "overrun",
    "speech",
)
"""Probes that are enough to show every part of the report."""
PROMPTS = tuple(f"One morning, {name} took the {thing} to the barn." for name, thing in zip(
    ("Ada", "Bruno", "Cleo", "Dov", "Edda"), ("drum", "kite", "lamp", "mug", "wagon"), strict=True
))  # fmt: skip
HOSTILE = 'He said <script>alert("1")</script> & <b>ran</b>. '


def fabricated(
    path: Path,
    seeds: int = 3,
    checkpoints: int = len(GRID),
    *,
    single: bool = False,
    stories: bool = True,
    every: bool = False,
) -> Evidence:
    """Write a study's items, gates, stories and controls, and return it with made-up findings.

    Args:
        path: the study's folder.
        seeds: runs of the group `demo`; 0: none.
        checkpoints: of each run.
        single: add a single model, `solo`.
        stories: whether stories were told.
        every: all probes instead of `FEW`.
    """
    folder = StudyFolder(path)
    members = [_run(seed, _chosen(checkpoints)) for seed in range(seeds)]
    if single:
        members.append(_single())
    told = {probe.name for probe in GENERATION_PROBES}
    chosen = tuple(probe for probe in PROBES if every or probe.name in FEW)
    probes = tuple(probe for probe in chosen if stories or probe.name not in told)
    study = _study(tuple(members), probes)
    path.mkdir(parents=True)
    _write_items(folder)
    for series in members:
        for checkpoint in series.checkpoints:
            if stories:
                _write_stories(folder, series, checkpoint.step)
    if stories:
        _write_controls(folder)
    results = [row for series in members for row in _results(series, probes)]
    return Evidence(folder, study, results, _verdicts(study, probes), _curves(study, probes), probes)


def _chosen(count: int) -> tuple[int, ...]:
    return GRID if count >= len(GRID) else GRID[-1:] if count == 1 else tuple(GRID[i] for i in _even(count))


def _even(count: int) -> list[int]:
    return sorted({round(i * (len(GRID) - 1) / (count - 1)) for i in range(count)})


def _run(seed: int, steps: tuple[int, ...]) -> Series:
    checkpoints = tuple(StudiedCheckpoint(step, step * 2_048, f"runs/{seed}/{step}", f"{seed:064x}") for step in steps)
    rates = tuple((step, 3e-3 * min(step / 200, 1, (STEPS - step) / 800)) for step in range(0, STEPS + 1, 20))
    return Series(f"demo-{seed}", "demo", seed, 1_400_000, STEPS, 512, rates, checkpoints)


def _single() -> Series:
    checkpoint = StudiedCheckpoint(0, None, "models/solo", "f" * 64)
    return Series("solo", "solo", None, 124_000_000, 0, 1_024, (), (checkpoint,))


def _study(series: tuple[Series, ...], probes: tuple[Probe, ...]) -> Study:
    return Study(
        suite="fast", seed=7, version=1, corpus_hash="c0ffee" * 10, corpus_name="fables.txt", fabula="0.1.0",
        machine={"system": "Linux", "processor": "any", "threads": 2, "memory_bytes": 8 << 30},
        probes=tuple(probe.name for probe in probes if probe.name != "connective"),
        refused={"world_cause": "1 of 60 items is in the training text"}, series=series,
        seconds={"questions": 12.5, "checkpoints": 3_725.0},
    )  # fmt: skip


def _progress(probe: Probe, step: int, seed: int | None) -> float:
    if probe.name in NEVER:
        return 0.0
    noise = random.Random(f"{probe.name} {seed}")
    phase = next((claim.phase for claim in CLAIMS if claim.name == probe.claim), None)
    half = HALF[phase if phase is not None else 2] * noise.uniform(0.6, 1.5)
    best = noise.uniform(0.75, 0.97)
    return best / (1 + (half / step) ** 2.2) if step else 0.0


def _results(series: Series, probes: tuple[Probe, ...]) -> list[Result]:
    rows = []
    for checkpoint in series.checkpoints:
        step = checkpoint.step if series.steps else STEPS
        for probe in probes:
            if probe.name in ("connective", "world_cause"):
                continue
            rows.append(_row(series, checkpoint, probe, _value(probe, step, series.seed)))
        rows += _panel_rows(series, checkpoint, step)
    return rows


def _value(probe: Probe, step: int, seed: int | None) -> float:
    progress = _progress(probe, step, seed)
    jitter = random.Random(f"{probe.name} {step} {seed}").gauss(0, 1)
    if probe.rule == "band":
        return abs(HELD_OUT + (1 - progress) * (BROKEN - HELD_OUT) + 0.004 * jitter)
    if probe.rule == "gain":
        return -0.02 + 0.3 * progress + 0.01 * jitter
    if probe.rule == "ratio":
        return 1.1 - 0.1 * progress + 0.004 * jitter
    return min(1.0, probe.chance + (1 - probe.chance) * progress + 0.015 * jitter)


def _row(series: Series, checkpoint: StudiedCheckpoint, probe: Probe, value: float, **changed: object) -> Result:
    share = probe.unit == "share"
    baseline = probe.chance + (0.2 if probe.design == "D4" else 0.0) if probe.rule == "accuracy" else None
    error = 0.035 if probe.rule == "accuracy" else 0.012
    row = Result(
        series=series.label, group=series.group, seed=series.seed, step=checkpoint.step, tokens=checkpoint.tokens,
        probe=probe.name, condition="", measure="value", value=value, low=value - error,
        high=min(1.0, value + error) if share else value + error, n=300, clusters=60, chance=probe.chance,
        baseline=baseline, baseline_name="fivegram" if baseline else None, ceiling=probe.ceiling,
        above=None if baseline is None else value - baseline, above_low=None, above_high=None,
    )  # fmt: skip
    if probe.rule == "band":
        row = replace(row, ceiling=HELD_OUT, baseline=BROKEN, baseline_name=probe.control, chance=None)
    return replace(row, **changed)  # type: ignore[arg-type]


def _panel_rows(series: Series, checkpoint: StudiedCheckpoint, step: int) -> list[Result]:
    ladder = Probe("ladder", "C1", "", "", unit="nats/byte", rule="none")
    gain = Probe("context_gain", "C4", "", "", unit="nats/token", rule="none")
    position = Probe("position", "C7", "", "", unit="nats/token", rule="none")
    memory = Probe("memory", "C4", "", "")
    far = math.log10(step + 1) / math.log10(STEPS)
    nats = 0.62 + 1.5 * max(0.0, 1 - far) ** 1.5
    rows = [_row(series, checkpoint, ladder, nats, measure="nats_per_byte")]
    for order, level in enumerate((1.384, 1.029, 0.837, 0.767, 0.72), 1):
        rows.append(_row(series, checkpoint, ladder, level - nats, measure=f"gain{order}"))
    for power in range(9):
        value = 0.5 * far**2 / (1 + 2**power) ** 0.5 - 0.004
        rows.append(_row(series, checkpoint, gain, value, measure="gain", condition=str(2**power)))
    for start in range(0, 512, 128):
        value = 2 + 4 * (1 - far) - 0.05 * math.log(start + 1)
        rows.append(_row(series, checkpoint, position, value, measure="nats", condition=str(start)))
    for distance in (0, 25, 100, 400):
        value = 0.5 + 0.4 * far**4 / (1 + distance / 50)
        rows.append(_row(series, checkpoint, memory, value, condition=str(distance)))
    return rows


def _verdicts(study: Study, probes: tuple[Probe, ...]) -> Verdicts:
    groups = {series.group: series for series in study.series}
    claims, found = [], []
    for group, series in groups.items():
        for claim in CLAIMS:
            primary = [probe for probe in probes if probe.claim == claim.name and probe.primary]
            judged = [_probe_verdict(probe, group, series, claim.phase) for probe in primary]
            found += judged
            worst = min(
                judged, key=lambda v: ("not supported", "inconclusive", "supported").index(v.capability), default=None
            )
            window = (
                (PHASES[claim.phase], PHASES[claim.phase + 1]) if claim.phase is not None and series.steps else None
            )
            capability: Answer = worst.capability if worst else "inconclusive"
            said = {"supported": claim.wording, "not supported": f"no sign that it {claim.wording}"}
            claims.append(
                ClaimVerdict(
                    claim.name, group, capability, judged[0].timing if window and judged else None,
                    worst.probe if worst else "", said.get(capability, "nothing yet"), window,
                )
            )  # fmt: skip
    trained = [group for group, series in groups.items() if series.steps]
    return Verdicts(
        rules_version=1, rules_sha256="ab" * 32, claims=tuple(claims), probes=tuple(found),
        order_probability=dict.fromkeys(trained, 0.42), phases=dict.fromkeys(trained, "not supported"),
    )  # fmt: skip


def _probe_verdict(probe: Probe, group: str, series: Series, phase: int | None) -> ProbeVerdict:
    value = _value(probe, STEPS, series.seed)
    baseline = probe.chance + (0.2 if probe.design == "D4" else 0.0) if probe.rule == "accuracy" else 0.0
    ceiling = probe.ceiling
    if probe.rule == "band":
        baseline, ceiling = BROKEN, HELD_OUT
    normalised = (value - baseline) / ((ceiling or 1.0) - baseline)
    answer: Answer = "not supported" if normalised < 0.25 else "supported" if normalised > 0.5 else "inconclusive"
    reason = f"{value:.2f} against {baseline:.2f}, S = {normalised:.2f}"
    return ProbeVerdict(
        probe.name, probe.claim, group, answer, ("supported", "not supported", "inconclusive")[len(probe.name) % 3],
        reason, value, (value - 0.03, value + 0.03), baseline, ceiling, normalised,
        (normalised - 0.06, normalised + 0.06), 0.4, (0.2, 0.6), 0.23, 700.0, (500.0, 900.0), 3,
    )  # fmt: skip


def _curves(study: Study, probes: tuple[Probe, ...]) -> Curves:
    trained = [series for series in study.series if len(series.checkpoints) > 1]
    acquisitions = [_acquisition(probe, series) for series in trained for probe in probes if probe.rule != "none"]
    chance = random.Random(3)
    null = tuple(chance.gauss(-25, 9) for _ in range(300))
    tests = tuple(
        PhaseTest(
            series.label, -12.0 + 6 * index, 0.08, null, (40.0, 300.0, 1_100.0, 3_300.0), PHASES[1:5], (200, 3_200),
            (3_300.0,), "not supported", "smooth curves reach this difference in 8 % of simulations",
        )
        for index, series in enumerate(trained)
    )  # fmt: skip
    horizons: dict[str, tuple[tuple[int, int | None], ...]] = {
        series.label: tuple(
            (c.step, None if c.step < 8 else 2 ** min(8, int(math.log2(c.step) / 1.6))) for c in series.checkpoints
        )
        for series in trained
    }
    crossings: dict[str, dict[str, float | None]] = {
        series.label: {"1": 61.0, "2": 187.5, "3": 540.0, "4": 1_210.0, "5": None} for series in trained
    }
    return Curves(tuple(acquisitions), tests, horizons, crossings)


def _acquisition(probe: Probe, series: Series) -> Acquisition:
    if probe.name in NEVER:
        return Acquisition(probe.name, series.label, "none", None, None, None, None, 0.5, 0.5, (), None)
    noise = random.Random(f"{probe.name} {series.seed}")
    phase = next((claim.phase for claim in CLAIMS if claim.name == probe.claim), None)
    half = HALF[phase if phase is not None else 2] * noise.uniform(0.6, 1.5)
    return Acquisition(
        probe.name, series.label, "logistic", half / 3, half, half * 3, (half * 0.8, half * 1.4), 0.5, 0.9, (), 0.97
    )


def _write_items(folder: StudyFolder) -> None:
    gates = {}
    for probe in ITEM_PROBES:
        failed = probe.name == "world_cause"
        gates[probe.name] = [
            {"name": "baselines", "passed": True, "value": 0.512, "limit": 0.55, "reason": ""},
            {"name": "length", "passed": True, "value": 0.3, "limit": 0.01, "reason": ""},
            {
                "name": "seen",
                "passed": not failed,
                "value": float(failed),
                "limit": 0.0,
                "reason": "in the training text",
            },
        ]
        if failed:
            continue
        path = folder.items(probe.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        items = [_item(probe, number) for number in range(12)]
        path.write_text("".join(json.dumps(item.to_json()) + "\n" for item in items), encoding="utf-8")
    folder.gates.write_text(to_json(gates), encoding="utf-8")


def _item(probe: Probe, number: int) -> Item:
    here, there = ("shelf", "cellar") if number % 2 else ("barn", "well")
    context = f"Ada put mug {number} on the {here}. Bruno put the kite in the {there}. Later, Ada looked there."
    other = f"Ada put the kite on the {here}. Bruno put mug {number} in the {there}. Later, Ada looked there."
    targets = (" She found the mug.", " She found the kite.", " She sang <loudly>.", " She slept.")
    if probe.design == "D1":
        return Item(probe.name, f"family-{number}", "mirrored", (context, other), targets[:2], condition="place")
    if probe.design == "D2":
        spans = (((4, 9), (14, 17)),)
        return Item(probe.name, f"story-{number}", "contrast", (context * 6, other * 6), targets[:1], number % 2, spans)
    if probe.design == "D3":
        return Item(probe.name, f"story-{number}", "pmi", (context,), targets, number % 4)
    return Item(probe.name, f"story-{number}", "choice", ("",), targets[:2], number % 2, condition="agreement")


def _write_controls(folder: StudyFolder) -> None:
    units = np.array([f"story-{number}" for number in range(4)])
    for panel in {probe.panel for probe in GENERATION_PROBES}:
        columns = {probe.column for probe in GENERATION_PROBES if probe.panel == panel}
        for name, value in (("held-out", HELD_OUT), ("five-gram", BROKEN), ("loop", 3.0)):
            values = {column: np.full(4, value) for column in sorted(columns)}
            Scores(units, units, np.array(["sampled"] * 4), values).save(folder.control(name, panel))


def _write_stories(folder: StudyFolder, series: Series, step: int) -> None:
    told = []
    for number, prompt in enumerate(PROMPTS):
        text = " " + HOSTILE + "The drum was loud. " * (1 + min(40, step // 60))
        loop = {"start": 20, "stop": 60, "kind": "loop", "explanation": 'the same words "again"'}
        name = {"start": 50, "stop": 75, "kind": "late-name", "explanation": "nobody told who this is"}
        told.append(
            {
                "prompt": prompt, "text": text, "mode": "samples", "seed": number, "tokens": len(text.split()),
                "stop_reason": "end-of-text" if number else "max-new-tokens",
                "windows": [], "flags": [loop, name] if step > 200 else [],
            }
        )  # fmt: skip
    path = folder.stories(series.label, step)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(told), encoding="utf-8")
