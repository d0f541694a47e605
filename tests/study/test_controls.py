"""What a verdict must not be fooled by: models that have learned nothing, or only to count."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fabula import recipe as recipes
from fabula.generation.sampling import Sampling
from fabula.model.resolve import training_store
from fabula.study import measure as measuring
from fabula.study import suite as suites
from fabula.study.analysis import analyse
from fabula.study.baselines.tokens import TokenNGrams
from fabula.study.corpus import StudyCorpus
from fabula.study.folder import StudyFolder
from fabula.study.probes import GENERATION_PROBES, TOLD
from fabula.study.results import read_verdicts
from fabula.study.run import Options, study
from fabula.study.scores import Scores
from fabula.study.scoring.language_model import Floats, Tree
from fabula.training.loop import train

SMALL = suites.Suite(
    secondary=False,
    items=120,
    boundary_items=120,
    held_out=60,
    targets=30,
    windows=3,
    stories=24,
    boundary_stories=24,
    modes=("sampled", "greedy", "overrun"),
    checkpoints=2,
    phase_draws=10,
)


@dataclass
class FiveGram:
    """A 5-gram model of tokens that answers like a language model."""

    ngrams: TokenNGrams
    tokenizer: Tokenizer
    vocab_size: int
    context: int = 512
    name: str = "five-gram"
    parameters: int = 0

    @property
    def end_of_text(self) -> int:
        return self.ngrams.end_of_text

    def log_probabilities(self, trees: Sequence[Tree]) -> list[list[Floats]]:
        found = []
        for tree in trees:
            sequences = [[*tree.prefix, *branch] for branch in tree.branches]
            values = self.ngrams.model.log_probabilities(sequences, 5)
            found.append([row[len(tree.prefix) - 1 :] for row in values])
        return found

    def distributions(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        return [np.log(self.ngrams.model.distributions_along(list(s), 5)).astype(np.float32) for s in sequences]

    def tell(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, *, ban_end_of_text: bool = False
    ) -> list[list[int]]:
        told = []
        for number, prompt in enumerate(prompts):
            random = np.random.default_rng((sampling.seed, number))
            tokens = list(prompt)
            while len(tokens) < self.context and len(tokens) - len(prompt) < sampling.max_new_tokens:
                p = self.ngrams.model.distributions([tokens[-4:]], 5)[0]
                if ban_end_of_text:
                    p[self.end_of_text] = 0
                tokens.append(int(p.argmax()) if sampling.greedy else int(random.choice(len(p), p=p / p.sum())))
                if tokens[-1] == self.end_of_text:
                    break
            told.append(tokens[len(prompt) :])
        return told


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "untrained"
    recipe = recipes.from_table(
        {
            "corpus": {"source": ["storyworld"], "stories": 1500},
            "tokenizer": {"vocab_size": 1024},
            "model": {"hidden": 32, "layers": 1, "heads": 2, "intermediate": 64, "context": 512, "tied": True},
            "train": {"steps": 1, "tokens_per_step": 512, "micro_batch": 1, "threads": 1, "compile": "off"},
        }
    )
    train(recipe, folder, "untrained")
    return folder


def studied(run: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> StudyFolder:
    monkeypatch.setitem(suites.SUITES, "fast", SMALL)
    folder = study([str(run)], Options(out=out, suite="fast"))
    assert folder is not None
    return folder


@pytest.mark.slow
def test_an_untrained_model_supports_no_claim(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = read_verdicts(studied(run, tmp_path / "study", monkeypatch).verdicts).claims
    assert len(claims) == 7
    assert {claim.claim: claim.capability for claim in claims if claim.capability == "supported"} == {}


@pytest.mark.slow
def test_a_five_gram_sampler_supports_no_claim_but_held_out_text_lies_in_its_own_band(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def five_gram(folder: Path, device: str) -> FiveGram:
        store = StudyCorpus.open(_store(run))
        ngrams = TokenNGrams.fit_texts(
            store.train, store.store.tokenizer, store.store.vocab_size, store.store.end_of_text_id
        )
        return FiveGram(ngrams, store.store.tokenizer, store.store.vocab_size)

    monkeypatch.setattr(measuring, "open_model", five_gram)
    folder = studied(run, tmp_path / "study", monkeypatch)
    verdicts = read_verdicts(folder.verdicts)
    assert {entry.claim: entry.capability for entry in verdicts.claims if entry.capability == "supported"} == {}
    answers = {entry.probe: entry.capability for entry in verdicts.probes}
    assert answers["ladder"] == "supported", "a 5-gram is better than a bigram"
    assert answers["position_loss"] == "inconclusive", "what only counts words has nothing to lose far in"
    assert answers["staying"] == "inconclusive"

    record = folder.study()
    label = record.series[0].label
    for entry in record.series[0].checkpoints:
        for panel in TOLD:
            Scores.load(folder.control("held-out", panel)).save(folder.scores(label, entry.step, panel))
        ladder = Scores.load(folder.scores(label, entry.step, "ladder"))
        better = {**ladder.columns, "gain5": ladder.columns["gain5"] + 0.1}
        replace(ladder, columns=better).save(folder.scores(label, entry.step, "ladder"))
    analyse(folder, phase_draws=10)
    bands = {probe.name for probe in GENERATION_PROBES if probe.rule == "band" and probe.primary}
    found = {e.probe: e.capability for e in read_verdicts(folder.verdicts).probes if e.probe in bands}
    assert found == dict.fromkeys(bands, "supported")


def _store(run: Path) -> Path:
    found = training_store(run)
    assert found is not None
    return found
