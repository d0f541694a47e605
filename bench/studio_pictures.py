"""The README's pictures of the studio, taken by a headless Chromium from a live server.

    python -m bench.studio_pictures

serves the series and the storyteller of this repository, tells the same stories each time (same seeds), and writes
docs/studio-write.png and docs/studio-compare.png. With `--address http://...` it looks at a studio that runs already.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Page, ViewportSize, sync_playwright

PROMPT = "Once upon a time, a girl named Mia found a silver key in the garden."
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SIZE = ViewportSize(width=1280, height=960)
SCALE = 1.25
MOST_BYTES = 400_000
PATIENCE = 120.0
"""Seconds until stories must have been told."""


def main() -> None:
    """Take both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", help="of a running studio with a series and `storyteller` (default: start one)")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder (default: docs)")
    parsed = parser.parse_args()
    with contextlib.ExitStack() as stack:
        address = parsed.address or stack.enter_context(served("models/series", "storyteller"))
        library = stack.enter_context(sync_playwright())
        browser = library.chromium.launch(executable_path=chromium(), args=FLAGS)
        for name, picture in (("write", write), ("compare", compare)):
            page = browser.new_page(viewport=SIZE, device_scale_factor=SCALE, reduced_motion="reduce")
            picture(page, address)
            path = parsed.out / f"studio-{name}.png"
            page.screenshot(path=path)
            size = path.stat().st_size
            print(f"{path}: {size:,} bytes" + (f", more than {MOST_BYTES:,}" if size > MOST_BYTES else ""))
        browser.close()


def write(page: Page, address: str) -> None:
    """A story coloured by surprise, two branches, and what else could have come at the most open place."""
    page.goto(f"{address}/#write?{urlencode({'model': 'storyteller', 'prompt': PROMPT, 'tell': 1})}")
    told(page)
    page.locator(".choice label", has_text="Surprise").first.click()
    page.locator(".tokens .token").nth(most_open(page)).click()
    page.locator(".alternatives li button").nth(1).click()
    told(page)
    page.locator("[role=treeitem]").first.click()
    page.locator(".tokens .token").nth(most_open(page)).click()
    page.evaluate("scrollTo(0, 0)")


def most_open(page: Page) -> int:
    """Return the first of the words, between the tenth and the fortieth, that surprised most."""
    levels = page.locator(".tokens .token").evaluate_all("all => all.map(one => one.className)")
    return max(range(10, 40), key=lambda place: max(re.findall(r"\bs(\d)", levels[place]), default="0"))


def compare(page: Page, address: str) -> None:
    """Five checkpoints, one from each phase, side by side."""
    page.goto(f"{address}/#compare?{urlencode({'prompt': PROMPT})}")
    told(page)
    page.evaluate("scrollTo(0, 0)")


def told(page: Page) -> None:
    """Wait until all stories are at their ends."""
    wait(lambda: page.locator(".tokens .token").count() > 0)
    wait(lambda: page.locator(".caret:visible").count() == 0)
    page.evaluate("document.fonts.ready")


def wait(holds: Callable[[], bool]) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it never did.
    """
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the stories did not come to their ends")
        time.sleep(0.1)


@contextlib.contextmanager
def served(*models: str) -> Iterator[str]:
    """Yield the address of a studio of our own."""
    command = [sys.executable, "-m", "fabula", "serve", *models, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(found[0].rstrip("/") for line in process.stdout if (found := re.search(r"http://[\w.:]+", line)))
        finally:
            process.terminate()


def chromium() -> str | None:
    """Return the browser's path: what CHROMIUM names, one that is installed, or None: Playwright's own."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


if __name__ == "__main__":
    main()
