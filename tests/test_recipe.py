import dataclasses
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabula import recipe as recipes
from fabula.errors import UserError
from fabula.recipe import Recipe


@pytest.mark.parametrize("name", recipes.shipped_recipes())
def test_shipped_recipes_survive_toml(name: str) -> None:
    recipe = recipes.load(name)
    assert recipes.parse(recipes.to_toml(recipe)) == recipe


def test_the_reference_recipe_writes_every_field_out() -> None:
    table = tomllib.loads(files("fabula.recipes").joinpath("test-1.toml").read_text())
    assert {f"{section}.{key}" for section, values in table.items() for key in values} == set(recipes.field_names())
    recipe = recipes.load("test-1")
    assert recipe.train.steps * recipe.train.tokens_per_step == 4_000 * 262_144
    assert (recipe.schedule.warmup_fraction, recipe.schedule.div_factor, recipe.schedule.final_div_factor) == (
        0.3,
        25,
        1e4,
    )
    assert (recipe.schedule.beta1_low, recipe.schedule.beta1_high) == (0.85, 0.95)


@pytest.mark.parametrize("name", ["nano", "small", "test-1"])
def test_the_fast_recipes_train_the_same_model_on_half_the_tokens(name: str) -> None:
    slow, fast = recipes.load(name), recipes.load(f"{name}-fast")
    assert fast.tokenizer == slow.tokenizer
    free = {"scale_residual_init": True}
    assert dataclasses.replace(fast.model, **free) == dataclasses.replace(slow.model, **free)
    slow_windows, fast_windows = (recipe.windows_before(recipe.train.steps) for recipe in (slow, fast))
    assert 0.45 * slow_windows < fast_windows < 0.51 * slow_windows


def test_every_field_has_a_sentence() -> None:
    assert list(recipes.field_help()) == recipes.field_names()
    assert all(sentence.endswith(".") for sentence in recipes.field_help().values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model]\nhiden = 1", "unknown field model.hiden: did you mean 'hidden'?"),
        ("[modle]\nhidden = 1", "unknown section [modle]: did you mean 'model'?"),
        ("model = 3", "model = 3 must be a section of fields"),
        ("[train]\nsteps = 'many'", "train.steps = 'many' must be a whole number"),
        ("[train]\nsteps = 2.5", "train.steps = 2.5 must be a whole number"),
        ("[train]\nsteps = true", "train.steps = True must be a whole number"),
        ("[train]\nsteps = -4", "train.steps = -4 must be at least 1"),
        ("[model]\nlayers = 0", "model.layers = 0 must be at least 1"),
        ("[model]\ntied = 1", "model.tied = 1 must be true or false"),
        ("[optimizer]\nlearning_rate = nan", "optimizer.learning_rate = nan must be a finite number"),
        ("[optimizer]\nlearning_rate = 0.0", "optimizer.learning_rate = 0.0 must be above 0"),
        ("[optimizer]\nbeta2 = 1.0", "optimizer.beta2 = 1.0 must be at least 0 and below 1"),
        ("[train]\ndevice = 'gpu'", "train.device = 'gpu': "),
        ("[tokenizer]\nvocab_size = 65536", "tokenizer.vocab_size = 65536 must be at least 257 and at most 65535"),
        ("[model]\nheads = 5", "model.heads = 5 must divide model.hidden = 768 without remainder"),
        ("[model]\nhidden = 12\nheads = 4", "model.hidden / model.heads = 3 must be even: rotary positions turn pairs"),
        ("[model]\nkv_heads = 5", "model.kv_heads = 5 must divide model.heads = 12"),
        ("[train]\ntokens_per_step = 1000", "must be a multiple of model.context = 2048"),
        ("[train]\nramp_from = 3000", "train.ramp_from = 3000 must be a multiple of model.context = 2048"),
        ("[train]\nramp_from = 6144", "divides train.tokens_per_step = 262144 without remainder"),
        ("[series]\nsteps = [5000]", "series.steps holds 5000, beyond the last step"),
        ("[corpus]\nsource = []", "corpus.source is empty"),
        ("[corpus]\nlong_share = 1.5", "corpus.long_share = 1.5 must be at least 0 and at most 1"),
        (
            "[corpus]\nsource = ['tinystories']\nlong_share = 0.2",
            "corpus.long_share = 0.2 is for corpus.source = storyworld, not for tinystories",
        ),
        ("[schedule]\nkind = 'trapezoid'\ndecay_fraction = 0.8", "must not add up to more than 1"),
        ("steps", "not valid TOML"),
    ],
)
def test_mistakes_get_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        recipes.parse(text, "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value).removesuffix("\n")


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'nano'"):
        recipes.load("nanno")
    with pytest.raises(UserError, match="is a folder"):
        recipes.load(str(tmp_path))
    (tmp_path / "photo.toml").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UserError, match="not a text file"):
        recipes.load(str(tmp_path / "photo.toml"))


def test_overrides_from_the_command_line() -> None:
    recipe = recipes.override(
        Recipe(),
        {
            "train.steps": "1_000",
            "model.tied": "true",
            "optimizer.learning_rate": "1e-3",
            "series.steps": "1, 2,3",
            "corpus.source": "a.txt,b.txt",
        },
    )
    assert recipe.train.steps == 1000
    assert recipe.model.tied is True
    assert recipe.optimizer.learning_rate == 1e-3
    assert recipe.series.steps == (1, 2, 3)
    assert recipe.corpus.source == ("a.txt", "b.txt")
    changes = recipes.differences(Recipe(), recipe)
    assert len(changes) == 5
    assert "train.steps: 4000 -> 1000" in changes


@settings(deadline=None)
@given(
    steps=st.integers(1, 300),
    stages=st.integers(1, 9),
    unit=st.integers(1, 4),
    fraction=st.floats(0, 1, exclude_max=True),
)
def test_a_ramp_grows_in_equal_stages(steps: int, stages: int, unit: int, fraction: float) -> None:
    recipe = recipes.from_table(
        {
            "model": {"context": 16},
            "train": {
                "steps": steps,
                "tokens_per_step": stages * unit * 16,
                "ramp_from": unit * 16,
                "ramp_fraction": fraction,
            },
        }
    )
    windows = [recipe.windows_before(step + 1) - recipe.windows_before(step) for step in range(steps)]
    assert windows == sorted(windows)
    assert set(windows) <= {unit * stage for stage in range(1, stages + 1)}
    growing = [size for size in windows if size < stages * unit]
    assert len(growing) <= fraction * steps
    assert len({growing.count(size) for size in growing}) <= 1
    assert recipe.windows_before(0) == 0


def test_without_a_ramp_all_batches_are_alike() -> None:
    assert [Recipe().windows_before(step) for step in (0, 1, 2000, 4000)] == [0, 128, 256_000, 512_000]


@pytest.mark.parametrize("setting", [("train.stepps", "1"), ("train", "1"), ("x.y", "1"), ("train.steps", "1.5")])
def test_wrong_overrides(setting: tuple[str, str]) -> None:
    with pytest.raises(UserError):
        recipes.override(Recipe(), dict([setting]))


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "learning_rate": st.floats(1e-6, 1, allow_nan=False),
            "weight_decay": st.floats(0, 1),
            "beta2": st.floats(0, 0.9999),
        }
    )
)
def test_toml_keeps_every_digit(values: dict[str, float]) -> None:
    recipe = recipes.from_table({"optimizer": values})
    assert recipes.parse(recipes.to_toml(recipe)) == recipe


def test_recipes_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().train.steps = 3  # type: ignore[misc]
