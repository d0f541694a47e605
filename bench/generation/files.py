"""The models that are compared: one folder, and the same weights in the forms that the peers read."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from bench.generation.contenders import Contender
from bench.process import ROOT, ContenderError, environment
from fabula import recipe as recipes
from fabula.corpus import tokenizer as tokenizers
from fabula.corpus.tokenizer import id_count
from fabula.files import new_folder
from fabula.model.config import LlamaConfig
from fabula.model.folder import load_config, weight_files
from fabula.model.layout import write_model
from fabula.model.llama import Llama
from fabula.terminal import say

ERROR_LINE = re.compile(r"[\w.]+(Error|Exception): ")
"""How a Python traceback names the reason."""


def default_cache() -> Path:
    """Return where prepared models are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fabula" / "bench"


def random_model(recipe: str, tokenizer: Path | None, cache: Path) -> Path:
    """Write a model of a recipe's shape with random weights, float32, unless it is there; returns its folder."""
    folder = cache / f"random-{Path(recipe).stem}"
    if not (folder / "config.json").is_file():
        loaded = recipes.load(recipe)
        stated = recipes.Tokenizer(path=str(tokenizer)) if tokenizer else loaded.tokenizer
        found = tokenizers.load(stated)
        model = Llama(LlamaConfig.from_recipe(loaded.model, id_count(found)))
        model.initialize(0)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with new_folder(folder) as temporary:
            write_model(temporary, model, found)
    return folder


class Forms:
    """A model folder in other forms, each made when it is first asked for and kept in the cache."""

    def __init__(self, folder: Path, cache: Path, peers: str | None) -> None:
        self.folder, self.peers = folder.resolve(), peers
        stated = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in weight_files(self.folder)]
        self.place = cache / f"{self.folder.name}-{hashlib.sha256(repr(stated).encode()).hexdigest()[:8]}"
        self.place.mkdir(parents=True, exist_ok=True)
        config = load_config(folder)
        embedding = config.vocab_size * config.hidden
        width = config.heads * config.head_width + config.kv_heads * config.head_width
        layer = config.hidden * (2 * width + 3 * config.intermediate)
        self.read_weights = config.layers * layer + embedding
        """Weights that a token's computation reads: all matrices, but of an embedding apart from the head one row."""
        self.read_share = 1.0 if config.tied else self.read_weights / (self.read_weights + embedding)
        self.context = config.context
        self.own_python = sys.executable

    def python(self, contender: Contender) -> str:
        """Return the interpreter that has a contender's libraries."""
        return self.peers if contender.peer and self.peers else self.own_python

    def spec(self, contender: Contender, threads: int) -> dict[str, object]:
        """Return what a contender's process is told.

        Raises:
            ContenderError: the form that it reads can't be made here.
        """
        if contender.peer and not self.peers:
            raise ContenderError("no --peers environment was named")
        spec: dict[str, object] = {
            "engine": contender.engine,
            "folder": str(self.folder),
            "precision": contender.precision,
            "threads": threads,
            "context": self.context,
            "read_weights": self.read_weights,
            "read_share": self.read_share,
            **contender.settings,
        }
        if contender.gguf:
            spec["gguf"] = str(self._gguf(contender.gguf))
        if contender.openvino:
            spec["openvino"] = str(self._openvino(*contender.openvino))
        return spec

    def _gguf(self, dtype: str) -> Path:
        out = self.place / f"{dtype}.gguf"
        if not out.is_file():
            try:
                from fabula.publish.gguf import export_gguf
            except ModuleNotFoundError as error:
                raise ContenderError(f"{error}: pip install 'fabula[publish]'") from None
            export_gguf(self.folder, out, dtype)  # type: ignore[arg-type]
        return out

    def _openvino(self, weights: str, group: int) -> Path:
        out = self.place / f"openvino-{weights}-{group}"
        if not (out / "openvino_model.xml").is_file():
            assert self.peers is not None
            arguments = [str(self.folder), "", weights, str(group)]
            with new_folder(out) as temporary:
                arguments[1] = str(temporary)
                convert(self.peers, arguments, self.place / f"{out.name}.log")
        return out


def convert(python: str, arguments: list[str], log: Path) -> None:
    """Run `bench.generation.convert` in the peers' environment.

    Raises:
        ContenderError: it couldn't.
    """
    command = [python, "-m", "bench.generation.convert", *arguments]
    with log.open("wb") as errors:
        done = subprocess.run(command, cwd=ROOT, env=environment(1), stdout=errors, stderr=errors, check=False)
    if done.returncode:
        lines = log.read_text(errors="replace").strip().splitlines()
        errors_named = [line for line in lines if ERROR_LINE.match(line)]
        say(f"the conversion's output is in {log}")
        raise ContenderError(f"conversion failed: {(errors_named or lines or ['no reason given'])[-1]}")
