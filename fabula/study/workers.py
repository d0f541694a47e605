"""Asking on every core: a process a core, one thread each.

A model small enough for a CPU gains little from a second thread in one product, and nearly twofold from a second
process.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing.connection import wait

import torch

from fabula.study.corpus import StudyCorpus
from fabula.study.measure import Material, Questions, Task, controls_missing, measure, measure_controls
from fabula.study.probes import TOLD
from fabula.terminal import hush
from fabula.training.machine import return_freed_memory

MOST_WORKERS = 8
"""Each takes about a gigabyte."""
PARTS = 4
"""Tasks that a checkpoint is divided into."""

_here: dict[str, tuple[Questions, Material]] = {}
"""In a worker: what it was begun with."""


def measure_in_processes(
    questions: Questions, tasks: Sequence[Task], workers: int, advance: Callable[[float], None]
) -> None:
    """Measure tasks in several processes; each file of scores appears as soon as it is there."""
    parts = [part for task in tasks for part in _parts(task)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(workers, len(parts) + 1), mp_context=context, initializer=_begin, initargs=(questions,)
    ) as pool:
        running = {pool.submit(_measure, part): len(part.panels) for part in parts}
        if controls_missing(questions):
            running[pool.submit(_measure_controls)] = 0
        try:
            for done in as_completed(running):
                done.result()
                advance(running[done])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _parts(task: Task) -> Iterator[Task]:
    """Divide a task; what is measured on told stories stays together."""
    told = tuple(panel for panel in task.panels if panel in TOLD)
    others = [panel for panel in task.panels if panel not in TOLD]
    for panels in (told, *(tuple(others[start::PARTS]) for start in range(PARTS))):
        if panels:
            yield replace(task, panels=panels)


def _begin(questions: Questions) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    hush()
    torch.set_num_threads(1)
    _here["study"] = questions, Material.gather(questions, StudyCorpus.open(questions.store))
    return_freed_memory()


def _end_with_parent() -> None:
    """Leave as soon as the process that started this one is gone, however it died."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _measure(task: Task) -> None:
    questions, material = _here["study"]
    measure(questions.folder, task, material, "cpu")


def _measure_controls() -> None:
    questions, material = _here["study"]
    measure_controls(questions.folder, material)
