"""Build gates: what a set of questions must be before its answers may mean anything.

A set is refused when simple rules already answer it, when length gives its right answers away, when it stands in the
training text, when it is too small, when it repeats itself, or when its labels look exchanged.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fabula.study.baselines.seen import SeenNGrams
from fabula.study.baselines.simple import Length
from fabula.study.items.item import TIE, Floats, Item, Outcomes
from fabula.study.probes import Probe
from fabula.study.text import word_spans

MIN_ITEMS = 30
MIN_CLUSTERS = 10
MAX_DUPLICATES = 0.02
MARGIN = 0.05
"""A baseline may be this much above chance; a trained model may be this much below it."""
NORMAL_95 = 1.6449
"""Quantile of the normal distribution behind one-sided 95 % bounds."""
LENGTH_P = 0.01
DIRECTION_P = 0.01
FAMILY_SHARE = 0.1
"""A family of templates goes when more than this share of its questions stands in the training text: then it is the
wording of the family that is known, not a chance filling."""
TIED = {
    "D1": ("unigram", "bigram", "fivegram", "cache-0.1", "cache-0.3", "overlap", "target-only"),
    "D2": ("unigram", "bigram", "fivegram", "target-only"),
}
"""Baselines that must tie on every question of a design."""
BLIND = {"D2": ("overlap",), "D3": ("target-only", "unigram", "overlap")}
"""Baselines that must not beat chance: they see no context, or no order of words. The 5-gram and the caches may; they
are what a model is compared with."""
DIRECTED = {"D3": ("fivegram", "cache-0.3"), "D4": ("fivegram",)}
"""Baselines that know something of the answer, if anything does: they must not prefer the wrong one."""
WORLD = "world_"
"""Start of the names of probes in the story world's wording, which its own training stories share by design; that 8
words of a question stand there says nothing about what happened in the question."""


@dataclass(frozen=True)
class Gate:
    """One check of a set of questions."""

    name: str
    passed: bool
    value: float | None
    """What was measured; None where nothing could be."""
    limit: float | None
    """What it was held against."""
    reason: str
    """One sentence for the report."""


def drop_seen(items: Sequence[Item], seen: SeenNGrams) -> list[Item]:
    """Return the items of which no right answer stands in the training text, together with the words before it.

    Only n-grams that reach into the target are looked at: others can't give it away.
    """
    return [item for item, known in zip(items, _seen(items, seen), strict=True) if not known]


def drop_seen_families(items: Sequence[Item], seen: SeenNGrams) -> list[Item]:
    """Do as `drop_seen`, and drop all of a family (a cluster) of which more than `FAMILY_SHARE` is seen."""
    known = _seen(items, seen)
    sizes = Counter(item.cluster for item in items)
    hits = Counter(item.cluster for item, is_known in zip(items, known, strict=True) if is_known)
    return [
        item
        for item, is_known in zip(items, known, strict=True)
        if not is_known and hits[item.cluster] <= FAMILY_SHARE * sizes[item.cluster]
    ]


def admissible(probe: Probe, items: Sequence[Item], seen13: SeenNGrams, seen8: SeenNGrams | None) -> list[Item]:
    """Return the items that stand in the training text neither with 13 words nor, for templates, with 8."""
    kept = drop_seen(items, seen13)
    return drop_seen_families(kept, seen8) if seen8 and is_template(probe) else kept


def is_template(probe: Probe) -> bool:
    """Say whether a probe's items are templates, whose wording must be new; the story world's is not meant to be."""
    return probe.design == "D1" and not probe.name.startswith(WORLD)


def check(
    probe: Probe,
    items: Sequence[Item],
    baseline: Mapping[str, Outcomes],
    seen13: SeenNGrams,
    seen8: SeenNGrams | None = None,
    dropped: int = 0,
) -> list[Gate]:
    """Hold a set of questions against every gate of its probe's design.

    Args:
        probe: what is measured.
        items: what `admissible` left.
        baseline: what each baseline of `fabula.study.baselines.fit` answered; may be empty without items.
        seen13: 13-grams of the training text.
        seen8: its 8-grams; None: templates are not held against them.
        dropped: how many questions `admissible` took away, for the report.
    """
    gates = [_enough(items), _clusters(items)]
    if not items:
        return gates
    gates += [_duplicates(items), _train(items, seen13, dropped)]
    if seen8 and is_template(probe):
        gates.append(_template(items, seen8))
    if probe.design in TIED:
        gates.append(_ties(probe, items, {name: baseline[name] for name in TIED[probe.design]}))
    if probe.design in BLIND:
        gates.append(_blind(probe, len(items), {name: baseline[name] for name in BLIND[probe.design]}))
    if probe.design == "D3":
        gates.append(_length(items))
    for name in DIRECTED.get(probe.design, ()):
        gates.append(_direction(f"direction of {name}", f"the baseline {name}", probe, baseline[name], items))
    return gates


def check_direction(probe: Probe, reference: Outcomes, items: Sequence[Item] = ()) -> Gate:
    """Hold a set's labels against a trained model: the only check of direction where every n-gram ties (D1, D2).

    It finds exchanged labels only of a probe that the model can do, and it can't tell them from a model that prefers
    the wrong answer, as small models do in some probes; so it takes more than `MARGIN`, and somebody has to look.

    Args:
        probe: what was measured.
        reference: what the last checkpoint answered.
        items: the questions, for their clusters; empty: each is its own.
    """
    return _direction("direction of a trained model", "the trained model", probe, reference, items, MARGIN)


def _enough(items: Sequence[Item]) -> Gate:
    passed = len(items) >= MIN_ITEMS
    reason = f"there are {len(items):,} questions; {MIN_ITEMS} are needed"
    return Gate("questions", passed, len(items), MIN_ITEMS, reason)


def _clusters(items: Sequence[Item]) -> Gate:
    count = len({item.cluster for item in items})
    reason = f"the questions come from {count:,} stories or families of templates; {MIN_CLUSTERS} are needed"
    return Gate("sources", count >= MIN_CLUSTERS, count, MIN_CLUSTERS, reason)


def _duplicates(items: Sequence[Item]) -> Gate:
    different = {(tuple(sorted(item.contexts)), tuple(sorted(item.targets))) for item in items}
    share = 1 - len(different) / len(items)
    reason = f"{share:.1%} of the questions repeat another; less than {MAX_DUPLICATES:.0%} may"
    return Gate("duplicates", share < MAX_DUPLICATES, share, MAX_DUPLICATES, reason)


def _train(items: Sequence[Item], seen: SeenNGrams, dropped: int) -> Gate:
    share = float(np.mean(_seen(items, seen)))
    left_out = f"; {dropped:,} that had were left out" if dropped else ""
    reason = f"{share:.1%} of the right answers have {seen.n} words in a row of the training text; none may{left_out}"
    return Gate("training text", share == 0, share, 0.0, reason)


def _template(items: Sequence[Item], seen: SeenNGrams) -> Gate:
    share = float(np.mean(_seen(items, seen)))
    reason = f"{share:.1%} of the templates' answers have {seen.n} words in a row of the training text; none may"
    return Gate("template in training text", share == 0, share, 0.0, reason)


def _ties(probe: Probe, items: Sequence[Item], baseline: Mapping[str, Outcomes]) -> Gate:
    """Every question must tie, not only their mean: a mean can hide two errors."""
    chance = np.array([item.chance for item in items])
    preferring = {name: float(np.mean(_prefers(answers, chance))) for name, answers in baseline.items()}
    worst = max(preferring, key=lambda name: preferring[name])
    if preferring[worst] == 0:
        reason = f"every simple rule gets exactly {probe.chance:.0%}, question by question"
        return Gate("exact ties", True, 0.0, 0.0, reason)
    reason = f"the baseline {worst} prefers an answer in {preferring[worst]:.1%} of the questions, which must be ties"
    return Gate("exact ties", False, preferring[worst], 0.0, reason)


def _blind(probe: Probe, count: int, baseline: Mapping[str, Outcomes]) -> Gate:
    """Refuse more than 5 points above chance, unless a set so small shows that by accident.

    The one-sided 95 % Wilson bound must be above chance too: with 60 questions that takes 61 %, and from some 270 on
    the 5 points decide alone.
    """
    accuracies = {name: float(answers.correct.mean()) for name, answers in baseline.items()}
    worst = max(accuracies, key=lambda name: accuracies[name])
    accuracy, limit = accuracies[worst], probe.chance + MARGIN
    refused = accuracy > limit and _wilson_low(accuracy, count) > probe.chance
    verdict = "too much above" if refused else "within noise of" if accuracy > limit else "not above 5 points over"
    reason = f"the baseline {worst} gets {accuracy:.1%}, {verdict} chance ({probe.chance:.0%}) with {count:,} questions"
    return Gate("blind rules", not refused, accuracy, limit, reason)


def _length(items: Sequence[Item]) -> Gate:
    """Compare the length of each right target with the mean of the wrong ones, in words that count: paired t-test."""
    differences = []
    for item in items:
        lengths = -Length().log_likelihoods(item.requests()[: len(item.targets)])
        differences.append(lengths[item.gold] - np.delete(lengths, item.gold).mean())
    mean = float(np.mean(differences))
    p = _p_of_mean(np.array(differences), 0.0, "two-sided")
    compared = "as long as" if p >= LENGTH_P else "longer than" if mean > 0 else "shorter than"
    reason = f"right answers are {compared} wrong ones ({mean:+.2f} words, p = {p:.2g})"
    return Gate("length", p >= LENGTH_P, mean, 0.0, reason)


def _direction(
    name: str, who: str, probe: Probe, answers: Outcomes, items: Sequence[Item], margin: float = 0.0
) -> Gate:
    """Refuse what is below chance by more than `margin`, with p < `DIRECTION_P` in a t-test over clusters."""
    values = answers.correct
    accuracy = float(values.mean())
    if items:
        values = _cluster_means(values, [item.cluster for item in items])
    p = _p_of_mean(values, probe.chance, "less")
    flipped = accuracy < probe.chance - margin and p < DIRECTION_P
    found = f"{who} gets {accuracy:.1%}, chance is {probe.chance:.0%}"
    reason = f"the labels look flipped, or the wrong answer is preferred: {found} (p = {p:.2g})" if flipped else found
    return Gate(name, not flipped, accuracy, probe.chance, reason)


def _seen(items: Sequence[Item], seen: SeenNGrams) -> list[bool]:
    """Say of each item whether an n-gram that reaches into a right target is in the training text."""
    answers = [_right(item) for item in items]
    windows = seen.windows([_window(*pair, seen.n) for pairs in answers for pair in pairs])
    owners = np.repeat(np.arange(len(items)), [len(pairs) for pairs in answers])
    hits = np.bincount(owners, [window.any() for window in windows], len(items))
    return [bool(hit) for hit in hits]


def _right(item: Item) -> list[tuple[str, str]]:
    """Return every context with the target that belongs to it."""
    if item.design == "mirrored":
        return list(zip(item.contexts, item.targets, strict=True))
    if item.design == "contrast":
        return [(item.contexts[item.gold], item.targets[0])]
    return [(item.contexts[0], item.targets[item.gold])]


def _prefers(answers: Outcomes, chance: Floats) -> NDArray[np.bool_]:
    """Say where an answer leads or trails at all; all three columns, because two errors may cancel out in one."""
    beside = np.abs([answers.correct - chance, answers.choice - chance, answers.margin])
    return np.asarray((beside > TIE).any(0))


def _window(context: str, target: str, n: int) -> str:
    """Return a target with the n - 1 words before it."""
    text = context + target
    before = [start for start, _ in word_spans(text) if start < len(context)][-(n - 1) :]
    return text[before[0] :] if before else target


def _cluster_means(values: Floats, clusters: Sequence[str]) -> Floats:
    _, place = np.unique(clusters, return_inverse=True)
    means: Floats = np.bincount(place, values) / np.bincount(place)
    return means


def _p_of_mean(values: Floats, expected: float, alternative: str) -> float:
    """Return the p-value of a one-sample t-test; values without any spread prove or disprove by themselves."""
    if np.ptp(values) < TIE:
        beside = {"less": values[0] < expected - TIE, "two-sided": abs(values[0] - expected) > TIE}
        return 0.0 if len(values) > 1 and beside[alternative] else 1.0
    return float(stats.ttest_1samp(values, expected, alternative=alternative).pvalue)


def _wilson_low(share: float, count: int) -> float:
    """Return the lower end of a share's one-sided 95 % Wilson interval."""
    z2 = NORMAL_95**2
    centre = share + z2 / (2 * count)
    spread = NORMAL_95 * sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return (centre - spread) / (1 + z2 / count)
