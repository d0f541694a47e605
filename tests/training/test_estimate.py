import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import fabula
from fabula import recipe as recipes
from fabula.cli import main
from fabula.cli.estimate import duration, parse_prices
from fabula.corpus.build import cached_store
from fabula.errors import UserError
from fabula.model.config import LlamaConfig
from fabula.model.llama import Llama
from fabula.recipe import Recipe
from fabula.training import calibration, costs, gpus
from fabula.training.calibration import MadeUpStore, Sample, choose_samples, made_up_trainer, timed_steps
from fabula.training.costs import Pace, Span
from fabula.training.estimate import estimate
from fabula.training.loop import train
from fabula.training.run import RunFolder

SHAPES = [
    LlamaConfig(vocab_size=300, hidden=32, layers=3, heads=4, kv_heads=2, intermediate=48, context=64, tied=True),
    LlamaConfig(vocab_size=999, hidden=48, layers=1, heads=2, kv_heads=2, intermediate=100, context=32, tied=False),
]
GPT2_SMALL = LlamaConfig(
    vocab_size=50_257, hidden=768, layers=12, heads=12, kv_heads=12, intermediate=2_048, context=2_048, tied=True
)
"""As large as GPT-2's and MPT's smallest: 124 M weights."""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SECONDS", 0.05)


@pytest.mark.parametrize("config", SHAPES)
def test_counts_are_the_models_own(config: LlamaConfig) -> None:
    model = Llama(config)
    assert costs.weights(config).total == model.parameter_count()
    assert costs.flops(config, attended=17.5).useful == pytest.approx(model.flops_per_token(17.5))


def test_backward_computes_scores_again() -> None:
    found = costs.flops(SHAPES[0], attended=10.0)
    assert found.executed - found.useful == pytest.approx(found.attention / 6)  # one of six products


def test_muon_costs_flops_and_saves_memory(tiny: Recipe) -> None:
    config = SHAPES[0]
    assert costs.update_flops(config, "adamw") == 0
    # A square matrix: five iterations of three products of 2 n^3.
    square = replace(config, layers=1, kv_heads=4, intermediate=32)
    assert costs.update_flops(square, "muon") == pytest.approx((4 + 3) * 5 * 3 * 2 * 32**3)
    muon = recipes.override(tiny, {"optimizer.kind": "muon"})
    saved = costs.memory(tiny, config, 4, "float32").optimizer - costs.memory(muon, config, 4, "float32").optimizer
    assert saved == 4 * costs.weights(config).matrices


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_the_optimizer_holds_what_is_counted(kind: str, tiny: Recipe) -> None:
    trainer = made_up_trainer(recipes.override(tiny, {"optimizer.kind": kind}), vocab_size=320)
    timed_steps(trainer, seconds=0.0, most=1, fewest=1)
    held = sum(tensor.nbytes for tensor in trainer.optimizer.tensors().values() if tensor.dim())
    assert held == costs.memory(trainer.recipe, trainer.model.config, 4, "float32").optimizer


@pytest.mark.parametrize("width", [2, 4])
def test_what_is_kept_for_backward_lies_in_the_span(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted by autograd itself, in two depths, so that what isn't a layer's cancels out."""
    kept = {}
    for layers in (1, 3):
        config = replace(SHAPES[0], layers=layers, hidden=96, intermediate=256, kv_heads=4, heads=4)
        kept[layers] = _kept_bytes(Llama(config), width) / 128
    copies = 2 * costs.weights(config).matrices / 3 / 128 if width == 2 else 0  # autocast's, a layer
    a_layer = (kept[3] - kept[1]) / 2 - copies
    span = costs.activations(config, width)
    one = costs.activations(replace(config, layers=1), width)
    assert (span.low - one.low) / 2 <= 1.05 * a_layer
    assert a_layer <= 1.05 * (span.high - one.high) / 2


def _kept_bytes(model: Llama, width: int) -> int:
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: list[torch.Tensor] = []
    tokens = torch.randint(0, 300, (2, 64))
    hooks = torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor
    )
    with hooks, torch.autocast("cpu", torch.bfloat16, enabled=width == 2):
        model.hidden(tokens, torch.arange(64).expand(2, 64), torch.tensor([0, 64, 128], dtype=torch.int32))
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in kept}
    return sum(size for place, size in storages.items() if place not in weights)


@pytest.mark.parametrize(
    ("card", "context", "tokens_per_second"),
    [("A100", 2_048, 142_800), ("A100", 1_024, 187_000), ("H100", 2_048, 430_000)],
    # MPT-125M (44.8 % MFU); nanoGPT's successor (8 A100: 1.5 M tokens/s); 41 % MFU as nanochat's smallest
)
def test_published_speeds_lie_in_the_span(card: str, context: int, tokens_per_second: float) -> None:
    gpu = next(gpu for gpu in gpus.GPUS if gpu.name == card)
    recipe = recipes.override(recipes.load("test-1"), {"model.context": str(context)})
    config = replace(GPT2_SMALL, context=context)
    window = gpus.pace(gpu, 1, recipe, config, attended=(context + 1) / 2, micro_batch=16).window
    assert context / window.high <= tokens_per_second <= context / window.low
    useful = costs.flops(config, (context + 1) / 2).useful * context
    assert 0.2 < useful / window.high / gpu.flops < useful / window.low / gpu.flops < 0.65


def test_small_models_wait_for_launches_and_large_ones_do_not() -> None:
    recipe = recipes.load("nano")
    nano = LlamaConfig.from_recipe(recipe.model, 2_048)
    fast, slow = (next(gpu for gpu in gpus.GPUS if gpu.name == name) for name in ("B200", "A100"))
    small = [gpus.pace(gpu, 1, recipe, nano, 130, 2).window for gpu in (fast, slow)]
    large = [gpus.pace(gpu, 1, recipe, GPT2_SMALL, 130, 16).window for gpu in (fast, slow)]
    assert small[0].high == small[1].high
    assert large[0].high < large[1].high / 2


def test_gpus_divide_the_work_with_a_loss() -> None:
    recipe = recipes.load("test-1")
    gpu = gpus.GPUS[0]
    one, eight = (gpus.pace(gpu, count, recipe, GPT2_SMALL, 1_024, 16).window for count in (1, 8))
    assert one.low / 8 < eight.low < eight.high < one.high / 8 * 1.3


def test_the_largest_micro_batch_fits_and_the_next_does_not() -> None:
    recipe = recipes.load("test-1")
    config = LlamaConfig.from_recipe(recipe.model, 50_257)
    for gpu in gpus.GPUS:
        most = gpus.largest_micro_batch(gpu, recipe, config, share=128)
        assert most
        assert gpus.needed_memory(recipe, config, most).high <= gpu.memory
        assert most == 128 or gpus.needed_memory(recipe, config, 2 * most).high > gpu.memory
    huge = replace(config, hidden=4_096, heads=32, kv_heads=32, layers=32, intermediate=14_336)
    assert gpus.largest_micro_batch(gpus.GPUS[-1], recipe, huge, share=128) == 0


def test_a_ramp_is_counted_window_by_window(tiny: Recipe) -> None:
    pace = Pace(window=Span(1.0, 2.0), update=Span(0.5, 0.5))
    assert pace.run(tiny) == Span(12 * (8 * 1.0 + 0.5), 12 * (8 * 2.0 + 0.5))
    ramped = recipes.override(tiny, {"train.ramp_from": "256"})
    assert pace.run(ramped).low == ramped.windows_before(12) * 1.0 + 12 * 0.5
    assert pace.run(ramped).low < pace.run(tiny).low


def test_the_sample_shrinks_with_what_a_step_costs(tiny: Recipe) -> None:
    deep = recipes.override(tiny, {"model.layers": "6"})
    second = calibration.SECONDS / calibration.STEPS / 2 / deep.model.context
    assert choose_samples(deep, 4, second / 100) == [Sample(6, 4, 2)]  # the whole step
    assert choose_samples(deep, 4, second / 5) == [Sample(6, 4, 1)]
    assert choose_samples(deep, 4, second / 2.5) == [Sample(6, 2, 1)]
    assert choose_samples(deep, 4, second * 2) == [Sample(1, 1, 1), Sample(3, 1, 1)]


def test_two_depths_give_the_line_through_them(tiny: Recipe) -> None:
    deep = recipes.override(tiny, {"model.layers": "11"})
    measured = [calibration.Measured(Sample(layers, 1, 1), [2.0 + layers] * 3, [0.1 * layers] * 3) for layers in (1, 3)]
    pace = calibration._pace(deep, measured)
    assert pace.window.middle == pytest.approx(2.0 + 11, rel=0.01)
    assert pace.update.middle == pytest.approx(1.1, rel=0.01)


def test_made_up_stories_are_as_assumed() -> None:
    store = MadeUpStore(vocab_size=500, context=1_024, windows=200)
    lengths = store.train.offsets[1:] - store.train.offsets[:-1]
    assert lengths.mean() == pytest.approx(calibration.STORY_TOKENS, rel=0.05)
    assert lengths.std() == pytest.approx(calibration.STORY_SPREAD, rel=0.1)
    tokens = store.train.read(0, store.train.tokens)
    assert len(tokens) == store.train.tokens
    assert 0 <= tokens.min() <= tokens.max() < 500


def test_it_takes_the_corpus_where_it_is_built(tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABULA_CACHE", str(tmp_path / "cache"))
    guessed = estimate(tiny, here=False)
    assert not (tmp_path / "cache").exists()
    assert guessed.epochs is None
    assert guessed.attended_from.startswith("assumed")
    store = cached_store(tiny.corpus, tiny.tokenizer)
    known = estimate(tiny, here=False)
    assert known.attended_from == "the corpus"
    train(recipes.override(tiny, {"train.steps": "1", "series.steps": "0"}), tmp_path / "run")
    entry = RunFolder(tmp_path / "run").metrics()[0]
    per_token = entry["flops_per_second"] / entry["tokens_per_second"]
    assert known.flops_per_token == pytest.approx(per_token)
    assert known.tokens == pytest.approx(12 * entry["tokens"], rel=0.05)
    assert known.parameters == Llama(LlamaConfig.from_recipe(tiny.model, store.vocab_size)).parameter_count()


def test_steps_are_measured_here(tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABULA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    found = estimate(tiny, prices={"here": 3_600.0, "A100": 1.0})
    assert sorted(tmp_path.rglob("*")) == before
    here = found.predictions[0]
    assert here.device == "here"
    assert here.measured
    assert not any(prediction.measured for prediction in found.predictions[1:])
    assert 0 < here.step_seconds.low < here.step_seconds.high
    assert here.seconds.low > 12 * here.step_seconds.low
    assert here.price is not None
    assert here.price.low == pytest.approx(here.seconds.low)
    a100 = next(prediction for prediction in found.predictions if prediction.device == "A100")
    assert a100.price is not None
    assert a100.price.high == pytest.approx(a100.seconds.high / 3_600)
    assert found.calibration is not None
    assert found.calibration.precision == "float32"
    assert "made-up stories" in found.calibration.measured


def test_mistakes_are_one_line(tiny: Recipe) -> None:
    with pytest.raises(UserError, match=r"'H10'.*H100"):
        estimate(tiny, prices={"H10": 1.0}, here=False)
    with pytest.raises(UserError, match=r"8 windows don't split evenly among 3 GPUs"):
        estimate(tiny, count=3, here=False)
    for word in ("H100", "H100=cheap", "H100=-1", "=2", "H100=inf"):
        with pytest.raises(UserError, match="DEVICE=DOLLARS"):
            parse_prices([word])
    assert parse_prices(["RTX 4090=0.4", "here=0"]) == {"RTX 4090": 0.4, "here": 0.0}


def test_durations_have_one_unit() -> None:
    assert duration(Span(59, 62)) == "59-62 s"
    assert duration(Span(100, 100)) == "1.7 min"
    assert duration(Span(4_000, 40_000)) == "1.1-11 h"


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(fabula.__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "100",
        "FABULA_CACHE": str(cwd / "cache"),
    }
    command = [sys.executable, "-m", "fabula", "train", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


def test_the_command_says_it_and_writes_nothing(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "here"
    place.mkdir()
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(recipes.to_toml(tiny), encoding="utf-8")
    as_json = run(str(recipe), "--estimate", "--json", "--gpus", "2", "--price", "H100=2", cwd=place)
    assert as_json.returncode == 0, as_json.stderr
    found = json.loads(as_json.stdout)
    assert found["recipe"] == "tiny"
    assert found["steps"] == 12
    h100 = next(entry for entry in found["predictions"] if entry["device"] == "H100")
    assert h100["count"] == 2
    assert h100["price_per_hour"] == [2, 2]
    assert h100["fits"] == "yes"
    monkeypatch.chdir(place)
    monkeypatch.setenv("FABULA_CACHE", str(place / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    main(["train", str(recipe), "--estimate", "--optimizer.kind", "muon"])
    told = capsys.readouterr().out
    assert all(any(line.startswith(gpu.name) for line in told.splitlines()) for gpu in gpus.GPUS)
    assert "assumed from data sheets, not measured on a GPU" in told
    assert list(place.iterdir()) == []


def test_its_options_need_it(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(recipes.to_toml(tiny), encoding="utf-8")
    done = run(str(recipe), "--gpus", "8", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "fabula: --gpus needs --estimate\n"
