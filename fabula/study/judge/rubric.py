"""What a judge is asked, and how its answer is read.

The rubric is that of TinyStories (Eldan and Li, 2023, section 3): grammar, creativity, consistency, plot, age group.
"""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fabula.files import sha256_text

GRADES = ("grammar", "creativity", "consistency", "plot")
AGE_GROUPS = {"A": "3 or under", "B": "4-5", "C": "6-7", "D": "8-9", "E": "10-12", "F": "13-16"}
HIGHEST = 10
SEPARATOR = "***"
PROMPT = (
    """Below is a short story for young children, written by a student."""
    """ Grade it as a strict and fair teacher of creative writing.
If the text holds """
    + SEPARATOR
    + """, the part before it was given to the student: grade only the part behind it.

Give a whole number from 0 (worst) to 10 (best) for each of:
- grammar: are the sentences correct?
- creativity: are there ideas of the student's own?
- consistency: do names, things and facts stay the same, and does all of it fit the beginning?
- plot: does what happens make sense as one story?
And guess the student's age group: """
    + ", ".join(f"{letter} ({years})" for letter, years in AGE_GROUPS.items())
    + """.

Answer with one JSON object and nothing else, like this:
{"grammar": 0, "creativity": 0, "consistency": 0, "plot": 0, "age_group": "A"}

The story:

"""
)


@dataclass(frozen=True)
class JudgedStory:
    """A story and where it comes from, which the judge never learns."""

    source: str
    """A checkpoint's name, or an anchor's."""
    text: str
    """What is graded."""
    prompt: str = ""
    """The beginning that was given, if one was."""


@dataclass(frozen=True)
class Question:
    """A story and which time it is asked about."""

    content: str
    """What the judge reads."""
    repeat: int

    @property
    def key(self) -> str:
        """Name of the question among a model's answers."""
        return sha256_text(f"{self.repeat} {self.content}")


def questions(stories: Iterable[JudgedStory], repeats: int, seed: int) -> list[Question]:
    """Return each question once, shuffled, so that sources mix."""
    contents = sorted({content_of(story) for story in stories})
    asked = [Question(content, repeat) for repeat in range(repeats) for content in contents]
    random.Random(seed).shuffle(asked)
    return asked


def content_of(story: JudgedStory) -> str:
    """Return what the judge reads about a story."""
    return PROMPT + (f"{story.prompt}{SEPARATOR}{story.text}" if story.prompt else story.text)


def read_grades(answer: str) -> dict[str, Any] | None:
    """Return the grades in an answer (words around the JSON object don't matter), or None when it lacks the form."""
    start, stop = answer.find("{"), answer.rfind("}")
    try:
        values = json.loads(answer[start : stop + 1])
        grades: dict[str, Any] = {name: float(values[name]) for name in GRADES}
        age_group = str(values["age_group"]).strip()[:1].upper()
    except (ValueError, KeyError, TypeError):
        return None
    if age_group not in AGE_GROUPS or not all(0 <= grade <= HIGHEST for grade in grades.values()):
        return None
    return {**grades, "age_group": age_group}
