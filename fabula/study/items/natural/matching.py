"""Wrong sentences that only their story gives away: as long as the right one, as familiar, with the same characters.

A sentence of another story gets this story's names, for each the name of a character with the same pronoun. It may
differ from the right one by two words in length, by 0.06 in the share of its words that the context has, and by 0.12
in the share of its content words. Over all items these differences cancel: the right sentence is the longest one, the
one with most known words, as often as a random one.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fabula.study.cast import KIN
from fabula.study.items.natural.narratives import Narrative, Narratives
from fabula.study.items.natural.sentence_rows import GENDERS, PRONOUNS, Floats, Rows, word_keys
from fabula.study.text import Span

LIMITS = np.array([2, 0.06, 0.12, 5.0, 30.0])
"""Largest differences between a right and a wrong sentence in what `Rows.against` returns."""
WEIGHTS = np.array([8.0, 100.0, 4.0, 100.0, 1.0])
"""How much it matters that differences cancel: most for known words and for what a cache gains by them."""
PLACE = 0.25
"""Largest difference between their relative places in their stories."""
DRAWN = 4_096
"""Candidates that are compared with one right sentence."""
TRIED = 30
"""Best candidates whose names are tried."""
KIN_WORD = re.compile(rf"\b(?:{'|'.join(sorted(KIN))})s?\b", re.IGNORECASE)
SIMILAR = 0.35
"""Part of their content words that the answers to one question may share."""


def characters(story: Narrative, start: int, stop: int) -> list[str]:
    """Return the names within characters [start, stop), those that are mentioned most often first."""
    return [name for name, _ in Counter(story.names(start, stop)).most_common()]


def renaming(needed: Sequence[str], offered: Sequence[str], pronoun: Callable[[str], str]) -> dict[str, str] | None:
    """Give each name that is needed an own one of those offered, of the same pronoun, first to first.

    Returns None when there are too few.
    """
    left = list(offered)
    chosen: dict[str, str] = {}
    for name in needed:
        match = next((other for other in left if pronoun(other) == pronoun(name)), None)
        if match is None:
            return None
        left.remove(match)
        chosen[name] = match
    return chosen


def renamed(story: Narrative, span: Span, names: dict[str, str]) -> str:
    """Return the characters `span` of a story with other names."""
    start, stop = span
    parts = []
    for first, last, name in story.mentions:
        if start <= first and last <= stop:
            parts += [story.text[start:first], names[name]]
            start = last
    return "".join([*parts, story.text[start:stop]])


@dataclass(eq=False)
class Matcher:
    """The search for wrong answers among sentences."""

    material: Narratives
    rows: Rows
    count: int
    """Wrong answers to each question."""
    used: NDArray[np.int64] = field(init=False)
    """How often each sentence has been a wrong answer."""
    credit: Floats = field(init=False)
    """For each property: right answers to the questions so far of who prefers the highest value, minus chance."""
    lead: float = 0.0
    """Words by which wrong answers have been longer, summed."""

    def __post_init__(self) -> None:
        self.used = np.zeros(len(self.rows.sentences), np.int64)
        self.credit = np.zeros(len(LIMITS))

    def wrong_answers(self, row: int, chance: random.Random) -> list[str] | None:
        """Return sentences that match sentence `row` after its context, with this story's names; None: too few."""
        story, number = self.rows.sentences[row]
        start = story.spans[number][0]
        offered = characters(story, 0, start)
        if not set(story.names(*story.spans[number])) <= set(offered):
            return None
        context = word_keys(story.text[:start])
        names = len(story.names(0, start)) if offered else 0
        drawn = self._alike(row, offered, context, chance)
        right, *others = self.rows.against(np.array([row, *drawn]), context, names / max(1, len(offered)))
        differences = np.array(others).reshape(-1, len(LIMITS)) - right
        kept = (np.abs(differences) <= LIMITS + 1e-9).all(1)
        found = self._chosen(row, drawn[kept], differences[kept], offered)
        if found is None:
            return None
        chosen, texts, signs = found
        self.used[chosen] += 1
        highest = ~(signs > 0).any(0) / (1 + (signs == 0).sum(0))
        self.credit += highest - 1 / (self.count + 1)
        return texts

    def _alike(
        self, row: int, offered: Sequence[str], context: Sequence[str], chance: random.Random
    ) -> NDArray[np.intp]:
        """Draw candidates of like length from other stories that speak of nobody the context hasn't."""
        rows = self.rows
        low, high = np.searchsorted(rows.length, rows.length[row] + np.array([-LIMITS[0], LIMITS[0] + 1]))
        size = int(high - low)
        drawn = low + (np.arange(size) + chance.randrange(size)) % size
        present = set(context)
        allowed = rows.pronouns[row] | [not group.isdisjoint(present) for group in PRONOUNS]
        pronoun = self.material.cast.names
        people = np.array([sum(pronoun[name] == gender for name in offered) for gender in GENDERS])
        kept = (
            (rows.story[drawn] != rows.story[row])
            & (np.abs(rows.place[drawn] - rows.place[row]) <= PLACE)
            & (rows.quoted[drawn] == rows.quoted[row])
            & (rows.curly[drawn] == rows.curly[row])
            & ~(rows.pronouns[drawn] & ~allowed).any(1)
            & (rows.people[drawn] <= people).all(1)
        )
        return np.asarray(drawn[kept][:DRAWN])

    def _chosen(
        self, row: int, drawn: NDArray[np.intp], differences: Floats, offered: Sequence[str]
    ) -> tuple[list[int], list[str], Floats] | None:
        """Choose the candidates that best cancel the differences so far; return rows, texts and signs."""
        story, number = self.rows.sentences[row]
        kin = {word.lower() for word in KIN_WORD.findall(story.text[: story.spans[number][1]])}
        chosen: list[int] = []
        texts: list[str] = []
        signs: list[Floats] = []
        told = [self.rows.telling(row)]
        lead = self.lead
        rest = list(range(len(drawn)))
        for _ in range(min(TRIED, len(rest))):
            cost = self._cost(differences[rest], signs, lead) + 0.5 * self.used[drawn[rest]]
            best = rest.pop(int(cost.argmin()))
            candidate = int(drawn[best])
            text = self._as_in(candidate, offered, kin)
            telling = self.rows.telling(candidate)
            if text is None or any(len(telling & other) > SIMILAR * len(telling | other) for other in told):
                continue
            chosen.append(candidate)
            texts.append(text)
            signs.append(np.sign(differences[best]))
            told.append(telling)
            lead += float(differences[best][0])
            if len(chosen) == self.count:
                self.lead = lead
                return chosen, texts, np.array(signs)
        return None

    def _cost(self, differences: Floats, signs: Sequence[Floats], lead: float) -> Floats:
        """Return how badly each candidate suits after those chosen so far; shape (candidates,).

        Where the right answer has been the highest too often, one wrong answer must be above it; else none may.
        """
        outdone = np.any([sign > 0 for sign in signs], 0) if signs else np.zeros(len(LIMITS), np.bool_)
        urgency = WEIGHTS if len(signs) + 1 == self.count else WEIGHTS / 10
        missing = (differences <= 0) & (self.credit > 0) & ~outdone
        superfluous = (differences > 0) & (self.credit <= 0)
        distance = np.abs(differences / LIMITS).sum(1)
        return np.asarray(missing @ urgency + superfluous @ WEIGHTS + distance + 4 * np.sign(lead) * differences[:, 0])

    def _as_in(self, row: int, offered: Sequence[str], kin: set[str]) -> str | None:
        """Return a sentence with the names of another story; None: it speaks of somebody who isn't there."""
        story, number = self.rows.sentences[row]
        span = story.spans[number]
        if not {word.lower() for word in KIN_WORD.findall(story.sentence(number))} <= kin:
            return None
        said = set(story.names(*span))
        needed = [name for name in characters(story, 0, len(story.text)) if name in said]
        names = renaming(needed, offered, self.material.cast.names.__getitem__)
        return None if names is None else renamed(story, span, names)
