"""A judge at work: anchors first, and checkpoints only when it ranks the anchors rightly."""

from collections.abc import Sequence
from pathlib import Path

from fabula.errors import UserError
from fabula.files import to_json, write_text
from fabula.study.judge.answers import Answers, ask
from fabula.study.judge.endpoint import Endpoint
from fabula.study.judge.judgement import MUST_RANK, Judgement, auc, by_source, overall_grades
from fabula.study.judge.rubric import JudgedStory, questions

HELD_OUT, FIVE_GRAM, GLUED = "held-out", "five-gram", "glued"
"""Anchors: real stories, stories that a 5-gram wrote, and first halves with the second halves of other stories."""
READABLE = 0.8
"""Share of its answers that a judge must give in the form asked for."""


def judge(
    stories: Sequence[JudgedStory],
    anchors: Sequence[JudgedStory],
    endpoint: Endpoint,
    out: Path,
    *,
    repeats: int = 1,
    seed: int = 0,
) -> Judgement:
    """Let a judge grade anchors and, when it ranks them rightly, stories.

    Args:
        stories: of any number of checkpoints.
        anchors: stories whose sources are `HELD_OUT` and `GLUED`, and others to stand beside them (`FIVE_GRAM`).
        endpoint: whom to ask.
        out: folder of `answers.jsonl`, where every answer is kept as it comes, and `judgement.json`. What was asked
            before, of the same model with the same prompt, isn't asked again.
        repeats: times each story is asked about.
        seed: of the order of questions.

    Raises:
        UserError: anchors are missing, the endpoint refuses or keeps failing, or its answers can't be read.
    """
    for source in (HELD_OUT, GLUED):
        if not any(story.source == source for story in anchors):
            raise UserError(f"a judge needs {source} stories as anchors, and there are none")
    answers = Answers(out, endpoint.model)
    ask(questions(anchors, repeats, seed), endpoint, answers)
    _check_readable(anchors, repeats, answers)
    ranked = auc(overall_grades(anchors, HELD_OUT, repeats, answers), overall_grades(anchors, GLUED, repeats, answers))
    believed = ranked >= MUST_RANK
    asked = [*anchors, *stories] if believed else list(anchors)
    if believed:
        ask(questions(stories, repeats, seed), endpoint, answers)
        _check_readable(stories, repeats, answers)
    found = [answers.grades(key) for key in {question.key for question in questions(asked, repeats, seed)}]
    judgement = Judgement(
        model=endpoint.model,
        prompt_sha256=answers.prompt_sha256,
        repeats=repeats,
        anchors=by_source(anchors, repeats, answers),
        auc=ranked,
        believed=believed,
        scores=by_source(stories, repeats, answers) if believed else (),
        answers=len(found),
        unreadable=sum(grades is None for grades in found),
    )
    write_text(out / "judgement.json", to_json(judgement.to_json()))
    return judgement


def _check_readable(stories: Sequence[JudgedStory], repeats: int, answers: Answers) -> None:
    keys = [question.key for question in questions(stories, repeats, 0)]
    readable = sum(answers.grades(key) is not None for key in keys)
    if readable < READABLE * len(keys):
        raise UserError(
            f"only {readable} of {len(keys)} answers of the judge {answers.model} are the JSON that was asked for; "
            f"{answers.path} has them: take another model, or delete the file to ask again"
        )
