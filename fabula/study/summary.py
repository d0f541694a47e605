"""The verdicts for a terminal: what a study says at its end."""

from dataclasses import asdict
from typing import Any

from rich.table import Table

from fabula.study.folder import StudyFolder
from fabula.study.probes import CLAIMS, probe
from fabula.study.results import ProbeVerdict, Verdicts, read_verdicts

MARKS = {
    "supported": "[green]● supported[/]",
    "not supported": "[red]○ not supported[/]",
    "inconclusive": "◐ inconclusive",
}


def to_json(folder: StudyFolder) -> dict[str, Any]:
    """Return the record that `fabula study --json` prints."""
    return {"report": str(folder.report), **asdict(read_verdicts(folder.verdicts))}


def table(folder: StudyFolder) -> Table:
    """Return the verdicts on every claim of every group of series, with the numbers that decided."""
    verdicts = read_verdicts(folder.verdicts)
    shown = Table(title=f"Verdicts (rules version {verdicts.rules_version})", title_justify="left")
    several = len({entry.group for entry in verdicts.claims}) > 1
    for column in (*["model"] * several, "claim", "capability", "when claimed", "decided by"):
        shown.add_column(column, overflow="fold")
    titles = {claim.name: claim.title for claim in CLAIMS}
    for entry in verdicts.claims:
        timing = "-" if entry.timing is None else MARKS[entry.timing]
        shown.add_row(
            *[entry.group] * several,
            f"{entry.claim} {titles[entry.claim]}",
            MARKS[entry.capability],
            timing,
            _decided(verdicts, entry.group, entry.decided_by),
        )
    return shown


def _decided(verdicts: Verdicts, group: str, name: str) -> str:
    found = [entry for entry in verdicts.probes if entry.group == group and entry.probe == name]
    return f"{probe(name).title}: {_number(found[0])}" if found else name


def _number(entry: ProbeVerdict) -> str:
    if entry.value is None:
        return entry.reason
    interval = f" [{entry.interval[0]:.3f}, {entry.interval[1]:.3f}]" if entry.interval else ""
    baseline = "" if entry.baseline is None else f", baseline {entry.baseline:.3f}"
    return f"{entry.value:.3f}{interval}{baseline}"
