"""Everything that a report is made from, read once and found by name."""

import math
import random
import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from fabula.errors import UserError
from fabula.files import read_json
from fabula.study.folder import Series, StudiedCheckpoint, Study, StudyFolder
from fabula.study.generations.telling import Story, load_stories
from fabula.study.items.gates import Gate
from fabula.study.items.item import Item, read_items
from fabula.study.probes import CLAIMS, PROBES, Claim, Probe
from fabula.study.report.palette import LineStyle, styles
from fabula.study.results import (
    Acquisition,
    ClaimVerdict,
    Curves,
    PhaseTest,
    ProbeVerdict,
    Result,
    Verdicts,
    read_curves,
    read_results,
    read_verdicts,
)
from fabula.study.scores import Scores


class Evidence:
    """A study's findings, looked up by probe, part, measure and series."""

    def __init__(
        self,
        folder: StudyFolder,
        study: Study,
        results: Iterable[Result],
        verdicts: Verdicts,
        curves: Curves,
        all_probes: tuple[Probe, ...] = PROBES,
    ) -> None:
        """Index the results; `all_probes` are those that could have been run."""
        self.folder, self.study, self.verdicts, self.curves = folder, study, verdicts, curves
        self.all_probes = all_probes
        self._rows: dict[tuple[str, str, str, str], list[Result]] = {}
        for row in sorted(results, key=lambda row: row.step):
            self._rows.setdefault((row.probe, row.condition, row.measure, row.series), []).append(row)
        self.styles: Mapping[str, LineStyle] = styles(study.series)

    @cached_property
    def groups(self) -> dict[str, tuple[Series, ...]]:
        """Series by group, in the study's order."""
        found: dict[str, list[Series]] = {}
        for series in self.study.series:
            found.setdefault(series.group, []).append(series)
        return {name: tuple(members) for name, members in found.items()}

    @cached_property
    def measured(self) -> set[tuple[str, str]]:
        """Every (probe, measure) that has a result."""
        return {(probe, measure) for probe, _, measure, _ in self._rows}

    def rows(self, probe: str, series: str, measure: str = "value", condition: str = "") -> list[Result]:
        """Return one series' results of a probe, by step; empty when there are none."""
        return self._rows.get((probe, condition, measure, series), [])

    def conditions(self, probe: str, measure: str = "value") -> list[str]:
        """Return the parts of a probe that have results, numbers in their order."""
        found = {condition for name, condition, what, _ in self._rows if name == probe and what == measure}
        return sorted(found - {""}, key=lambda name: (leading_number(name), name))

    def measures(self, probe: str) -> list[str]:
        """Return what is measured of a probe."""
        return sorted({measure for name, _, measure, _ in self._rows if name == probe})

    def probes(self, claim: str | None = None) -> list[Probe]:
        """Return the probes with results, those of one claim or all, primary ones first."""
        found = [probe for probe in self.all_probes if (probe.name, "value") in self.measured]
        return sorted((p for p in found if claim in (None, p.claim)), key=lambda probe: not probe.primary)

    def probe(self, name: str) -> Probe:
        """Return the probe of that name; of one that this version doesn't know, no more than the name."""
        found = next((probe for probe in self.all_probes if probe.name == name), None)
        return found or Probe(name, claim="", title=name, question="", rule="none")

    def probe_verdict(self, probe: str, group: str) -> ProbeVerdict | None:
        """Return what a probe says about its claim."""
        return next((v for v in self.verdicts.probes if v.probe == probe and v.group == group), None)

    def claim_verdict(self, claim: str, group: str) -> ClaimVerdict | None:
        """Return the verdict on a claim."""
        return next((v for v in self.verdicts.claims if v.claim == claim and v.group == group), None)

    def acquisition(self, probe: str, series: str) -> Acquisition | None:
        """Return when a series learned a probe."""
        return next((a for a in self.curves.acquisitions if a.probe == probe and a.series == series), None)

    def phase_test(self, series: str) -> PhaseTest | None:
        """Return a series' test for phases."""
        return next((test for test in self.curves.phase_tests if test.series == series), None)

    @cached_property
    def gates(self) -> dict[str, tuple[Gate, ...]]:
        """The checks of each item set; empty when none are on record."""
        if not self.folder.gates.exists():
            return {}
        content = read_json(self.folder.gates)
        try:
            return {probe: tuple(Gate(**entry) for entry in entries) for probe, entries in content.items()}
        except (AttributeError, KeyError, TypeError) as error:
            raise UserError(f"{self.folder.gates} is not a record of gates: {error!r}") from None

    def items(self, probe: str) -> list[Item]:
        """Return a probe's items; empty when it has none."""
        return read_items(self.folder.items(probe))

    def drawn_items(self, probe: str, count: int = 3) -> tuple[list[Item], int]:
        """Return `count` items of a probe, drawn with the study's seed, and how many there are."""
        items = self.items(probe)
        drawn = random.Random(f"{self.study.seed} {probe}").sample(items, min(count, len(items)))
        return drawn, len(items)

    def stories(self, series: str, step: int) -> list[Story]:
        """Return what a checkpoint told; empty when it told nothing."""
        path = self.folder.stories(series, step)
        return load_stories(path) if path.exists() else []

    def control(self, name: str, panel: str) -> Scores | None:
        """Return what held-out or control text scores, if it is on record."""
        path = self.folder.control(name, panel)
        return Scores.load(path) if path.exists() else None


def gather(folder: StudyFolder) -> Evidence:
    """Read a study's files.

    Raises:
        UserError: one is missing or damaged.
    """
    return Evidence(
        folder,
        folder.study(),
        read_results(folder.results),
        read_verdicts(folder.verdicts),
        read_curves(folder.curves),
    )


def claims_by_phase() -> list[Claim]:
    """Return the card's claims: those with a phase in its order, then the others."""
    return sorted(CLAIMS, key=lambda claim: (claim.phase is None, claim.phase or 0))


def last(series: Series) -> StudiedCheckpoint:
    """Return a series' last checkpoint."""
    return series.checkpoints[-1]


def leading_number(text: str) -> float:
    """Return the number that a condition begins with, by which it is ordered; infinity without one."""
    found = re.match(r"\d+(\.\d+)?", text)
    return float(found[0]) if found else math.inf
