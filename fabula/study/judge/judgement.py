"""What a judge's answers say, source by source, and whether they may be believed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.table import Table

from fabula.study.judge.answers import Answers
from fabula.study.judge.rubric import AGE_GROUPS, GRADES, JudgedStory, Question, content_of
from fabula.study.statistics import ratio_intervals

MUST_RANK = 0.8
"""Smallest AUC of held-out over glued stories with which a judge is believed."""


@dataclass(frozen=True)
class SourceGrades:
    """What the stories of one source got."""

    source: str
    stories: int
    """Stories with at least one answer that could be read."""
    means: dict[str, float]
    """Mean grade by name, and `overall`: the mean of the four."""
    intervals: dict[str, tuple[float, float]]
    """95 % bootstrap intervals over stories; empty for a single story."""
    age_groups: dict[str, float]
    """Share of each age group among the answers."""

    def cells(self, names: Sequence[str]) -> list[str]:
        """Return the row of a table: source, stories, each grade with its interval, the commonest age group."""
        cells = []
        for name in names:
            low, high = self.intervals.get(name, (np.nan, np.nan))
            cells.append(f"{self.means[name]:.2f} [{low:.2f}, {high:.2f}]")
        letter = max(self.age_groups, key=self.age_groups.__getitem__)
        return [self.source, f"{self.stories:,}", *cells, f"{AGE_GROUPS[letter]} ({self.age_groups[letter]:.0%})"]


@dataclass(frozen=True)
class Judgement:
    """What a judge said, if it may be believed."""

    model: str
    prompt_sha256: str
    repeats: int
    anchors: tuple[SourceGrades, ...]
    auc: float
    """Probability that a held-out story is graded above a glued one, ties shared."""
    believed: bool
    scores: tuple[SourceGrades, ...]
    """By source; empty when the judge isn't believed: then nothing but the anchors was asked."""
    answers: int
    unreadable: int
    """Answers without the form asked for, after `TRIES` attempts."""

    def to_json(self) -> dict[str, Any]:
        """Return the record that judgement.json holds."""
        return asdict(self)

    def table(self) -> Table:
        """Return what a person wants to know: the anchors first, then the checkpoints, if the judge is believed."""
        names = (*GRADES, "overall")
        shown = Table(title=f"Judge {self.model}", title_justify="left", caption=self.caption(), caption_justify="left")
        for column in ("stories of", "n", *names, "age"):
            shown.add_column(column, overflow="fold")
        for grades in self.anchors:
            shown.add_row(*grades.cells(names))
        shown.add_section()
        for grades in self.scores:
            shown.add_row(*grades.cells(names))
        return shown

    def caption(self) -> str:
        """Return how far the judge may be believed."""
        verdict = (
            "its grades are shown, and may not be compared with another judge's"
            if self.believed
            else f"below {MUST_RANK} it can't tell stories from nonsense, so it grades no checkpoint"
        )
        return (
            f"Held-out stories are graded above glued ones with probability {self.auc:.2f}: {verdict}. "
            f"{self.answers:,} answers, {self.unreadable:,} unreadable; prompt {self.prompt_sha256[:12]}."
        )


def _story_grades(
    stories: Iterable[JudgedStory], repeats: int, answers: Answers
) -> list[tuple[dict[str, float], list[str]]]:
    """Return for each story its mean grades over the repeats, and its age groups; stories without any are left out."""
    found = []
    for story in stories:
        keys = [Question(content_of(story), repeat).key for repeat in range(repeats)]
        grades = [read for key in keys if (read := answers.grades(key)) is not None]
        if grades:
            means = {name: float(np.mean([entry[name] for entry in grades])) for name in GRADES}
            means["overall"] = float(np.mean([means[name] for name in GRADES]))
            found.append((means, [entry["age_group"] for entry in grades]))
    return found


def overall_grades(stories: Sequence[JudgedStory], source: str, repeats: int, answers: Answers) -> list[float]:
    """Return the overall grade of each story of a source."""
    chosen = (story for story in stories if story.source == source)
    return [means["overall"] for means, _ in _story_grades(chosen, repeats, answers)]


def auc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Return the probability that a positive is above a negative, ties shared (Mann and Whitney, 1947)."""
    above = np.subtract.outer(positives, negatives)
    return float(np.mean((above > 0) + 0.5 * (above == 0))) if above.size else 0.0


def by_source(stories: Sequence[JudgedStory], repeats: int, answers: Answers) -> tuple[SourceGrades, ...]:
    """Return what each source's stories got, in the order in which the sources come."""
    members: dict[str, list[JudgedStory]] = {}
    for story in stories:
        members.setdefault(story.source, []).append(story)
    found = {source: _story_grades(part, repeats, answers) for source, part in members.items()}
    return tuple(_source_grades(source, graded) for source, graded in found.items() if graded)


def _source_grades(source: str, graded: Sequence[tuple[Mapping[str, float], list[str]]]) -> SourceGrades:
    names = [*GRADES, "overall"]
    table = np.array([[means[name] for means, _ in graded] for name in names])
    intervals = ratio_intervals(table, np.ones_like(table))
    ages = Counter(age for _, group in graded for age in group)
    return SourceGrades(
        source=source,
        stories=len(graded),
        means=dict(zip(names, table.mean(1).tolist(), strict=True)),
        intervals=dict(zip(names, intervals, strict=True)) if intervals else {},
        age_groups={letter: ages[letter] / ages.total() for letter in AGE_GROUPS if ages[letter]},
    )
