"""Who takes part: every engine at every precision that it computes in, on the same weights."""

from dataclasses import dataclass, field
from typing import Any, Literal

Precision = Literal["float32", "bfloat16", "int8", "int4"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8", "int4")
GGUF = {"float32": "float32", "bfloat16": "bfloat16", "int8": "q8_0", "int4": "q4_0"}
INT4_GROUPS = (64, 128)
"""Weights that share a scale in OpenVINO's int4."""


@dataclass(frozen=True, eq=False)
class Contender:
    """One engine at one precision."""

    name: str
    engine: str
    """Its module in `bench.generation.engines`."""
    precision: Precision
    peer: bool = False
    """Whether its libraries live in the peers' environment."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What its process is told besides folder, precision and threads."""
    gguf: str = ""
    """The dtype of the GGUF file that it reads, if it does."""
    openvino: tuple[str, int] | None = None
    """The weights (and group) of the OpenVINO model that it reads, if it does."""
    compiles: bool = False
    """Whether it compiles at first, for a minute and for each length of story: so it is started once."""


def contenders(draft: str | None) -> list[Contender]:
    """List all of them, ours first, by precision."""
    return [contender for precision in PRECISIONS for contender in _of(precision, draft)]


def _of(precision: Precision, draft: str | None) -> list[Contender]:
    found = [_native(precision, None)]
    if draft:
        found.append(_native(precision, draft))
    if precision in ("float32", "bfloat16"):
        torch = {"backend": "torch", "draft": None}
        found.append(Contender(f"Fabula torch {precision}", "fabula_engine", precision, settings=torch))
        found += [_hugging_face(precision, compiled) for compiled in (False, True)]
    name = GGUF[precision]
    found.append(Contender(f"llama.cpp {name}", "llama_cpp_python", precision, peer=True, gguf=name))
    return found + _openvino(precision)


def _native(precision: Precision, draft: str | None) -> Contender:
    name = f"Fabula native {precision}" + (" + draft" if draft else "")
    return Contender(name, "fabula_engine", precision, settings={"backend": "native", "draft": draft})


def _hugging_face(precision: Precision, compiled: bool) -> Contender:
    name = f"transformers {'static cache, compiled' if compiled else 'eager'} {precision}"
    return Contender(name, "hugging_face", precision, settings={"compiled": compiled}, compiles=compiled)


def _openvino(precision: Precision) -> list[Contender]:
    """OpenVINO would compute in bfloat16 unasked where the CPU has it, and keep keys and values in 8 bits.

    With 8 and 4 bits it may do so. There it also rounds activations to 8 bits, in groups; whether float32 around that
    is faster than bfloat16 depends on the CPU, so both take part.
    """
    exact = {"compute": "f32", "properties": {"KV_CACHE_PRECISION": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}}
    half = {"compute": "bf16", "properties": {"KV_CACHE_PRECISION": "bf16", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}}
    as_it_likes: dict[str, Any] = {"compute": "bf16", "properties": {}}

    def grouped(group: int) -> dict[str, Any]:
        return {"compute": "f32", "properties": {"DYNAMIC_QUANTIZATION_GROUP_SIZE": group}}

    def contender(name: str, settings: dict[str, Any], weights: str, group: int = 0) -> Contender:
        return Contender(
            f"OpenVINO {name}", "openvino_runtime", precision, peer=True, settings=settings, openvino=(weights, group)
        )

    if precision == "float32":
        return [contender("float32", exact, "float32")]
    if precision == "bfloat16":
        return [contender("bfloat16", half, "float32")]
    if precision == "int8":
        return [contender("int8", as_it_likes, "int8"), contender("int8 in float32", grouped(128), "int8")]
    return [
        *(contender(f"int4 g{group}", as_it_likes, "int4", group) for group in INT4_GROUPS),
        *(contender(f"int4 g{group} in float32", grouped(32), "int4", group) for group in INT4_GROUPS),
    ]
