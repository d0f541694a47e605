"""A trained run, `fabula serve` as a user starts it, and a headless Chromium that looks at the page."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fabula import recipe as recipes
from fabula.study.probes import PROBES
from fabula.study.results import Result, write_results
from fabula.training.loop import train
from tests.training.conftest import WORDS

playwright = pytest.importorskip("playwright.sync_api", reason="the page's tests need Playwright")
Browser, Page, expect = playwright.Browser, playwright.Page, playwright.expect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
STEPS = 40
SIZE = {"width": 1280, "height": 860}
PATIENCE = 60.0
"""Seconds until something that must come counts as missing."""
expect.set_options(timeout=PATIENCE * 1000)


def train_tiny(folder: Path, stories: Path) -> Path:
    """Train a storyteller of babble with six checkpoints, in a second or two."""
    train(
        recipes.parse(f"""
            [corpus]
            source = ["{stories.as_posix()}"]
            [tokenizer]
            vocab_size = 320
            [model]
            hidden = 32
            layers = 2
            heads = 2
            intermediate = 48
            context = 128
            tied = true
            [train]
            steps = {STEPS}
            tokens_per_step = 512
            micro_batch = 4
            device = "cpu"
            precision = "float32"
            compile = "off"
            threads = 1
            [optimizer]
            learning_rate = 1e-2
            [series]
            steps = [0, 2, 8, 18, 30]
            """),
        folder,
    )
    return folder


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished run with a checkpoint in each phase, never studied."""
    folder = tmp_path_factory.mktemp("page")
    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=draw.randint(12, 40))).capitalize() + "." for _ in range(200)]
    (folder / "stories.txt").write_text("\n<|endoftext|>\n".join(texts), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FABULA_CACHE", str(folder / "cache"))
        yield train_tiny(folder / "babble", folder / "stories.txt")


def add_study(run: Path) -> None:
    """Give a run the results of a study: three probes that rise."""
    steps = sorted(int(path.name.removeprefix("step-")) for path in (run / "checkpoints").iterdir())
    rows = [
        Result(
            *(run.name, run.name, 0, step, step * 512, probe.name, "", "value"),
            *(0.5 + 0.01 * step, 0.45 + 0.01 * step, 0.55 + 0.01 * step, 100, 100),
            *(0.5, 0.6, "5-gram", 1.0, None, None, None),
        )
        for probe in PROBES[:3]
        for step in steps
    ]
    (run / "study").mkdir()
    write_results(run / "study" / "results.parquet", rows)


@dataclass
class Growing:
    """A run that goes on: what a training would write next is moved into place step by step."""

    folder: Path
    source: Path
    rows: list[str]

    @classmethod
    def begin(cls, folder: Path, source: Path, until: int) -> "Growing":
        """Copy a finished run as it was at a step."""
        shutil.copytree(
            source, folder, ignore=shutil.ignore_patterns("checkpoints", "metrics.jsonl", "resume", "study")
        )
        (folder / "checkpoints").mkdir()
        growing = cls(folder, source, (source / "metrics.jsonl").read_text().splitlines(keepends=True))
        growing.go_on(until)
        return growing

    def go_on(self, until: int) -> None:
        """Write what comes up to a step."""
        rows = [row for row in self.rows if json.loads(row)["step"] <= until]
        self.rows = self.rows[len(rows) :]
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.writelines(rows)
        for checkpoint in sorted((self.source / "checkpoints").iterdir()):
            landed = self.folder / "checkpoints" / checkpoint.name
            if int(checkpoint.name.removeprefix("step-")) <= until and not landed.exists():
                shutil.copytree(checkpoint, landed.with_name(f".{landed.name}"))
                landed.with_name(f".{landed.name}").rename(landed)


@pytest.fixture(scope="package")
def growing(trained: Path) -> Growing:
    """A run that has come to step 20 of 40."""
    return Growing.begin(trained.parent / "growing", trained, 20)


@pytest.fixture(scope="package")
def served(trained: Path, growing: Growing) -> Iterator[str]:
    """The address of a studio with a finished, studied run, a growing one, and a model alone."""
    studied = trained.parent / "studied"
    shutil.copytree(trained, studied)
    add_study(studied)
    alone = trained.parent / "alone"
    shutil.copytree(trained / "checkpoints" / f"step-{STEPS:05d}", alone)
    with serve(trained, studied, growing.folder, alone) as address:
        yield address


class serve:  # noqa: N801 (reads as the command it runs)
    """`fabula serve` on a free port, until the block ends."""

    def __init__(self, *models: Path, token: str = "") -> None:
        self.command = [sys.executable, "-m", "fabula", "serve", *map(str, models), "--port", "0", "--threads", "1"]
        if token:
            self.command += ["--token", token]

    def __enter__(self) -> str:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if found := re.search(r"http://[\w.:]+", line):
                return found[0].rstrip("/")
        raise AssertionError(f"fabula serve ended: {said}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:  # How it ends is for other tests to say.
            self.process.kill()
            self.process.communicate()

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.stop()


def chromium() -> str | None:
    """Return the browser's path: what CHROMIUM names, or the first that is installed."""
    return os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)


# Of the package, not of the session: while it is open no other test can run an event loop in this thread.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium here: install it, or name it in CHROMIUM")
    with playwright.sync_playwright() as library:
        opened = library.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@dataclass
class Visit:
    """A page in a browser of its own, and all that it did wrong."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)

    def go(self, hash: str = "") -> Page:
        """Open a view and wait until it stands."""
        self.page.goto(f"{self.address}/{hash}")
        expect(self.page.locator(".view")).to_be_visible()
        return self.page

    def told(self, least: int = 1) -> None:
        """Wait until stories have been told to their ends."""
        wait(lambda: self.page.locator(".tokens .token").count() >= least, "no story was told")
        wait(lambda: self.page.locator(".caret:visible").count() == 0, "a story did not end")

    def text(self) -> str:
        """Return the story that is read."""
        return str(self.page.locator(".view .story-text").first.inner_text())


def wait(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait until something holds; the page's security policy forbids to wait inside of it."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.03)


@pytest.fixture
def visit(browser: Browser, served: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit at the studio that must end without an error in the console or a request to anybody else.

    Parametrize it indirectly with what a browser context takes, to visit on a phone or in the dark.
    """
    settings = {"viewport": SIZE, "reduced_motion": "reduce", **getattr(request, "param", {})}
    context = browser.new_context(**settings)
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    visited = Visit(page, served)

    def asked(url: str) -> None:
        if urlsplit(url).scheme != "blob" and urlsplit(url).netloc != urlsplit(visited.address).netloc:
            visited.faults.append(f"asked {url}")

    page.on("console", lambda said: said.type in ("error", "warning") and visited.faults.append(said.text))
    page.on("pageerror", lambda error: visited.faults.append(str(error)))
    page.on("request", lambda made: asked(made.url))
    yield visited
    context.close()
    assert visited.faults == []
