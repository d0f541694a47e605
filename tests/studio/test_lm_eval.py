"""lm-evaluation-harness asks a studio as it asks OpenAI, and finds what our own scorer finds."""

import importlib.util

import pytest

from fabula.corpus.tokenizer import id_count
from fabula.publish.lm_eval import export_lm_eval
from fabula.study.scoring.likelihood import ModelScorer
from fabula.study.scoring.llama import open_model
from tests.publish.items import write_items
from tests.publish.test_lm_eval import agree, run_harness
from tests.studio.live import live
from tests.tiny import tiny_checkpoint, tiny_model, tiny_tokenizer

NEEDED = ("lm_eval", "aiohttp", "tenacity")


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED),
    reason="lm_eval is not installed (pip install lm-eval[api])",
)
def test_the_harness_finds_the_same_through_the_api(tmp_path):
    tasks = export_lm_eval(write_items(tmp_path / "study"), tmp_path / "tasks")
    model = tiny_model(vocab_size=id_count(tiny_tokenizer()), context=256)
    folder = tiny_checkpoint(tmp_path / "brook", model)
    with live(folder) as studio:
        settings = {
            "model": "brook", "base_url": f"{studio.url}/v1/completions", "tokenizer": folder,
            "tokenizer_backend": "huggingface", "add_bos_token": True, "num_concurrent": 4, "max_retries": 1,
            "max_length": 256, "seed": 1,
        }  # fmt: skip
        joined = ",".join(f"{name}={value}" for name, value in settings.items())
        found = run_harness(tasks, tmp_path / "out", "local-completions", joined)
    agree(found, ModelScorer(open_model(folder)))
