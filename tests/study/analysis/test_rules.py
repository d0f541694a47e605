"""The pre-registered rules agree with the registry of probes."""

import hashlib
from pathlib import Path

import pytest

import fabula.study
from fabula.study.analysis.rules import Rules
from fabula.study.probes import CLAIMS, PROBES
from fabula.training.series import PHASES


def test_the_registry_and_the_rules_name_the_same_primary_probes():
    registered = {claim.name: {p.name for p in PROBES if p.claim == claim.name and p.primary} for claim in CLAIMS}
    assert {claim: set(names) for claim, names in Rules.load().primary.items()} == registered


def test_claimed_windows_are_the_phases_of_the_card():
    windows = Rules.load().windows
    for claim in CLAIMS:
        if claim.phase is None:
            assert claim.name not in windows
        else:
            assert windows[claim.name] == (PHASES[claim.phase], PHASES[claim.phase + 1])


def test_every_rule_has_its_threshold():
    rules = Rules.load()
    gains = {p.name for p in PROBES if p.primary and p.rule == "gain"}
    assert gains <= set(rules.gains)
    assert rules.precondition in rules.gains
    assert set(rules.gains) <= {p.name for p in PROBES if p.rule == "gain"}
    assert all(p.control for p in PROBES if p.primary and p.rule == "band")


def test_the_hash_is_that_of_the_file():
    content = (Path(fabula.study.__file__).parent / "verdicts.toml").read_bytes()
    assert Rules.load().sha256 == hashlib.sha256(content).hexdigest()


def test_windows_scale_with_the_run():
    rules = Rules.load()
    assert rules.window("C2", 4_000) == (250, 1_000)
    assert rules.window("C2", 8_000) == (500, 2_000)
    assert rules.window("C2", 0) is None
    assert rules.window("C6", 4_000) is None
    assert rules.above_baseline == pytest.approx(0.05)
