"""Before any model is asked: the questions, their gates, and what simple rules and broken stories score."""

import functools
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import numpy as np

from fabula.files import to_json, write_text
from fabula.study import baselines
from fabula.study.baselines.seen import SeenNGrams
from fabula.study.corpus import StudyCorpus
from fabula.study.folder import Series, StudyFolder
from fabula.study.items import gates, natural, templates, world
from fabula.study.items.item import Item, Outcomes, Scorer, outcomes, read_items
from fabula.study.probes import ITEM_PROBES, Probe
from fabula.study.scores import Scores
from fabula.study.suite import Suite
from fabula.terminal import progress

VERSION = 1
"""Of the questions: changes when the same corpus and seed would give others."""
BUILDERS = {**natural.BUILDERS, **templates.BUILDERS, **world.BUILDERS}
SEEN_ANSWER, SEEN_TEMPLATE = 13, 8
"""Words in a row that a right answer, or a template, must not share with the training text."""
OVERSUPPLY = 5
"""So many times more questions are built where many right answers stand in the training text."""
LONG_PROBES = ("memory", "order", *world.BUILDERS)
"""Probes whose texts are several times as long as others'."""
LONG_COST = 2
"""They get this many times fewer questions, but never fewer than `FEWEST`."""
FEWEST = 40


def prepare(folder: StudyFolder, corpus: StudyCorpus, probes: Sequence[Probe], suite: Suite, seed: int) -> None:
    """Write every probe's questions, what baselines answer and how the gates decided.

    What is there already is kept: it is a function of (corpus, seed, version).
    """
    known = _gates(folder)
    missing = [probe for probe in probes if probe in ITEM_PROBES and probe.name not in known]
    if not missing:
        return
    with progress("making questions", len(missing) + 1, "parts") as advance:
        scorers, seen = baselines.fit(corpus), seen_ngrams(corpus)
        advance(1)
        for probe in missing:
            count = items_of(probe.name, suite.boundary_items if probe.primary else suite.items)
            _judge(folder, probe, functools.partial(build, probe.name, corpus, seed), count, scorers, seen)
            advance(1)


def items_of(probe: str, count: int) -> int:
    """Return how many questions a probe gets where a suite has `count` for each."""
    return max(count // LONG_COST, min(count, FEWEST)) if probe in LONG_PROBES else count


def build(probe: str, corpus: StudyCorpus, seed: int, limit: int) -> list[Item]:
    """Return a probe's questions in a random order, so that any first part of them is a fair sample."""
    items: list[Item] = BUILDERS[probe](corpus, seed, limit)
    random.Random(f"{seed}/{probe}/order").shuffle(items)
    return items


def refused(folder: StudyFolder) -> dict[str, str]:
    """Return the probes whose questions a gate refused, with the reason."""
    reasons = {}
    for name, found in _gates(folder).items():
        failed = [str(gate["reason"]) for gate in found if not gate["passed"]]
        if failed:
            reasons[name] = "; ".join(failed)
    return reasons


def check_directions(folder: StudyFolder, probes: Sequence[Probe], series: Sequence[Series]) -> None:
    """Hold every set of questions against the trained models: only they show exchanged labels where all n-grams tie.

    The last checkpoints' answers are averaged over the series. The gate is kept with the others.
    """
    records = _gates(folder)
    for probe in probes:
        items = {item.id: item for item in read_items(folder.items(probe.name))}
        paths = [folder.scores(entry.label, entry.checkpoints[-1].step, probe.name) for entry in series if entry.steps]
        answers = [Scores.load(path) for path in paths if path.is_file()] if items else []
        units = sorted(set(items).intersection(*(scores.units.tolist() for scores in answers)))
        if not answers or not units:
            continue
        by_unit = [dict(zip(scores.units.tolist(), scores.columns["correct"], strict=True)) for scores in answers]
        correct = np.array([np.mean([values[unit] for values in by_unit]) for unit in units])
        gate = gates.check_direction(probe, Outcomes(*[correct] * 4), [items[unit] for unit in units])
        others = [entry for entry in records[probe.name] if entry["name"] != gate.name]
        records[probe.name] = [*others, asdict(gate)]
    if records:
        write_text(folder.gates, to_json(records))


@functools.cache
def seen_ngrams(corpus: StudyCorpus) -> dict[int, SeenNGrams]:
    """Return the training stories' n-grams, by length."""
    return {length: SeenNGrams.of(corpus.train, length) for length in (SEEN_ANSWER, SEEN_TEMPLATE)}


def _judge(
    folder: StudyFolder,
    probe: Probe,
    builder: Callable[[int], list[Item]],
    count: int,
    scorers: Mapping[str, Scorer],
    seen: Mapping[int, SeenNGrams],
) -> None:
    """Keep a set of questions that passes every gate; of one that does not, keep the reason."""
    for limit in (count, OVERSUPPLY * count):
        built = builder(limit)
        items = gates.admissible(probe, built, seen[SEEN_ANSWER], seen[SEEN_TEMPLATE])
        if len(items) >= count or len(built) < limit:
            break
    dropped, items = len(built) - len(items), items[:count]
    answers: dict[str, Outcomes] = {name: outcomes(items, scorer) for name, scorer in scorers.items()} if items else {}
    found = gates.check(probe, items, answers, seen[SEEN_ANSWER], seen[SEEN_TEMPLATE], dropped)
    folder.gates.parent.mkdir(parents=True, exist_ok=True)
    if all(gate.passed for gate in found):
        Scores(
            units=np.array([item.id for item in items]),
            clusters=np.array([item.cluster for item in items]),
            conditions=np.array([item.condition for item in items]),
            columns={name: answer.correct for name, answer in answers.items()},
        ).save(folder.baseline(probe.name))
        lines = [json.dumps(item.to_json(), ensure_ascii=False) + "\n" for item in items]
        write_text(folder.items(probe.name), "".join(lines))
    write_text(folder.gates, to_json({**_gates(folder), probe.name: [asdict(gate) for gate in found]}))


def _gates(folder: StudyFolder) -> dict[str, list[dict[str, object]]]:
    if not folder.gates.is_file():
        return {}
    records: dict[str, list[dict[str, object]]] = json.loads(folder.gates.read_text(encoding="utf-8"))
    return records
