"""A whole study of a tiny run: measured, killed, continued, decided and reported."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fabula import recipe as recipes
from fabula.errors import UserError
from fabula.study import run as study_run
from fabula.study import suite as suites
from fabula.study.folder import StudyFolder
from fabula.study.measure import Task, measure
from fabula.study.probes import PROBES, TOLD
from fabula.study.results import read_results, read_verdicts
from fabula.study.run import Options, study
from fabula.study.scores import Scores
from fabula.training.loop import train

TINY = suites.Suite(
    secondary=True,
    items=30,
    boundary_items=40,
    held_out=20,
    targets=10,
    windows=2,
    stories=8,
    boundary_stories=8,
    modes=("sampled", "greedy"),
    checkpoints=3,
    phase_draws=10,
)
PROBES_TRIED = ("grammar", "binding", "memory", "ending", "ladder", "context_gain", "position_loss")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few steps on 400 stories of the story world."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    recipe = recipes.from_table(
        {
            "corpus": {"source": ["storyworld"], "stories": 400},
            "tokenizer": {"vocab_size": 512},
            "model": {"hidden": 32, "layers": 1, "heads": 2, "intermediate": 64, "context": 512, "tied": True},
            "train": {"steps": 4, "tokens_per_step": 1024, "micro_batch": 2, "threads": 1, "compile": "off"},
        }
    )
    train(recipe, folder, "tiny")
    return folder


@pytest.fixture(autouse=True)
def tiny_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(suites.SUITES, "glance", TINY)


def options(out: Path, **changes: object) -> Options:
    return replace(Options(out=out, suite="glance", probes=PROBES_TRIED), **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def studied(run: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(suites.SUITES, "glance", TINY)
        folder = study([str(run)], options(tmp_path_factory.mktemp("studies") / "tiny"))
    assert folder is not None
    return folder


def test_a_study_leaves_results_verdicts_and_a_report(studied: StudyFolder) -> None:
    results = read_results(studied.results)
    assert {entry.probe for entry in results} >= {"grammar", "binding", "ladder", "context_gain"}
    assert {entry.step for entry in results} == {0, 2, 4} or len({entry.step for entry in results}) == 3
    for entry in results:
        if entry.low is not None and entry.high is not None:
            assert entry.low <= entry.value + 1e-9
            assert entry.value - 1e-9 <= entry.high
    assert "<html" in studied.report.read_text(encoding="utf-8")
    assert not studied.study().refused.keys() & {"binding", "grammar"}


def test_an_almost_untrained_model_supports_no_capability(studied: StudyFolder) -> None:
    assert all(claim.capability != "supported" for claim in read_verdicts(studied.verdicts).claims)


def test_a_mirrored_probe_has_baselines_of_exactly_one_half(studied: StudyFolder) -> None:
    rows = [entry for entry in read_results(studied.results) if entry.probe == "binding" and entry.condition == ""]
    assert {entry.baseline for entry in rows if entry.measure == "value"} == {0.5}


def test_a_finished_study_measures_nothing_again(
    run: Path, studied: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_run, "measure", lambda *_: pytest.fail("measured again"))
    before = read_results(studied.results)
    assert study([str(run)], options(studied.path)) is not None
    assert read_results(studied.results) == before


def test_a_killed_study_continues_with_what_is_missing(
    run: Path, studied: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = StudyFolder(tmp_path / "killed")
    shutil.copytree(studied.path, folder.path)
    lost = next(folder.path.glob("scores/*/*/binding.npz"))
    lost.unlink()
    asked: list[tuple[str, ...]] = []

    def watched(place: StudyFolder, task: Task, *rest: object) -> None:
        asked.append(task.panels)
        measure(place, task, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(study_run, "measure", watched)
    study([str(run)], options(folder.path))
    assert asked == [("binding",)]
    assert lost.read_bytes() == (studied.path / lost.relative_to(folder.path)).read_bytes()
    assert read_results(folder.results) == read_results(studied.results)


def test_scores_of_other_weights_are_not_kept(run: Path, studied: StudyFolder, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "other")
    shutil.copytree(studied.path, folder.path)
    stamp = next(folder.path.glob("scores/*/*/weights"))
    stamp.write_text("other weights", encoding="utf-8")
    study([str(run)], options(folder.path, probes=("binding",)))
    assert {path.name for path in stamp.parent.iterdir()} == {"weights", "binding.npz"}


def test_exchanged_labels_are_caught_by_what_a_trained_model_answers(
    run: Path, studied: StudyFolder, tmp_path: Path
) -> None:
    folder = StudyFolder(tmp_path / "flipped")
    shutil.copytree(studied.path, folder.path)
    record = studied.study()
    final = folder.scores(record.series[0].label, record.series[0].checkpoints[-1].step, "binding")
    scores = Scores.load(final)
    knowing = np.linspace(0.7, 1.0, len(scores.units))
    for correct, caught in ((knowing, False), (1 - knowing, True)):
        replace(scores, columns={**scores.columns, "correct": correct}).save(final)
        study([str(run)], options(folder.path))
        assert ("binding" in folder.study().refused) is caught
    verdict = next(entry for entry in read_verdicts(folder.verdicts).probes if entry.probe == "binding")
    assert verdict.capability == "inconclusive"
    assert "labels look flipped" in verdict.reason


def test_another_suite_or_seed_needs_another_folder(run: Path, studied: StudyFolder) -> None:
    with pytest.raises(UserError, match="measured otherwise"):
        study([str(run)], options(studied.path, seed=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probes": ("bindings",)}, "unknown probe 'bindings'"),
        ({"corpus": Path("nowhere")}, "nowhere is not a token store"),
    ],
)
def test_bad_options_are_one_line(run: Path, tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        study([str(run)], options(tmp_path / "out", **changes))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_else_is_left_alone(run: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important", encoding="utf-8")
    with pytest.raises(UserError, match="holds no study"):
        study([str(run)], options(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_every_probe_of_the_registry_has_a_source() -> None:
    from fabula.study.measure import HELD_OUT_PANELS, panels_of
    from fabula.study.prepare import BUILDERS

    assert set(panels_of(PROBES)) == {*HELD_OUT_PANELS, *TOLD, *BUILDERS}


def test_item_questions_are_a_pure_function_of_corpus_and_seed(run: Path, tmp_path: Path) -> None:
    first = study([str(run)], options(tmp_path / "one", probes=("binding", "ending")))
    second = study([str(run)], options(tmp_path / "two", probes=("binding", "ending")))
    assert first is not None
    assert second is not None
    for probe in ("binding", "ending"):
        assert first.items(probe).read_bytes() == second.items(probe).read_bytes()
    record = json.loads(first.record.read_text(encoding="utf-8"))
    assert record["version"] >= 1
