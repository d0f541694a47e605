"""The comparison with and without long stories: what differs between the arms, and how answers become intervals."""

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from bench.long_stories import asking, lists
from bench.long_stories.__main__ import Comparison
from bench.long_stories.picture import draw
from fabula.corpus.store import TokenStore
from fabula.study.corpus import StudyCorpus
from fabula.study.scores import Scores

CONDITIONS = ["50", "800"]


def scores(far: float) -> Scores:
    """Return answers of 40 stories at two distances, all right near by."""
    clusters = np.repeat([f"story-{index}" for index in range(40)], 2)
    conditions = np.tile(CONDITIONS, 40)
    correct = np.where(conditions == "50", 1.0, np.repeat(np.arange(40) < 40 * far, 2).astype(float))
    return Scores(np.arange(80).astype(np.str_), clusters, conditions, {"correct": correct})


def test_estimates_are_means_over_seeds_with_an_interval_around_them() -> None:
    near, far = asking.estimates({0: scores(0.7), 1: scores(0.5)}, "correct")
    assert (near["condition"], near["value"], near["low"], near["high"]) == ("50", 1.0, 1.0, 1.0)
    assert far["value"] == pytest.approx(0.6)
    assert far["low"] < 0.5 < far["value"] < far["high"]
    assert far["by_seed"] == {"0": 0.7, "1": 0.5}
    assert far["units"] == 40


def test_distances_are_in_the_order_of_their_numbers() -> None:
    found = asking.estimates({0: Scores(*(np.array(["9", "100", "20"]),) * 3, {"gain": np.ones(3)})}, "gain")
    assert [point["condition"] for point in found] == ["9", "20", "100"]


def test_the_questions_are_made_once_and_balanced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"NEAR": 2, "FAR": 4, "TEMPLATE_ITEMS": 8, "HELD_OUT": 2}.items():
        monkeypatch.setattr(asking, name, value)
    corpus = StudyCorpus("hash", (), ("Ann had a hat.",), cast(TokenStore, None))
    made = asking.Material.make(tmp_path, corpus)
    assert [item.condition for item in made.items["world_recall"]].count("800") == 4
    assert len(made.items["world_recall"]) == 4 + 2 * 5
    assert len(made.items["memory"]) == 8
    assert len({json.loads(line)["text"] for line in made.held_out.read_text().splitlines()}) == 2
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert asking.Material.make(tmp_path, corpus) == made
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times


def test_a_stage_with_lists_is_as_long_as_it_has_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {"rhymes-5-900": 2.1, "names-5-900": 4.0, "names-5-1350": 2.7}
    trained = []

    def train(self: Comparison, name: str, steps: int, seed: int, start: str) -> str:
        trained.append((name, steps, Path(start).name))
        (tmp_path / name).mkdir()
        return str(tmp_path / name)

    monkeypatch.setattr(Comparison, "_train", train)
    monkeypatch.setattr(Comparison, "_stage", lambda self, stage, steps: steps)
    monkeypatch.setattr(Comparison, "_loss", lambda self, folder: losses[Path(folder).name])
    comparison = Comparison.__new__(Comparison)
    comparison.out = tmp_path
    assert Path(comparison._train_lists(5)).name == "names-5-1350"
    assert trained == [
        ("rhymes-5-900", 900, ""),
        ("names-5-900", 900, "rhymes-5-900"),
        ("names-5-1350", 1350, "rhymes-5-900"),
    ]
    assert [comparison._list_steps(stage, 5) for stage in lists.STAGES] == [900, 1350]


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    points = asking.estimates({0: scores(0.7)}, "correct")
    panels = {name: dict.fromkeys(columns, points) for name, columns in asking.COLUMNS.items()}
    draw({"arms": {"with": {"panels": panels}, "without": {"panels": panels}}}, tmp_path / "memory.png")
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")
