"""The judge in a study: its checkpoints' stories, and anchors from its corpus."""

from collections.abc import Iterator
from pathlib import Path

from fabula.errors import UserError
from fabula.model.resolve import training_store
from fabula.study import baselines
from fabula.study.corpus import StudyCorpus
from fabula.study.folder import Study, StudyFolder
from fabula.study.generations.controls import control_texts
from fabula.study.generations.telling import load_stories, split_first_sentence
from fabula.study.judge.asking import FIVE_GRAM, GLUED, HELD_OUT, judge
from fabula.study.judge.endpoint import Endpoint
from fabula.study.judge.judgement import Judgement
from fabula.study.judge.rubric import JudgedStory

ANCHORS = 40
"""Stories of each anchor."""
STORIES = 20
"""Stories of each checkpoint at most."""
MODE = "top-p"
"""Of the modes in which a study's stories are told; anchors begin with a held-out first sentence too."""


def judge_study(folder: StudyFolder, url: str, model: str) -> Judgement:
    """Let a judge grade the stories that a study's checkpoints told; answers are kept in the study's `judge/`.

    Args:
        folder: a study that has measured generation.
        url: an OpenAI-compatible endpoint, up to and without `/chat/completions`; its key, if it needs one, is in
            FABULA_JUDGE_KEY or OPENAI_API_KEY.
        model: the judge's name there.

    Raises:
        UserError: no stories or no corpus to judge with, or what `judge` raises.
    """
    endpoint = Endpoint.from_environment(url, model)
    study = folder.study()
    stories = list(_stories(folder, study))
    if not stories:
        raise UserError(f"{folder.path} holds no stories in mode {MODE!r} for a judge: study the model with all probes")
    return judge(stories, _anchors(study), endpoint, folder.path / "judge", seed=study.seed)


def _stories(folder: StudyFolder, study: Study) -> Iterator[JudgedStory]:
    """Return the first stories of each checkpoint; every checkpoint was given the same beginnings."""
    for series in study.series:
        for checkpoint in series.checkpoints:
            path = folder.stories(series.label, checkpoint.step)
            told = [story for story in load_stories(path) if story.mode == MODE] if path.is_file() else []
            for story in told[:STORIES]:
                yield JudgedStory(f"{series.label}, step {checkpoint.step:,}", story.text, story.prompt)


def _anchors(study: Study) -> list[JudgedStory]:
    corpus = _corpus(study)
    five_gram = baselines.sample_stories(baselines.tables(corpus), study.seed, 2 * ANCHORS)
    texts = control_texts(corpus.held_out, five_gram, ANCHORS, study.seed)
    parts = [(name, *split_first_sentence(text)) for name in (HELD_OUT, GLUED, FIVE_GRAM) for text in texts[name]]
    return [JudgedStory(name, rest, first) for name, first, rest in parts]


def _corpus(study: Study) -> StudyCorpus:
    """Return the corpus that the questions came from, if a studied run still knows where it is."""
    for series in study.series:
        store = training_store(Path(series.checkpoints[-1].path))
        if store is not None:
            corpus = StudyCorpus.open(store)
            if corpus.hash == study.corpus_hash:
                return corpus
    raise UserError(f"the token store of the studied corpus ({study.corpus_name}) is gone, and anchors come from it")
