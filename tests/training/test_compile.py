"""What a GPU needs of a training step, shown on a CPU: one graph to compile, and nothing that the host waits for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from fabula import recipe as recipes
from fabula.model.config import LlamaConfig
from fabula.model.llama import Llama
from fabula.recipe import Recipe
from fabula.training.data import open_corpus, to_device
from fabula.training.loop import Trainer
from fabula.training.processes import Processes
from fabula.training.run import RunFolder

ALONE = Processes(rank=0, count=1, local_rank=0, local_count=1)
WAITS = ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal", "aten::_unique")
"""What reads a tensor's values on the host: item(), bool(), float(), indexing with a mask, comparisons."""
COPIES = (Tensor.tolist, Tensor.numpy)
"""What reads a whole tensor; on a CPU no operator is called for it."""
# PyTorch 2.11's own compiler instantiates what it then warns of.
pytestmark = pytest.mark.filterwarnings("ignore:<class 'torch.autograd.function.Function'>:DeprecationWarning")


class NoCopies(TorchFunctionMode):
    """Fails where the host reads a tensor of numbers (the CPU's attention reads where documents begin)."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        copied = func in COPIES and args[0].is_floating_point()
        assert not copied, f"{func.__name__} makes the host wait"
        return func(*args, **(kwargs or {}))


class NoWaiting(TorchDispatchMode):
    """Fails where the host needs a value that a GPU would still be computing."""

    def __enter__(self) -> Any:
        self.copies = NoCopies().__enter__()
        return super().__enter__()

    def __exit__(self, *reason: Any) -> None:
        super().__exit__(*reason)
        self.copies.__exit__(*reason)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name
        assert not name.startswith(WAITS), f"{name} makes the host wait"
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def trainer(recipe: Recipe, folder: Path) -> Trainer:
    return Trainer(recipe, open_corpus(recipe, ALONE), torch.device("cpu"), ALONE, RunFolder(folder / "run"), "tiny")


@pytest.mark.parametrize("wait", [lambda x: x.item(), lambda x: x.tolist(), bool, float, lambda x: x[x > 0]])
def test_waiting_is_noticed(wait: Any) -> None:
    with pytest.raises(AssertionError, match="makes the host wait"), NoWaiting():
        wait(torch.ones(()))


@pytest.mark.parametrize("packing", ["stories", "stream"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_waits_for_nothing(packing: str, precision: str, tiny: Recipe, tmp_path: Path) -> None:
    tiny = recipes.override(tiny, {"train.packing": packing, "train.precision": precision})
    training = trainer(tiny, tmp_path)
    for number in (1, 2):  # the optimizer's state is made in the first
        batches = training.micro_batches.of(number - 1)
        with NoWaiting():
            step = training._step(number, batches)
        assert step.read()[2] == 1.0  # the loss and the gradient were finite


@pytest.mark.parametrize("packing", ["stories", "stream"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_forward_and_backward_are_one_graph(packing: str, precision: str, tiny: Recipe, tmp_path: Path) -> None:
    tiny = recipes.override(tiny, {"train.packing": packing, "train.precision": precision, "train.loss_chunk": "100"})
    training = trainer(tiny, tmp_path)
    expected = [training._loss(batch) for batch in training.micro_batches.of(0)]
    training.network = torch.compile(training.model, dynamic=False, fullgraph=True, backend="aot_eager")
    counters.clear()
    for batch, loss in zip(training.micro_batches.of(0), expected, strict=True):
        found = training._loss(batch)
        found.backward()
        torch.testing.assert_close(found, loss, rtol=1e-4, atol=0)
    assert counters["stats"]["unique_graphs"] == 1  # of all micro-batches: their shapes are the same
    assert not counters["graph_break"]


@pytest.mark.parametrize("packing", ["stories", "stream"])
def test_every_step_has_the_shapes_that_were_compiled(packing: str, tiny: Recipe, tmp_path: Path) -> None:
    tiny = recipes.override(tiny, {"train.packing": packing, "train.steps": "60"})
    training = trainer(tiny, tmp_path)
    assert training.schedule.epoch(60) > 2  # the turn of an epoch is among them
    device = torch.device("cpu")
    shapes = {
        tuple(None if tensor is None else tensor.shape for tensor in to_device(batch, device))
        for step in range(60)
        for batch in training.micro_batches.of(step)
    }
    assert len(shapes) == 1


@pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="this PyTorch knows no CUDA")
@pytest.mark.parametrize("packing", ["stories", "stream"])
def test_the_path_of_cuda_is_one_graph(packing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with torch.device("meta"):
        model = Llama(LlamaConfig(500, 32, 2, 2, 2, 48, 64, tied=False))
        tokens_BT, boundaries = torch.zeros(4, 64, dtype=torch.int64), torch.zeros(20, dtype=torch.int32)

    def on_cuda(tensor: Tensor) -> Tensor:
        return FakeTensor(mode, tensor.detach(), torch.device("cuda", 0))

    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            module._parameters[name] = nn.Parameter(on_cuda(parameter))
    inputs = on_cuda(tokens_BT), on_cuda(tokens_BT), None, None
    if packing == "stories":
        inputs = on_cuda(tokens_BT), on_cuda(tokens_BT), on_cuda(tokens_BT), on_cuda(boundaries)
    graphs: list[torch.fx.GraphModule] = []

    def record(graph: torch.fx.GraphModule, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    with mode, torch.autocast("cuda", torch.bfloat16):
        loss = torch.compile(model, dynamic=False, fullgraph=True, backend=record)(*inputs, 128)
    assert loss.device.type == "cuda"
    assert len(graphs) == 1
    called = {str(node.target) for node in graphs[0].graph.nodes}
    assert any("varlen" in name for name in called) == (packing == "stories")
