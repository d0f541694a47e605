"""The process that works on the GPU: one job a line on standard input, one answer a line on standard output."""

import gc
import json
import os
import sys
import traceback
import warnings
from typing import Any

import torch

from bench.gpu.plan import WORK
from bench.gpu.settings import Settings
from fabula.errors import UserError
from fabula.terminal import hush


def main() -> None:
    """Answer jobs until standard input ends. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    hush()
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do one job; a failure is an answer too."""
    settings = Settings(**request["settings"])
    if settings.smoke:
        torch.set_num_threads(1)
    clear(settings)
    try:
        return {"result": WORK[request["part"]](settings, **request["given"])}
    except torch.OutOfMemoryError:
        return {"failed": "out of memory"}
    except UserError as error:
        return {"failed": str(error)}
    except Exception as error:  # whatever a job meets on a machine that nobody has tried: the others go on
        traceback.print_exc()
        lines = [line for line in str(error).splitlines() if line.strip()]
        return {"failed": f"{type(error).__name__}: {lines[0] if lines else ''}"[:500]}


def clear(settings: Settings) -> None:
    """Leave nothing of the job before: compiled code, memory, its peak."""
    torch.compiler.reset()
    gc.unfreeze()
    gc.collect()
    if settings.device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


if __name__ == "__main__":
    main()
