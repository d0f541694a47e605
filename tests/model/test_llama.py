"""The model is `transformers`' Llama, to rounding, and documents in a window don't see each other."""

import pytest
import torch

from fabula import recipe
from fabula.model import kernels
from fabula.model.config import LlamaConfig
from fabula.model.llama import KeyValueCache, Llama, rotary_angles
from fabula.model.loss import PADDING
from tests.model.reference import documents, reference_model, relative_error
from tests.tiny import tiny_config, tiny_model

SHAPES = [
    {},
    {"heads": 4, "kv_heads": 4, "tied": True},
    {"heads": 4, "kv_heads": 1, "hidden": 64, "layers": 3},
    {"heads": 2, "kv_heads": 1, "intermediate": 48, "tied": True, "rope_theta": 500.0},
    {"heads": 1, "kv_heads": 1, "hidden": 16, "vocab_size": 77, "norm_epsilon": 1e-4},
]


def test_the_reference_recipe_has_exactly_190_460_160_parameters():
    shape = LlamaConfig.from_recipe(recipe.load("test-1").model, vocab_size=50_257)
    with torch.device("meta"):
        assert Llama(shape).parameter_count() == 190_460_160


def test_a_recipe_without_kv_heads_has_as_many_as_heads():
    shape = LlamaConfig.from_recipe(recipe.Model(hidden=64, heads=4, kv_heads=0), vocab_size=300)
    assert (shape.kv_heads, shape.vocab_size, shape.head_width) == (4, 300, 16)


def test_tied_weights_count_once():
    untied, tied = tiny_model(), tiny_model(tied=True)
    assert untied.parameter_count() - tied.parameter_count() == 300 * 32


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_equal_those_of_transformers(shape):
    model = tiny_model(**shape)
    tokens = torch.randint(model.config.vocab_size, (3, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert relative_error(model(tokens), reference_model(model)(tokens).logits) < 1e-5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lengths", [[[40], [40]], [[3, 17, 20], [1, 1, 30]], [[39], [7, 7, 7, 7, 7]]])
def test_with_document_masks_each_story_has_the_logits_it_has_alone_in_transformers(shape, lengths):
    model = tiny_model(**shape)
    reference = reference_model(model)
    tokens = torch.randint(model.config.vocab_size, (2, 40), generator=torch.Generator().manual_seed(2))
    positions, boundaries = documents(lengths, 40)
    with torch.no_grad():
        logits = model(tokens, positions_BT=positions, boundaries=boundaries)
        for row, window in enumerate(lengths):
            start = 0
            for length in window:
                part = slice(start, start + length)
                alone = reference(tokens[row : row + 1, part]).logits[0]
                assert relative_error(logits[row, part], alone) < 1e-5
                start += length


def test_a_storys_loss_does_not_change_when_its_neighbours_do():
    model = tiny_model()
    generator = torch.Generator().manual_seed(3)
    tokens, targets = torch.randint(300, (2, 2, 40), generator=generator)
    positions, boundaries = documents([[10, 12, 18], [5, 35]], 40)
    story = slice(10, 22)
    before = model.token_losses(tokens, targets, positions, boundaries)[0, story]
    for changed in (slice(0, 10), slice(22, 40)):
        others = tokens.clone()
        others[0, changed] = torch.randint(300, others[0, changed].shape, generator=generator)
        others[1] = torch.randint(300, (40,), generator=generator)
        assert torch.equal(model.token_losses(others, targets, positions, boundaries)[0, story], before)


def test_without_a_mask_a_neighbour_does_change_the_loss():
    model = tiny_model()
    tokens = torch.arange(40)[None]
    others = torch.cat((tokens[:, :10].flip(1), tokens[:, 10:]), 1)
    assert not torch.allclose(model(tokens)[0, 20], model(others)[0, 20])


def test_nothing_sees_what_comes_after_it():
    model = tiny_model()
    tokens = torch.arange(40)[None]
    longer = torch.cat((tokens, torch.tensor([[7, 8, 9]])), 1)
    assert relative_error(model(longer)[:, :40], model(tokens)) < 1e-6


def test_the_loss_is_the_sum_of_the_token_losses():
    model = tiny_model()
    tokens = torch.randint(300, (2, 20), generator=torch.Generator().manual_seed(4))
    targets = tokens.roll(-1, 1)
    targets[:, -3:] = PADDING
    losses = model.token_losses(tokens, targets)
    assert losses.dtype == torch.float32
    assert (losses[:, -3:] == 0).all()
    assert model(tokens, targets).item() == pytest.approx(losses.double().sum().item(), rel=1e-6)
    reference = reference_model(model)(tokens).logits.log_softmax(-1).gather(-1, targets.clamp(min=0)[..., None])
    assert relative_error(losses[:, :-3], -reference[:, :-3, 0]) < 1e-5


def loss_and_gradients(model: Llama, network: torch.nn.Module, autocast: bool) -> tuple[float, torch.Tensor]:
    """Do what a training step does up to the gradients, with documents, padding and a z-loss."""
    tokens = torch.randint(300, (2, 40), generator=torch.Generator().manual_seed(6))
    targets = tokens.roll(-1, 1)
    targets[:, -3:] = PADDING
    positions, boundaries = documents([[3, 17, 20], [1, 9, 27]], 40)
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = network(tokens, targets, positions, boundaries, 32, 1e-3)
    loss.backward()
    return loss.item(), torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("shape", SHAPES[:3])
def test_without_the_kernel_training_is_the_same_to_rounding(shape, monkeypatch):
    model = tiny_model(**shape)
    (loss, gradients), (rough_loss, rough) = (loss_and_gradients(model, model, autocast) for autocast in (False, True))
    monkeypatch.setattr(kernels, "has_kernel", lambda: False)
    plain_loss, plain = loss_and_gradients(model, model, autocast=False)
    plain_rough_loss, plain_rough = loss_and_gradients(model, model, autocast=True)
    assert loss == pytest.approx(plain_loss, rel=1e-6)
    assert relative(gradients, plain) < 1e-5
    assert rough_loss == pytest.approx(plain_rough_loss, rel=3e-3)
    assert relative(rough, plain) < 1.2 * relative(plain_rough, plain), "bfloat16 costs more accuracy than in PyTorch"


@pytest.mark.filterwarnings("ignore")  # of the compiler's own making
@pytest.mark.parametrize("autocast", [False, True])
def test_the_compiler_takes_the_loss_whole(autocast):
    model = tiny_model(layers=1)
    loss, gradients = loss_and_gradients(model, model, autocast)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True, dynamic=False)
    compiled_loss, compiled_gradients = loss_and_gradients(model, compiled, autocast)
    assert compiled_loss == pytest.approx(loss, rel=3e-3 if autocast else 1e-6)
    assert relative(compiled_gradients, gradients) < (0.02 if autocast else 1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_equal_those_of_transformers(shape):
    model = tiny_model(**shape)
    # Without id 0: `transformers` takes it for padding, whose embedding gets no gradient there.
    tokens = torch.randint(1, model.config.vocab_size, (3, 40), generator=torch.Generator().manual_seed(1))
    model(tokens[:, :-1], tokens[:, 1:]).backward()
    reference = reference_model(model)
    logits = reference(tokens[:, :-1]).logits
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="sum").backward()
    theirs = dict(reference.named_parameters())
    for name, parameter in model.named_parameters():
        assert relative_error(parameter.grad, theirs[name].grad) < 1e-4


@pytest.mark.parametrize("shape", SHAPES[:3])
@pytest.mark.parametrize("parts", [[12] + [1] * 8, [1] * 20, [5, 7, 8], [20]])
def test_a_key_value_cache_gives_the_logits_of_the_whole_text(shape, parts):
    model = tiny_model(**shape)
    tokens = torch.randint(300, (3, 20), generator=torch.Generator().manual_seed(5))
    cache = KeyValueCache(model.config, 3, 20, model.lm_head.weight)
    with torch.no_grad():
        pieces = [model.logits(model.hidden(part, cache=cache)) for part in tokens.split(parts, 1)]
        assert cache.length == 20
        assert relative_error(torch.cat(pieces, 1), model(tokens)) < 1e-5


def test_a_cache_that_keeps_some_rows_goes_on_with_them():
    model = tiny_model()
    tokens = torch.randint(300, (4, 12), generator=torch.Generator().manual_seed(5))
    rows = torch.tensor([3, 1])
    cache = KeyValueCache(model.config, 4, 20, model.lm_head.weight)
    with torch.no_grad():
        model.hidden(tokens[:, :7], cache=cache)
        cache.keep(rows)
        found = model.logits(model.hidden(tokens[rows, 7:], cache=cache))
        assert relative_error(found, model(tokens[rows])[:, 7:]) < 1e-5


def test_initial_weights_are_decided_by_the_seed():
    first, same, other = (tiny_model(seed=seed, initializer_range=0.02) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), same.parameters(), strict=True))
    assert not torch.equal(first.lm_head.weight, other.lm_head.weight)
    assert first.model.norm.weight.eq(1).all()
    assert first.lm_head.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_residual_projections_start_smaller_when_asked():
    plain, scaled = tiny_model(layers=8), tiny_model(layers=8, scale_residual_init=True)
    ratio = scaled.model.layers[0].mlp.down_proj.weight / plain.model.layers[0].mlp.down_proj.weight
    assert torch.allclose(ratio, torch.tensor(0.25))
    assert torch.equal(scaled.model.layers[0].mlp.up_proj.weight, plain.model.layers[0].mlp.up_proj.weight)


def test_dropout_acts_in_training_only_and_scales_what_it_keeps():
    plain, dropping = tiny_model(layers=1), Llama(tiny_config(layers=1), dropout=0.5)
    dropping.load_state_dict(plain.state_dict())
    tokens = torch.arange(64)[None]
    assert torch.equal(dropping.eval().hidden(tokens), plain.hidden(tokens))
    block = dropping.train().model.layers[0]
    torch.nn.init.zeros_(block.mlp.down_proj.weight)
    x_BTC = torch.randn(1, 64, 32)
    angles = rotary_angles(torch.arange(64)[None], dropping.config)
    added = block.self_attn(block.input_layernorm(x_BTC), angles)
    kept = block(x_BTC, angles) - x_BTC
    dropped = kept.abs() < 1e-7
    assert 0.4 < dropped.float().mean() < 0.6
    torch.testing.assert_close(kept[~dropped], 2 * added[~dropped], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("tied", [False, True])
def test_flops_count_every_matrix_product_once(tied):
    model = Llama(tiny_config(tied=tied, layers=1, kv_heads=4))
    matrices = 4 * 32 * 32 + 3 * 32 * 64 + 300 * 32
    assert model.flops_per_token(attended=10) == 6 * matrices + 12 * 32 * 10
