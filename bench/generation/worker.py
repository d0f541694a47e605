"""A contender's process: loads its model, then obeys one JSON line after the other until its input ends.

`python -m bench.generation.worker SPEC`, with the interpreter that has the contender's libraries.
"""

import importlib
import json
import os
import sys
import time
from typing import Any, TextIO

from bench.memory import memory


def main() -> None:
    """Answer every request with one line."""
    spec = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    try:
        engine = _load(spec, answers)
        for line in sys.stdin:
            _answer(answers, **_obey(engine, json.loads(line)))
    except Exception as error:  # whatever a library raises, the comparison goes on without it
        _answer(answers, failed=f"{type(error).__name__}: {error}".splitlines()[0])
        raise


def _load(spec: dict[str, Any], answers: TextIO) -> Any:
    begun = time.perf_counter()
    module = importlib.import_module(f"bench.generation.engines.{spec['engine']}")
    imported = time.perf_counter()
    engine = module.load(spec)
    seconds = {"import": imported - begun, "load": time.perf_counter() - imported}
    said = {name: getattr(engine, name) for name in ("weight_bytes", "computes", "version")}
    _answer(answers, seconds=seconds, **said)
    return engine


def _obey(engine: Any, request: dict[str, Any]) -> dict[str, Any]:
    if request["do"] == "memory":
        return memory()
    if request["do"] == "read":
        return {"bytes_per_second": engine.read(request["bytes"])}
    told = engine.tell(request["prompts"], request["new"])
    return {name: getattr(told, name) for name in ("first", "first_tokens", "total", "tokens")}


def _answer(answers: TextIO, **values: Any) -> None:
    print(json.dumps(values), file=answers, flush=True)


if __name__ == "__main__":
    main()
