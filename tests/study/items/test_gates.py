"""Every gate lets a sound set of questions pass and refuses one with its own defect."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from fabula.study.baselines.seen import SeenNGrams
from fabula.study.baselines.simple import Overlap, TargetOnly
from fabula.study.baselines.words import WordNGram, WordTables
from fabula.study.items import gates
from fabula.study.items.gates import Gate
from fabula.study.items.item import Item, Outcomes, Scorer, outcomes
from fabula.study.probes import probe
from tests.study.baselines.texts import NAMES, PLACES, THINGS, made_stories

BASELINES = ("unigram", "bigram", "fivegram", "cache-0.1", "cache-0.3", "overlap", "target-only")


@pytest.fixture(scope="module")
def seen13() -> SeenNGrams:
    return SeenNGrams.of(made_stories(200), 13)


@pytest.fixture(scope="module")
def seen8() -> SeenNGrams:
    return SeenNGrams.of(made_stories(200), 8)


@pytest.fixture(scope="module")
def scorers() -> dict[str, Scorer]:
    tables = WordTables.fit(made_stories(200))
    five = WordNGram(tables, 5)
    return {
        "unigram": WordNGram(tables, 1),
        "bigram": WordNGram(tables, 2),
        "fivegram": five,
        "cache-0.1": WordNGram(tables, 5, 0.1),
        "cache-0.3": WordNGram(tables, 5, 0.3),
        "overlap": Overlap(),
        "target-only": TargetOnly(five),
    }


def mirrored(count: int = 60) -> list[Item]:
    """D1: two things in two places."""
    found = []
    for number in range(count):
        a, b = THINGS[number % 5], THINGS[(number + 1 + number // 5 % 4) % 5]
        one, two = NAMES[number % 4], NAMES[(number + 1) % 4]
        contexts = (
            f"{one} hid the {a} in box {number}. {two} hid the {b} at home. {one} opened box {number} and saw the",
            f"{one} hid the {b} in box {number}. {two} hid the {a} at home. {one} opened box {number} and saw the",
        )
        found.append(Item("binding", f"family-{number % 15}", "mirrored", contexts, (f" {a}.", f" {b}.")))
    return found


def natural(count: int = 60, name: str = "intruder") -> list[Item]:
    """D3 or D4: a right sentence and a wrong one."""
    found = []
    for number in range(count):
        thing, place = THINGS[number % 5], PLACES[number % 4]
        targets = (f" Then {thing} {number} fell down.", f" Then {place} {number} blew up.")
        gold = number % 2
        design = "pmi" if name == "intruder" else "choice"
        found.append(
            Item(name, f"story-{number}", design, (f"A day in town {number}.",), targets[:: 1 - 2 * gold], gold)  # type: ignore[arg-type]
        )
    return found


def flipped(items: Sequence[Item]) -> list[Item]:
    """Exchange the right answer and a wrong one."""
    found = []
    for item in items:
        answers = max(len(item.contexts), len(item.targets))
        changed = {"targets": item.targets[::-1]} if item.design == "mirrored" else {"gold": (item.gold + 1) % answers}
        found.append(replace(item, **changed))  # type: ignore[arg-type]
    return found


def answered(items: Sequence[Item], **accuracy: float) -> dict[str, Outcomes]:
    """Baselines that tie on every question, but for those whose accuracy is given."""
    found = {}
    for name in BASELINES:
        share = accuracy.get(name.replace("-", "_").replace(".", "_"))
        right = np.array([item.chance for item in items])
        margin = np.zeros(len(items))
        if share is not None:
            right = (np.arange(len(items)) < round(share * len(items))).astype(np.float64)
            margin = right * 2 - 1
        found[name] = Outcomes(right, margin, right, right)
    return found


def failed(found: Sequence[Gate]) -> list[str]:
    return [gate.name for gate in found if not gate.passed]


def gate(found: Sequence[Gate], name: str) -> Gate:
    return next(entry for entry in found if entry.name == name)


def test_sound_sets_pass_every_gate(seen13: SeenNGrams, seen8: SeenNGrams, scorers: Mapping[str, Scorer]) -> None:
    for name, items in (("binding", mirrored()), ("intruder", natural()), ("connective", natural(name="connective"))):
        kept = gates.admissible(probe(name), items, seen13, seen8)
        assert kept == items
        answers = {key: outcomes(kept, scorer) for key, scorer in scorers.items()}
        found = gates.check(probe(name), kept, answers, seen13, seen8)
        if name == "binding":
            assert failed(found) == []
        assert not {"questions", "sources", "duplicates", "training text", "exact ties"} & set(failed(found))
        assert all(entry.reason and "\n" not in entry.reason for entry in found)


def test_few_questions_or_few_sources_are_refused(seen13: SeenNGrams) -> None:
    items = natural(29)
    assert failed(gates.check(probe("intruder"), items, answered(items), seen13)) == ["questions"]
    items = [replace(item, cluster=f"story-{number % 9}") for number, item in enumerate(natural())]
    assert failed(gates.check(probe("intruder"), items, answered(items), seen13)) == ["sources"]
    assert failed(gates.check(probe("intruder"), [], {}, seen13)) == ["questions", "sources"]


def test_repeated_questions_are_refused_even_with_the_answers_exchanged(seen13: SeenNGrams) -> None:
    items = natural(98)
    turned = [replace(item, targets=item.targets[::-1], gold=1 - item.gold) for item in items[:2]]
    assert failed(gates.check(probe("intruder"), items + turned[:1], answered(items + turned[:1]), seen13)) == []
    assert failed(gates.check(probe("intruder"), items + turned, answered(items + turned), seen13)) == ["duplicates"]


def test_right_answers_of_the_training_text_are_dropped_or_refused(seen13: SeenNGrams) -> None:
    train = made_stories(3)[2]
    cut = train.index("asked")
    known = Item("intruder", "known", "pmi", (train[:cut].strip(),), (f" {train[cut:]}", " They swam far away."))
    other = replace(known, gold=1)
    early = replace(known, targets=(" Why?", " They swam."))  # Only the context is known.
    items = [*natural(), known]
    assert gates.drop_seen([known, other], seen13) == [other]
    assert (
        gates.drop_seen(
            [replace(known, design="contrast", contexts=(train[:cut].strip(), "No."), targets=known.targets[:1])],
            seen13,
        )
        == []
    )
    assert gates.drop_seen([early], SeenNGrams.of([train], 13)) == [early]
    assert failed(gates.check(probe("intruder"), items, answered(items), seen13)) == ["training text"]
    found = gates.check(probe("intruder"), items[:-1], answered(items[:-1]), seen13, dropped=1)
    assert "1 that had were left out" in gate(found, "training text").reason


def test_a_template_in_the_training_text_is_dropped_with_its_family(seen13: SeenNGrams) -> None:
    items = mirrored()
    right = items[0].contexts[1] + items[0].targets[1]
    seen8 = SeenNGrams.of([right], 8)
    assert not gates.drop_seen(items[:1], SeenNGrams.of([right], 13))
    assert failed(gates.check(probe("binding"), items, answered(items), seen13, seen8)) == ["template in training text"]
    kept = gates.admissible(probe("binding"), items, seen13, seen8)
    assert "family-0" not in {item.cluster for item in kept}
    assert failed(gates.check(probe("binding"), kept, answered(kept), seen13, seen8)) == []
    world = gates.check(probe("world_binding"), items, answered(items), seen13, seen8)
    assert failed(world) == []  # The story world's wording is that of its training stories by design.


@pytest.mark.parametrize(("name", "baseline"), [("binding", "cache_0_1"), ("binding", "overlap"), ("order", "bigram")])
def test_a_broken_tie_is_refused_even_at_chance(name: str, baseline: str, seen13: SeenNGrams) -> None:
    items = mirrored() if name == "binding" else natural(name="order")
    found = gates.check(probe(name), items, answered(items, **{baseline: 0.5}), seen13)
    assert failed(found) == ["exact ties"]
    assert gate(found, "exact ties").value == 1


def test_a_template_that_ends_too_soon_breaks_the_tie(seen13: SeenNGrams, scorers: Mapping[str, Scorer]) -> None:
    items = [replace(item, contexts=(item.contexts[0], item.contexts[1] + " old")) for item in mirrored()]
    answers = {key: outcomes(items, scorer) for key, scorer in scorers.items()}
    assert "exact ties" in failed(gates.check(probe("binding"), items, answers, seen13))


def test_a_cache_may_differ_where_only_ngrams_must_tie(seen13: SeenNGrams) -> None:
    items = natural(name="order")
    assert failed(gates.check(probe("order"), items, answered(items, cache_0_3=0.7), seen13)) == []
    assert failed(gates.check(probe("order"), items, answered(items, overlap=0.7), seen13)) == ["blind rules"]


@pytest.mark.parametrize(
    ("count", "accuracy", "passes"), [(60, 0.58, True), (60, 0.62, False), (300, 0.54, True), (300, 0.56, False)]
)
@pytest.mark.parametrize("baseline", ["target_only", "unigram", "overlap"])
def test_blind_rules_above_chance_are_refused(
    count: int, accuracy: float, passes: bool, baseline: str, seen13: SeenNGrams
) -> None:
    items = natural(count)
    found = gates.check(probe("intruder"), items, answered(items, **{baseline: accuracy}), seen13)
    assert failed(found) == ([] if passes else ["blind rules"])
    assert gate(found, "blind rules").value == pytest.approx(accuracy, abs=0.01)


def test_a_strong_five_gram_is_a_baseline_not_a_defect(seen13: SeenNGrams) -> None:
    items = natural()
    assert failed(gates.check(probe("intruder"), items, answered(items, fivegram=0.9), seen13)) == []
    items = natural(name="grammar")
    assert failed(gates.check(probe("grammar"), items, answered(items, unigram=0.9), seen13)) == []


def test_right_answers_that_are_longer_are_refused(seen13: SeenNGrams) -> None:
    items = []
    for number, item in enumerate(natural()):
        targets = list(item.targets)
        targets[item.gold] += " really" if number % 3 else ""
        items.append(replace(item, targets=tuple(targets)))
    found = gates.check(probe("intruder"), items, answered(items), seen13)
    assert failed(found) == ["length"]
    assert "longer" in gate(found, "length").reason
    balanced = [
        replace(
            item,
            targets=tuple(t + (" really" if number % 4 // 2 == place else "") for place, t in enumerate(item.targets)),
        )
        for number, item in enumerate(natural())
    ]
    assert failed(gates.check(probe("intruder"), balanced, answered(balanced), seen13)) == []


def test_flipped_labels_of_a_plain_pair_are_refused(seen13: SeenNGrams, scorers: Mapping[str, Scorer]) -> None:
    targets = (" Pim looked in the barn.", " Barn the in looked Pim.")
    items = [Item("connective", f"story-{n}", "choice", (f"One day, Nia lost {n}.",), targets) for n in range(60)]
    for labelled, expected in ((items, []), (flipped(items), ["direction of fivegram"])):
        answers = {key: outcomes(labelled, scorer) for key, scorer in scorers.items()}
        found = gates.check(probe("connective"), labelled, answers, seen13)
        assert failed(found) == expected
    assert "the labels look flipped" in gate(found, "direction of fivegram").reason


def test_flipped_labels_of_templates_need_a_trained_model(scorers: Mapping[str, Scorer], seen13: SeenNGrams) -> None:
    class Reader:
        """Knows which thing went into the box that is opened."""

        def log_likelihoods(self, requests: Sequence[object]) -> np.ndarray:  # type: ignore[type-arg]
            return np.array([float(r.context.split(" the ")[1].split()[0] in r.target) for r in requests])  # type: ignore[attr-defined]

    items = mirrored()
    for labelled, passes in ((items, True), (flipped(items), False)):
        answers = {key: outcomes(labelled, scorer) for key, scorer in scorers.items()}
        assert failed(gates.check(probe("binding"), labelled, answers, seen13)) == []  # No n-gram can tell.
        assert gates.check_direction(probe("binding"), outcomes(labelled, Reader()), labelled).passed is passes


def test_a_direction_within_noise_passes() -> None:
    items = mirrored()
    for accuracy, passes in ((0.46, True), (0.3, False)):
        reference = answered(items, fivegram=accuracy)["fivegram"]
        assert gates.check_direction(probe("binding"), reference).passed is passes
    one_family = [replace(item, cluster="family") for item in items]
    assert gates.check_direction(probe("binding"), reference, one_family).passed


def test_gates_are_plain_values(seen13: SeenNGrams) -> None:
    items = natural()
    for entry in gates.check(probe("intruder"), items, answered(items), seen13):
        assert type(entry.passed) is bool
        assert type(entry.value) in (int, float)
