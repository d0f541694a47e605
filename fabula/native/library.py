"""The compiled kernel: found beside this file, checked, opened once.

`FABULA_KERNEL=0` in the environment switches it off, for this process or, while Fabula is being installed, for good.
"""

import ctypes
import functools
import hashlib
import json
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent


def library() -> ctypes.CDLL | None:
    """Return the kernel, or None when it was not built or can't be used here; `why_not` says why."""
    found = _library_or_reason()
    return None if isinstance(found, str) else found


def why_not() -> str:
    """Return why there is no kernel, one line that ends without a full stop; empty when there is one."""
    found = _library_or_reason()
    return found if isinstance(found, str) else ""


@functools.cache
def _library_or_reason() -> ctypes.CDLL | str:
    return open_library(HERE)


def open_library(folder: Path) -> ctypes.CDLL | str:
    """Open the library of a folder, or say why that can't be done.

    It must be, to the byte, the file that was built of the sources beside it: one of other sources may compute
    something else, and a damaged one would end the process.
    """
    # Here: `python -m fabula.native.build` must not find itself imported by its own package.
    from fabula.native.build import COMMAND, LIBRARY, RECORD, SWITCH, fingerprint

    if os.environ.get(SWITCH) == "0":
        return f"{SWITCH}=0 switches it off"
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        sources, expected, reason = (str(record[key]) for key in ("sources", "library", "why_not"))
    except FileNotFoundError:
        return f"it was not built; to build it run: {COMMAND}"
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"{folder / RECORD} is damaged ({error}); to build the kernel again run: {COMMAND}"
    if reason:
        return f"when Fabula was installed, {reason}; with gcc or clang there, run: {COMMAND}"
    if sources != fingerprint(folder):
        return f"it was built of other sources than those here; to build it again run: {COMMAND}"
    try:
        content = (folder / LIBRARY).read_bytes()
        if hashlib.sha256(content).hexdigest() != expected:
            return f"{folder / LIBRARY} is damaged; to build it again run: {COMMAND}"
        return ctypes.CDLL(str(folder / LIBRARY))
    except OSError as error:
        return f"{folder / LIBRARY} can't be loaded ({error}); to build it again run: {COMMAND}"
