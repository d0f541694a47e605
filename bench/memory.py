"""What a process says of its own memory."""

import re
import resource
import sys
from pathlib import Path


def memory() -> dict[str, int]:
    """Return the most bytes that were resident, and the process's share of what is now (Linux; else 0)."""
    status, shares = Path("/proc/self/status"), Path("/proc/self/smaps_rollup")
    if not status.exists():
        kilobyte = 1 if sys.platform == "darwin" else 1024
        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte, "share": 0}
    peak = re.search(r"VmHWM:\s+(\d+)", status.read_text())
    share = re.search(r"Pss:\s+(\d+)", shares.read_text())
    assert peak is not None
    assert share is not None
    return {"peak": int(peak[1]) * 1024, "share": int(share[1]) * 1024}
