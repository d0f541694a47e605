"""The questions, the held-out long stories, and what a model makes of them: the study's own panels."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from fabula.corpus.storyworld import tell_long
from fabula.files import write_text
from fabula.study import baselines
from fabula.study.corpus import StudyCorpus
from fabula.study.items import gates
from fabula.study.items.item import Item, outcomes, read_items
from fabula.study.items.templates import BUILDERS as TEMPLATES
from fabula.study.items.world import recalling
from fabula.study.items.world.mirroring import SERIES
from fabula.study.prepare import SEEN_ANSWER, SEEN_TEMPLATE, seen_ngrams
from fabula.study.probes import probe
from fabula.study.scores import Scores
from fabula.study.scoring.context_gain import context_gain
from fabula.study.scoring.language_model import LanguageModel
from fabula.study.scoring.likelihood import ModelScorer, score_items
from fabula.study.scoring.position import position_loss
from fabula.study.statistics import DRAWS
from fabula.study.statistics.bootstrap import ClusterBootstrap, over_seeds, seed_counts
from fabula.study.statistics.intervals import percentile_interval
from fabula.study.stories import HeldOutStory, held_out_stories

SEED = 7
"""Of the questions, the held-out stories, and the resamples."""
NEAR, FAR = 60, 200
"""Questions at each distance, and at the largest one."""
OVERSUPPLY = 2
"""So many times more are made, since some stand in the training text."""
TEMPLATE_ITEMS = 544
"""Questions of the probe `memory`, over all its distances."""
HELD_OUT = 60
"""Long stories that no corpus has, and no question is about."""
LONG = 600
"""Words of a long one, at least."""
LENGTHS = (16, 32, 64, 128, 256, 512, 1_024)
"""Tokens kept, of the context's worth."""
TARGETS = 160
WINDOWS = 16
QUESTIONS = (recalling.PROBE, "memory")


@dataclass(frozen=True)
class Material:
    """What every model is asked."""

    items: Mapping[str, list[Item]]
    """By probe."""
    held_out: Path
    """A file of long stories."""

    @classmethod
    def make(cls, folder: Path, corpus: StudyCorpus) -> "Material":
        """Read the questions and stories in a folder, or make them; no answer stands in the corpus's training text."""
        folder.mkdir(parents=True, exist_ok=True)
        held_out = folder / "held-out.jsonl"
        for name in QUESTIONS:
            if not (folder / f"{name}.jsonl").is_file():
                lines = [json.dumps(item.to_json(), ensure_ascii=False) + "\n" for item in _questions(name, corpus)]
                write_text(folder / f"{name}.jsonl", "".join(lines))
        if not held_out.is_file():
            told = (tell_long(SERIES + SEED + 1, index).text for index in count())
            long = islice((text for text in told if len(text.split()) >= LONG), HELD_OUT)
            write_text(held_out, "".join(json.dumps({"text": text}) + "\n" for text in long))
        return cls({name: read_items(folder / f"{name}.jsonl") for name in QUESTIONS}, held_out)

    def stories(self, model: LanguageModel) -> list[HeldOutStory]:
        """Return the held-out stories in a model's tokens."""
        return held_out_stories([self.held_out], model.tokenizer, model.end_of_text)


def _questions(name: str, corpus: StudyCorpus) -> list[Item]:
    seen = seen_ngrams(corpus)
    if name != recalling.PROBE:
        found = TEMPLATES[name](corpus, SEED, TEMPLATE_ITEMS)
        return gates.admissible(probe(name), found, seen[SEEN_ANSWER], seen[SEEN_TEMPLATE])
    found = recalling.build(SEED, OVERSUPPLY * FAR * len(recalling.DISTANCES))
    admitted = {item.id for item in gates.admissible(probe(name), found, seen[SEEN_ANSWER], None)}
    farthest = str(max(recalling.DISTANCES))
    taken: dict[str, list[Item]] = {}
    for first, second in zip(found[::2], found[1::2], strict=True):  # in pairs, so that each distance stays balanced
        group = taken.setdefault(first.condition, [])
        if {first.id, second.id} <= admitted and len(group) < (FAR if first.condition == farthest else NEAR):
            group += [first, second]
    return [item for group in taken.values() for item in group]


def check(corpus: StudyCorpus, material: Material) -> dict[str, list[dict[str, Any]]]:
    """Hold the questions against the study's gates, with the training text of a corpus."""
    scorers, seen = baselines.fit(corpus), seen_ngrams(corpus)
    found = {}
    for name, items in material.items.items():
        answers = {label: outcomes(items, scorer) for label, scorer in scorers.items()}
        checked = gates.check(probe(name), items, answers, seen[SEEN_ANSWER], seen[SEEN_TEMPLATE])
        found[name] = [{"gate": gate.name, "passed": gate.passed, "reason": gate.reason} for gate in checked]
    return found


def ask(model: LanguageModel, material: Material, name: str) -> Scores:
    """Measure one panel of a model."""
    return PANELS[name](model, material)


def _answers(name: str) -> Callable[[LanguageModel, Material], Scores]:
    def answers(model: LanguageModel, material: Material) -> Scores:
        scorer = ModelScorer(model)
        return score_items([item for item in material.items[name] if scorer.fits(item)], model)

    return answers


def _context_gain(model: LanguageModel, material: Material) -> Scores:
    return context_gain(model, material.stories(model), TARGETS, SEED, LENGTHS)


def _position(model: LanguageModel, material: Material) -> Scores:
    return position_loss(model, material.stories(model), WINDOWS)


PANELS: dict[str, Callable[[LanguageModel, Material], Scores]] = {
    **{name: _answers(name) for name in QUESTIONS},
    "context_gain": _context_gain,
    "position": _position,
}
COLUMNS = {**dict.fromkeys(QUESTIONS, ("correct", "margin")), "context_gain": ("gain",), "position": ("raw", "alone")}
"""What is reported of each panel."""


def estimates(by_seed: Mapping[int, Scores], column: str) -> list[dict[str, Any]]:
    """Return the mean of a column under each condition, over all seeds, with its interval over stories and seeds.

    Args:
        by_seed: one panel's scores of runs that differ only in their seed, of the same units.
        column: which of the panel's columns.
    """
    first = next(iter(by_seed.values()))
    bootstrap = ClusterBootstrap(first.clusters.tolist(), DRAWS, SEED)
    weights_DS = seed_counts(len(by_seed), DRAWS, SEED)
    return [_estimate(list(by_seed.items()), column, name, bootstrap, weights_DS) for name in _ordered(first)]


def _estimate(
    by_seed: Sequence[tuple[int, Scores]],
    column: str,
    condition: str,
    bootstrap: ClusterBootstrap,
    weights_DS: np.ndarray,
) -> dict[str, Any]:
    sums = []
    for _, scores in by_seed:
        mine = scores.conditions == condition
        sums.append(bootstrap.sums(bootstrap.index(scores.clusters[mine].tolist()), scores.columns[column][mine]))
    low, high = percentile_interval(over_seeds(bootstrap.means(sums), weights_DS))
    means = [entry.mean for entry in sums]
    return {
        "condition": condition,
        "value": float(np.mean(means)),
        "low": low,
        "high": high,
        "units": int(sums[0].denominators.sum()),
        "by_seed": {str(seed): mean for (seed, _), mean in zip(by_seed, means, strict=True)},
    }


def _ordered(scores: Scores) -> list[str]:
    return sorted(np.unique(scores.conditions).tolist(), key=int)
