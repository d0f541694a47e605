"""The storyteller that comes with Fabula: it is the one on record, small enough, quick to start, and tells."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

import fabula
from fabula.cli import main
from fabula.files import read_json, sha256
from fabula.model.resolve import STORYTELLER, model_folder
from tests.conftest import ROOT
from tests.tiny import one_thread as one_thread

PROMPT = "Once upon a time, a boy found a silver key."
RECORD = ROOT / "models" / STORYTELLER
BOX = Path(fabula.__file__).parent / STORYTELLER
LARGEST = 12_000_000


def test_its_files_are_those_on_record_and_fit_into_12_megabytes() -> None:
    recorded = read_json(RECORD / "run.json")["weights"]
    assert {path.name: sha256(path) for path in BOX.iterdir()} == recorded
    assert sum(path.stat().st_size for path in BOX.iterdir()) <= LARGEST


def test_its_weights_are_bfloat16_and_finite() -> None:
    with safe_open(BOX / "model.safetensors", "pt") as file:
        for name in file.keys():  # noqa: SIM118 - no mapping
            tensor = file.get_tensor(name)
            assert str(tensor.dtype) == "torch.bfloat16"
            assert tensor.isfinite().all(), name


def test_it_tells_without_being_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    main(["generate", PROMPT, "--seed", "1"])
    out, err = capsys.readouterr()
    assert out.startswith(PROMPT)
    assert len(out.split()) > 40
    assert "the story is at its end" in err
    told = fabula.load(device="cpu").generate(PROMPT, seed=1)[0]
    assert out.strip() == f"{PROMPT}{told.text}".strip()


def test_its_stories_end_by_themselves_and_do_not_loop() -> None:
    told = fabula.load(device="cpu").generate(PROMPT, n=8)
    assert sum(story.stop_reason == "end-of-text" for story in told) >= 6
    for story in told:
        sentences = [sentence for sentence in story.text.split(". ") if len(sentence) > 20]
        assert len(set(sentences)) > 0.8 * len(sentences)


def test_it_is_evaluated_like_any_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    file = tmp_path / "mine.txt"
    file.write_text(
        "Once upon a time, there was a little girl named Lily. She had a red ball. One day, she lost it in the park. "
        "She was sad. Her mom helped her look for it. They found it under a tree. Lily was happy.\n<|endoftext|>\n"
        "Tom had a dog. The dog liked to run. One day, the dog ran away. Tom was sad. Then the dog came back.\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    main(["evaluate", STORYTELLER, "--corpus", "mine.txt", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["stories"] == 2
    assert 0.2 < found["bits_per_byte"] < 0.8  # what it was trained on reads like this


def test_a_cold_start_imports_no_pytorch(tmp_path: Path) -> None:
    code = (
        "import sys; from fabula.cli import main; main(['generate', 'One day', '--max-new-tokens', '3']);"
        "sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    if "kernel can't be used" in done.stderr:
        pytest.skip("without the kernel PyTorch computes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("One day")


def test_the_record_states_what_was_measured() -> None:
    own, baselines = (read_json(RECORD / f"{name}.json") for name in ("evaluation", "baselines"))
    low, high = own["bits_per_byte_interval"]
    assert low < own["bits_per_byte"] < high < baselines["5-gram"]["bits_per_byte_interval"][0]
    assert own["stories_in_training"] == 0
    assert {entry["stories"] for entry in baselines.values()} == {own["stories"]}
    assert model_folder(STORYTELLER) == BOX


def test_the_card_states_the_recorded_figures() -> None:
    card, own = (RECORD / "card.md").read_text(encoding="utf-8"), read_json(RECORD / "evaluation.json")
    assert f"| all held-out stories, bits/byte | {own['bits_per_byte']:.4f} |" in card
    groups = {entry["capability"] for entry in read_json(RECORD / "verdicts.json")["claims"]}
    assert all(f"Measured: **{capability}**" in card for capability in groups)
