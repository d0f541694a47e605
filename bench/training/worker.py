"""A contender's process: trains, and takes turns, until its input ends.

`python -m bench.training.worker SPEC`, with the interpreter that has the contender's libraries.
"""

import importlib
import json
import os
import sys

from bench.training.pace import Pace, StoppedError


def main() -> None:
    """Train until nobody asks for more."""
    spec = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    try:
        engine = importlib.import_module(f"bench.training.engines.{spec['engine']}")
        engine.train(spec, Pace(answers, sys.stdin))
    except (StoppedError, BrokenPipeError):  # nobody asks, or listens, any more
        return
    except Exception as error:  # whatever a library raises, the contest goes on without it
        print(json.dumps({"failed": f"{type(error).__name__}: {error}".splitlines()[0]}), file=answers, flush=True)
        raise


if __name__ == "__main__":
    main()
