"""A study from beginning to end: find the models, make the questions, ask every checkpoint, decide, report.

Everything measured is a file of scores; what is there already is not measured again. So a study that was killed
continues, one whose run has grown measures only the new checkpoints, and torchrun's processes share the checkpoints.
"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

import fabula
from fabula.errors import UserError, did_you_mean
from fabula.files import explain_os_errors, read_json, to_json, write_text
from fabula.model.resolve import choose_device, training_store
from fabula.study import prepare
from fabula.study.analysis import analyse
from fabula.study.corpus import StudyCorpus
from fabula.study.folder import Series, StudiedCheckpoint, Study, StudyFolder
from fabula.study.measure import Material, Questions, Task, controls_missing, measure, measure_controls, panels_of
from fabula.study.probes import ITEM_PROBES, PROBES, Probe
from fabula.study.report import write_report
from fabula.study.series import find_series
from fabula.study.suite import SUITES, Suite
from fabula.study.workers import MOST_WORKERS, measure_in_processes
from fabula.terminal import progress, say
from fabula.training.machine import describe, return_freed_memory
from fabula.training.processes import Processes, process_group, processes
from fabula.training.run import RunFolder

PATIENCE = timedelta(days=7)
"""How long torchrun's processes wait for the slowest of them."""
PLAN = "plan.json"
"""What all scores in a folder have in common."""


@dataclass(frozen=True)
class Options:
    """What a user asked for; None: what the first run's recipe says, or else its defaults."""

    corpus: Path | None = None
    out: Path | None = None
    suite: str | None = None
    probes: tuple[str, ...] = ()
    items: int | None = None
    checkpoints: int | None = None
    seed: int | None = None
    device: str = "auto"
    fresh: bool = False
    save_items: bool = False


@dataclass(frozen=True)
class Plan:
    """What will be done."""

    folder: StudyFolder
    suite_name: str
    suite: Suite
    seed: int
    probes: tuple[Probe, ...]
    series: tuple[Series, ...]
    store: Path


def study(names: Sequence[str], options: Options) -> StudyFolder | None:
    """Study runs and models and write the report.

    Returns:
        The study's folder; None in all of torchrun's processes but the first.

    Raises:
        UserError: a model, corpus, probe or folder that can't be used.
    """
    mine = processes()
    plan = _plan(names, options)
    seconds: dict[str, float] = {}
    with process_group(torch.device("cpu"), mine, PATIENCE):
        corpus = StudyCorpus.open(plan.store)
        if mine.is_first:
            started = time.perf_counter()
            _open_folder(plan, corpus, options.fresh)
            prepare.prepare(plan.folder, corpus, plan.probes, plan.suite, plan.seed)
            seconds["questions"] = time.perf_counter() - started
        _wait_for_all(mine)
        started = time.perf_counter()
        _measure_all(plan, corpus, mine, options.device)
        _wait_for_all(mine)
        seconds["checkpoints"] = time.perf_counter() - started
    if not mine.is_first:
        return None
    _conclude(plan, corpus, seconds, options.save_items)
    return plan.folder


def _plan(names: Sequence[str], options: Options) -> Plan:
    first = RunFolder(Path(names[0]))
    recipe = first.recipe() if (first.path / "recipe.toml").is_file() else None
    suite_name = options.suite or (recipe.study.suite if recipe else "fast")
    suite = SUITES[suite_name]
    if options.items:
        suite = replace(suite, items=min(suite.items, options.items), boundary_items=options.items)
    series = find_series(names, options.checkpoints or suite.checkpoints)
    store = options.corpus or training_store(Path(series[0].checkpoints[0].path))
    if store is None:
        raise UserError(f"{names[0]} has no record of its corpus here: name a token store with --corpus")
    if options.out is None and len(names) > 1:
        raise UserError("several models are studied side by side: say where the study goes with --out FOLDER")
    out = options.out or (Path(names[0]) / "study" if series[0].steps else Path(f"{series[0].label}-study"))
    seed = options.seed if options.seed is not None else (recipe.study.seed if recipe else 0)
    return Plan(
        StudyFolder(out),
        suite_name,
        suite,
        seed,
        _probes(options.probes or (recipe.study.probes if recipe else ()), suite),
        tuple(series),
        store,
    )


def _probes(names: Sequence[str], suite: Suite) -> tuple[Probe, ...]:
    known = [probe.name for probe in PROBES]
    for name in names:
        if name not in known:
            raise UserError(f"unknown probe {name!r}: {did_you_mean(name, known)}")
    return tuple(probe for probe in PROBES if probe.name in names or (not names and suite.asks(probe)))


def _open_folder(plan: Plan, corpus: StudyCorpus, fresh: bool) -> None:
    """Make the folder, or check that what it holds was measured the same way."""
    path = plan.folder.path
    content = {
        "suite": plan.suite_name,
        "items": plan.suite.boundary_items,
        "seed": plan.seed,
        "version": prepare.VERSION,
        "corpus_hash": corpus.hash,
    }
    if fresh and (path / PLAN).is_file():
        shutil.rmtree(path)
    if (path / PLAN).is_file():
        before = read_json(path / PLAN)
        changed = [
            f"{name} {before.get(name)!r} -> {value!r}" for name, value in content.items() if before.get(name) != value
        ]
        if changed:
            raise UserError(
                f"{path} holds a study that was measured otherwise ({'; '.join(changed)}): "
                "choose another --out, or start over with --fresh"
            )
        return
    if path.is_dir() and any(path.iterdir()):
        raise UserError(f"{path} is not empty and holds no study: choose another --out")
    with explain_os_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    write_text(path / PLAN, to_json(content))


def _measure_all(plan: Plan, corpus: StudyCorpus, mine: Processes, device: str) -> None:
    """Ask this process's share of the checkpoints; the last ones, which matter most, first."""
    panels = panels_of(plan.probes)
    work = [(series, checkpoint) for series in plan.series for checkpoint in reversed(series.checkpoints)]
    tasks = [
        Task(series, checkpoint, tuple(left))
        for series, checkpoint in work[mine.rank :: mine.count]
        if (left := _missing(plan, series, checkpoint, panels))
    ]
    questions = Questions(plan.folder, plan.store, plan.probes, plan.suite, plan.seed)
    controls = mine.is_first and controls_missing(questions)
    if not tasks and not controls:
        return
    device = _device(device, mine)
    with progress("studying", sum(len(task.panels) for task in tasks), "measurements") as advance:
        if device == "cpu" and mine.count == 1 and torch.get_num_threads() > 1:
            prepare.seen_ngrams.cache_clear()
            return_freed_memory()
            measure_in_processes(questions, tasks, min(torch.get_num_threads(), MOST_WORKERS), advance)
        else:
            material = Material.gather(questions, corpus)
            if controls:
                measure_controls(plan.folder, material)
            for task in tasks:
                measure(questions.folder, task, material, device, advance)


def _missing(plan: Plan, series: Series, checkpoint: StudiedCheckpoint, panels: Sequence[str]) -> list[str]:
    """Return the panels that a checkpoint has no scores of; scores of other weights are deleted."""
    place = plan.folder.scores(series.label, checkpoint.step, "any").parent
    stamp = place / "weights"
    if place.is_dir() and (not stamp.is_file() or stamp.read_text(encoding="utf-8") != checkpoint.weights):
        shutil.rmtree(place)
    if not place.is_dir():
        with explain_os_errors(place):
            place.mkdir(parents=True)
        write_text(stamp, checkpoint.weights)
    return [panel for panel in panels if not plan.folder.scores(series.label, checkpoint.step, panel).is_file()]


def _device(name: str, mine: Processes) -> str:
    device = choose_device(name)
    return f"cuda:{mine.local_rank % torch.cuda.device_count()}" if device == "cuda" else device


def _wait_for_all(mine: Processes) -> None:
    if mine.count > 1:
        dist.barrier()


def _conclude(plan: Plan, corpus: StudyCorpus, seconds: dict[str, float], save_items: bool) -> None:
    prepare.check_directions(plan.folder, [probe for probe in plan.probes if probe in ITEM_PROBES], plan.series)
    refused = prepare.refused(plan.folder)
    for name, reason in refused.items():
        say(f"refused: the questions of {name} ({reason})")
    known = plan.folder.study().seconds if plan.folder.record.is_file() else {}
    record = Study(
        suite=plan.suite_name,
        seed=plan.seed,
        version=prepare.VERSION,
        corpus_hash=corpus.hash,
        corpus_name=", ".join(corpus.store.manifest["source"]),
        fabula=fabula.__version__,
        machine=describe(torch.device("cpu"))["machine"],
        probes=tuple(probe.name for probe in plan.probes),
        refused=refused,
        series=plan.series,
        seconds={name: known.get(name, 0.0) + value for name, value in seconds.items()},
    )
    plan.folder.write_study(record)
    say("deciding and drawing ...")
    analyse(plan.folder, seed=plan.seed, phase_draws=plan.suite.phase_draws)
    if save_items:
        from fabula.study.analysis import write_item_scores

        write_item_scores(plan.folder)
    write_report(plan.folder)
