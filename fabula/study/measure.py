"""Asking one checkpoint: which scores there are, and how each file of them comes about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from fabula.files import sha256_text
from fabula.study import baselines, prepare
from fabula.study.baselines.tokens import TokenNGrams
from fabula.study.corpus import StudyCorpus
from fabula.study.folder import Series, StudiedCheckpoint, StudyFolder
from fabula.study.generations.contradictions import contradictions_in, prompts
from fabula.study.generations.controls import control_scores
from fabula.study.generations.flags import with_flags
from fabula.study.generations.metrics import measure as measure_stories
from fabula.study.generations.reference import Reference
from fabula.study.generations.telling import MAX_NEW_TOKENS, MODES, NUCLEUS, prompts_of, save_stories, tell_stories
from fabula.study.items.item import Item, read_items
from fabula.study.probes import ITEM_PROBES, TOLD, Probe, probe
from fabula.study.scores import Scores
from fabula.study.scoring.context_gain import context_gain
from fabula.study.scoring.copying import copying
from fabula.study.scoring.ends import ends
from fabula.study.scoring.ladder import Rungs, ladder
from fabula.study.scoring.language_model import LanguageModel
from fabula.study.scoring.likelihood import ModelScorer, score_items
from fabula.study.scoring.llama import open_model
from fabula.study.scoring.position import position_loss
from fabula.study.stories import HeldOutStory, held_out_stories
from fabula.study.suite import Suite
from fabula.training.machine import return_freed_memory


def panels_of(probes: Sequence[Probe]) -> list[str]:
    """Return the files of scores that these probes need."""
    return list(dict.fromkeys(entry.scores for entry in probes))


@dataclass(frozen=True)
class Questions:
    """Where a prepared study is, and what it asks."""

    folder: StudyFolder
    store: Path
    probes: tuple[Probe, ...]
    suite: Suite
    seed: int


@dataclass(frozen=True)
class Task:
    """Panels to measure of one checkpoint."""

    series: Series
    checkpoint: StudiedCheckpoint
    panels: tuple[str, ...]


@dataclass
class Material:
    """What every checkpoint is asked and measured against: read and made once in a process."""

    corpus: StudyCorpus
    items: Mapping[str, Sequence[Item]]
    reference: Reference | None
    """None where no story is told."""
    suite: Suite
    seed: int
    _rungs: dict[str, tuple[list[HeldOutStory], Rungs]] = field(default_factory=dict)
    """By tokenizer: all held-out stories in random order, and what n-grams of its tokens say about the first."""

    @classmethod
    def gather(cls, questions: Questions, corpus: StudyCorpus) -> "Material":
        """Read the questions of a prepared study and learn from its corpus what stories are measured against."""
        names = [entry.name for entry in questions.probes if entry in ITEM_PROBES]
        told = set(TOLD) & set(panels_of(questions.probes))
        return cls(
            corpus,
            {name: read_items(questions.folder.items(name)) for name in names},
            _reference(corpus) if told else None,
            questions.suite,
            questions.seed,
        )

    def held_out(self, model: LanguageModel) -> tuple[list[HeldOutStory], Rungs]:
        """Return the held-out stories in a model's tokens, in random order, and what n-grams say about the first."""
        key = sha256_text(f"{model.end_of_text} {model.vocab_size} {model.tokenizer.to_str()}")
        if key not in self._rungs:
            stories = held_out_stories([self.corpus.store.path], model.tokenizer, model.end_of_text)
            order = np.random.default_rng(self.seed).permutation(len(stories))
            shuffled = [stories[index] for index in order]
            ngrams = _token_ngrams(self.corpus, model.tokenizer, model.vocab_size, model.end_of_text)
            rungs = Rungs.measure(shuffled[: self.suite.held_out], ngrams, model.vocab_size, seed=self.seed)
            self._rungs[key] = shuffled, rungs
            del ngrams
            return_freed_memory()
        return self._rungs[key]


def _token_ngrams(corpus: StudyCorpus, tokenizer: Tokenizer, vocab_size: int, end_of_text: int) -> TokenNGrams:
    return TokenNGrams.fit_texts(corpus.train, tokenizer, vocab_size, end_of_text)


def _reference(corpus: StudyCorpus) -> Reference:
    scorer, seen = baselines.fit(corpus)["fivegram"], prepare.seen_ngrams(corpus)
    return Reference.learn(corpus.train, corpus.held_out, corpus.store.tokenizer, scorer, seen=seen)


def controls_missing(questions: Questions) -> bool:
    """Say whether stories are told in this study and the controls beside them are not measured yet."""
    told = set(TOLD) & set(panels_of(questions.probes))
    return bool(told) and not questions.folder.control("held-out", TOLD[-1]).is_file()


def measure_controls(folder: StudyFolder, material: Material) -> None:
    """Measure held-out stories and broken ones as if the models had told them."""
    assert material.reference is not None
    corpus, count, seed = material.corpus, material.suite.boundary_stories, material.seed
    five_gram = baselines.sample_stories(baselines.tables(corpus), seed, count)
    found = control_scores(
        corpus.held_out, five_gram, material.reference, corpus.store.tokenizer, count=count, seed=seed
    )
    for name, panels in reversed(found.items()):  # Held-out text last: its file says that all are there.
        for panel, scores in panels.items():
            scores.save(folder.control(name, panel))


def measure(
    folder: StudyFolder,
    task: Task,
    material: Material,
    device: str,
    advance: Callable[[float], None] = lambda _: None,
) -> None:
    """Measure some panels of one checkpoint and write their scores, each as soon as it is there."""
    series, checkpoint = task.series, task.checkpoint
    model = open_model(Path(checkpoint.path), device)

    def write(panel: str, scores: Scores) -> None:
        scores.save(folder.scores(series.label, checkpoint.step, panel))
        advance(1)

    for panel in task.panels:
        if panel in HELD_OUT_PANELS:
            write(panel, HELD_OUT_PANELS[panel](model, material))
        elif panel not in TOLD:
            count = material.suite.items_at(probe(panel), checkpoint.step, series.steps)
            write(panel, _answers(model, material.items[panel][: prepare.items_of(panel, count)]))
    told = [panel for panel in TOLD if panel in task.panels]
    if told:
        count = material.suite.stories_at(checkpoint.step, series.steps)
        for panel, scores in _told(model, material, count, folder.stories(series.label, checkpoint.step)).items():
            if panel in told:
                write(panel, scores)


def _answers(model: LanguageModel, items: Sequence[Item]) -> Scores:
    """Score the questions that fit the model's context."""
    scorer = ModelScorer(model)
    return score_items([item for item in items if scorer.fits(item)], model)


def _told(model: LanguageModel, material: Material, count: int, place: Path) -> dict[str, Scores]:
    """Let the model tell stories, keep them, and measure them."""
    assert material.reference is not None
    modes = [mode for mode in MODES if mode.name in material.suite.modes]
    stories = tell_stories(model, prompts_of(material.corpus.held_out), modes, count, material.seed)
    save_stories(place, with_flags(stories, material.reference))
    nothing = Scores(np.array([], np.str_), np.array([], np.str_), np.array([], np.str_), {})
    return {**dict.fromkeys(TOLD, nothing), **measure_stories(stories, material.reference)}


def _ladder(model: LanguageModel, material: Material) -> Scores:
    stories, rungs = material.held_out(model)
    return ladder(model, stories[: material.suite.held_out], rungs)


def _context_gain(model: LanguageModel, material: Material) -> Scores:
    return context_gain(model, material.held_out(model)[0], material.suite.targets, material.seed)


def _position(model: LanguageModel, material: Material) -> Scores:
    return position_loss(model, material.held_out(model)[0], material.suite.windows)


def _ends(model: LanguageModel, material: Material) -> Scores:
    return ends(model, material.held_out(model)[0], material.suite.held_out)


def _contradictions(model: LanguageModel, material: Material) -> Scores:
    """Let the model continue stories of the story world, and look for what can't be true any more."""
    beginnings = prompts(material.seed, material.suite.stories)
    encoded = [model.tokenizer.encode(prompt.text, add_special_tokens=False).ids for prompt in beginnings]
    drawn = model.tell(
        [[model.end_of_text, *tokens] for tokens in encoded],
        replace(NUCLEUS, max_new_tokens=MAX_NEW_TOKENS, seed=material.seed),
    )
    texts = [model.tokenizer.decode(tokens) for tokens in drawn]
    found = [len(contradictions_in(text, prompt)) for text, prompt in zip(texts, beginnings, strict=True)]
    names = np.array([f"world-{index}" for index in range(len(found))], np.str_)
    counts = np.array(found, np.float64)
    return Scores(names, names, np.full(len(found), "", np.str_), {"any": np.minimum(counts, 1), "count": counts})


def _copying(model: LanguageModel, material: Material) -> Scores:
    return copying(model, seed=material.seed)


HELD_OUT_PANELS: dict[str, Callable[[LanguageModel, Material], Scores]] = {
    "ladder": _ladder,
    "context_gain": _context_gain,
    "position": _position,
    "ends": _ends,
    "copying": _copying,
    "contradictions": _contradictions,
}
"""Panels that are no questions and no stories; each takes the model and what it is measured on."""
