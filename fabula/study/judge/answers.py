"""Asking a judge, and keeping every answer as soon as it is there."""

import json
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from fabula.files import explain_os_errors, sha256_text, write_text
from fabula.study.judge.endpoint import Endpoint
from fabula.study.judge.rubric import PROMPT, Question, read_grades
from fabula.terminal import progress

TRIES = 3
"""Times a question is asked until its answer has the form."""


class Answers:
    """Every answer of one model to one prompt, on disk as soon as it is there."""

    def __init__(self, folder: Path, model: str) -> None:
        """Read the answers that are there; lines of other models and prompts stay and are passed over."""
        self.model, self.prompt_sha256 = model, sha256_text(PROMPT)
        self.path = folder / "answers.jsonl"
        self.lock = threading.Lock()
        self.known: dict[str, Any] = {}
        with explain_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        lines = list(_whole_lines(self.path))
        if self.path.is_file():  # without the line that a killed process left torn
            write_text(self.path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        for line in lines:
            if (line.get("model"), line.get("prompt_sha256")) == (model, self.prompt_sha256):
                self.known[line["question"]] = line["grades"]

    def add(self, question: Question, raw: Sequence[str], grades: dict[str, Any] | None) -> None:
        """Keep an answer: as it came, each time it was asked, and what was read in it."""
        line = {
            "question": question.key,
            "model": self.model,
            "prompt_sha256": self.prompt_sha256,
            "repeat": question.repeat,
            "story": question.content.removeprefix(PROMPT),
            "raw": list(raw),
            "grades": grades,
        }
        with self.lock, explain_os_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self.known[question.key] = grades

    def grades(self, key: str) -> dict[str, Any] | None:
        """Return what was read in an answer; None when it couldn't be."""
        found: dict[str, Any] | None = self.known[key]
        return found


def ask(questions: Sequence[Question], endpoint: Endpoint, answers: Answers) -> None:
    """Ask what wasn't asked before, some at a time; the first error ends all."""
    new = [question for question in questions if question.key not in answers.known]
    stop = threading.Event()
    pool = ThreadPoolExecutor(endpoint.concurrency)
    try:
        with progress("judging", len(new), "answers") as advance:
            for future in as_completed([pool.submit(_ask_one, question, endpoint, answers, stop) for question in new]):
                future.result()
                advance(1)
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _ask_one(question: Question, endpoint: Endpoint, answers: Answers, stop: threading.Event) -> None:
    raw: list[str] = []
    grades = None
    while grades is None and len(raw) < TRIES:
        raw.append(endpoint.complete(question.content, stop))
        grades = read_grades(raw[-1])
    answers.add(question, raw, grades)


def _whole_lines(path: Path) -> Iterable[dict[str, Any]]:
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            return
