"""OpenVINO's runtime on a stateful model, without a wrapper; `bench.generation.convert` makes the model."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13

from bench.generation.engines import Spec, Told, tell_step_by_step


class OpenVino:
    """A compiled model."""

    def __init__(self, spec: Spec) -> None:
        model = openvino.Core().read_model(Path(spec["openvino"]) / "openvino_model.xml")
        only_last_position(model)
        settings = {
            "INFERENCE_NUM_THREADS": spec["threads"],
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": spec["compute"],
            **spec["properties"],
        }
        compiled = openvino.compile_model(model, "CPU", settings)
        self.inputs = {name for port in compiled.inputs for name in port.names}
        self.request = compiled.create_infer_request()
        stored = (Path(spec["openvino"]) / "openvino_model.bin").stat().st_size
        halved = 2 if spec["precision"] == "bfloat16" else 1  # stored as float32, packed when it is compiled
        self.weight_bytes = int(stored * spec["read_share"] / halved)
        self.computes = products(compiled)
        self.version = f"openvino {openvino.__version__.partition('-')[0]}"
        self.length = 0

    def tell(self, prompts: list[list[int]], new: int) -> Told:
        """Tell stories."""
        self.request.reset_state()
        return tell_step_by_step(prompts, new, self._read)

    def _read(self, tokens: list[list[int]], start: int) -> list[int]:
        ids = np.array(tokens, dtype=np.int64)
        stories, count = ids.shape
        given = {
            "input_ids": ids,
            "attention_mask": np.ones((stories, start + count), dtype=np.int64),
            "position_ids": np.broadcast_to(np.arange(start, start + count, dtype=np.int64), ids.shape).copy(),
            "beam_idx": np.arange(stories, dtype=np.int32),
        }
        asked = {name: value for name, value in given.items() if name in self.inputs}
        logits = self.request.infer(asked, share_inputs=True, share_outputs=True)[0]
        return [int(token) for token in logits[:, -1].argmax(axis=-1)]


def only_last_position(model: Any) -> None:
    """Let a model compute the logits of the last position alone, as OpenVINO GenAI does."""
    head = model.output("logits").get_node().input_value(0).get_node()
    while head.get_type_name() != "MatMul":
        head = head.input_value(0).get_node()
    bounds = [opset13.constant([value], np.int64) for value in (-1, np.iinfo(np.int64).max, 1, 1)]
    last = opset13.slice(head.input_value(0), *bounds)
    head.input(0).replace_source_output(last.output(0))
    model.validate_nodes_and_infer_types()


def products(compiled: Any) -> str:
    """Say which kernels compute the matrix products, and in which precision, from the graph as it is run."""
    found = Counter(
        node.get_rt_info()["primitiveType"].astype(str)
        for node in compiled.get_runtime_model().get_ordered_ops()
        if node.get_rt_info()["layerType"].astype(str) == "FullyConnected"
    )
    return ", ".join(f"{count} x {kind}" for kind, count in found.most_common())


def load(spec: Spec) -> OpenVino:
    """Load a converted model."""
    return OpenVino(spec)
