"""Story-world stories from many processes, in files whose content doesn't depend on how many there were.

`python -m fabula.corpus.generate SEED START STOP SHARE` writes the stories [START, STOP), of which a SHARE are long, to
standard output as jsonl.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fabula
from fabula.terminal import progress

STORIES_PER_FILE = 2_000


def generate(seed: int, start: int, stop: int, folder: Path, long_share: float = 0.0) -> list[Path]:
    """Write the stories [start, stop) of a seed to .jsonl files in `folder` and return them in order.

    `long_share` of the stories are long ones.

    Each file is made by its own Python process: a process started by fork would inherit other libraries' threads,
    and one started by multiprocessing's spawn would run a user's unguarded script again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ranges = [(first, min(first + STORIES_PER_FILE, stop)) for first in range(start, stop, STORIES_PER_FILE)]
    files = [folder / f"{first:09d}.jsonl" for first, _ in ranges]
    with (
        progress("writing the story world's stories", stop - start, "stories") as advance,
        ThreadPoolExecutor(_processors()) as pool,
    ):
        jobs = [
            pool.submit(_generate_file, seed, *span, long_share, file) for span, file in zip(ranges, files, strict=True)
        ]
        try:
            for job, (first, last) in zip(jobs, ranges, strict=True):
                job.result()
                advance(last - first)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return files


def _generate_file(seed: int, start: int, stop: int, long_share: float, file: Path) -> None:
    root = str(Path(fabula.__file__).parents[1])
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "fabula.corpus.generate", *map(str, (seed, start, stop, long_share))]
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": paths})
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr.decode(errors='replace')}")
    file.write_bytes(done.stdout)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lines(seed: int, start: int, stop: int, long_share: float = 0.0) -> Iterator[bytes]:
    from fabula.corpus.storyworld import stories

    for story in stories(seed, start, stop, long_share):
        yield json.dumps({"text": story.text}, ensure_ascii=False).encode() + b"\n"


if __name__ == "__main__":
    seed, start, stop = map(int, sys.argv[1:4])
    sys.stdout.buffer.writelines(_lines(seed, start, stop, float(sys.argv[4])))
