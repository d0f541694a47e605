"""How long a study takes, in one command: `python bench/study.py MODEL --corpus STORE [--suite fast] [--device cuda]`.

Times every panel on one checkpoint in one process (the questions and baselines are made first and not counted) and
prints seconds for each, their sum, and peak memory. `--random test-1` measures a recipe's shape with random weights
instead of a MODEL: its stories hardly ever end, so its telling is the worst case.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch

from fabula import recipe as recipes
from fabula.corpus.store import TokenStore
from fabula.model.checkpoint import write_checkpoint
from fabula.model.config import LlamaConfig
from fabula.model.llama import Llama
from fabula.model.resolve import choose_device
from fabula.study import prepare
from fabula.study.corpus import StudyCorpus
from fabula.study.folder import StudyFolder
from fabula.study.measure import Material, Questions, Task, measure, panels_of
from fabula.study.probes import PROBES, TOLD
from fabula.study.series import find_series
from fabula.study.suite import SUITES
from fabula.training.machine import peak_memory


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="a run (its last checkpoint) or a model folder")
    parser.add_argument("--random", metavar="RECIPE", help="random weights of this recipe's shape instead")
    parser.add_argument("--corpus", type=Path, required=True, help="a token store")
    parser.add_argument("--suite", default="fast", choices=list(SUITES))
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parsed = parser.parse_args()
    device = choose_device(parsed.device)
    with tempfile.TemporaryDirectory() as scratch:
        model = parsed.model or str(random_model(Path(scratch) / "model", parsed.random, parsed.corpus))
        seconds = measure_panels(Path(scratch), model, parsed.corpus, parsed.suite, device)
    memory = torch.cuda.max_memory_allocated() if device == "cuda" else peak_memory(torch.device(device))
    total = sum(seconds.values())
    print(json.dumps({"device": device, "seconds": seconds, "total": total, "peak_memory_bytes": memory}, indent=2))


def random_model(folder: Path, recipe: str, corpus: Path) -> Path:
    """Write a checkpoint with random weights and return its folder."""
    store = TokenStore.open(corpus)
    model = Llama(LlamaConfig.from_recipe(recipes.load(recipe).model, store.vocab_size))
    model.initialize(0)
    write_checkpoint(
        folder, model, store.tokenizer, step=0, tokens=0, corpus_hash=store.hash, corpus_position=0, loss=None
    )
    return folder


def measure_panels(scratch: Path, model: str, corpus_path: Path, suite: str, device: str) -> dict[str, float]:
    """Return the seconds of each panel of one checkpoint."""
    corpus, folder = StudyCorpus.open(corpus_path), StudyFolder(scratch / "study")
    prepare.prepare(folder, corpus, PROBES, SUITES[suite], seed=0)
    questions = Questions(folder, corpus_path, PROBES, SUITES[suite], seed=0)
    material = Material.gather(questions, corpus)
    series = find_series([model], None)[0]
    seconds = {}
    for panels in [*((panel,) for panel in panels_of(PROBES) if panel not in TOLD), TOLD]:
        started = time.perf_counter()
        measure(folder, Task(series, series.checkpoints[-1], panels), material, device)
        seconds[panels[0]] = time.perf_counter() - started
    return seconds


if __name__ == "__main__":
    main()
