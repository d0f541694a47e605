"""A model folder in OpenVINO's form: `python -m bench.generation.convert FOLDER OUT float32|int8|int4 GROUP`.

Runs in the peers' environment.
"""

import sys
from pathlib import Path


def convert(folder: Path, out: Path, weights: str, group: int) -> None:
    """Write `openvino_model.xml` and `.bin`; int8 has a scale for each row, int4 one for each `group` weights of it."""
    import nncf
    import openvino
    from optimum.intel import OVModelForCausalLM

    model = OVModelForCausalLM.from_pretrained(folder, export=True, compile=False, load_in_8bit=False).model
    if weights == "int8":
        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
    elif weights == "int4":
        mode = nncf.CompressWeightsMode.INT4_SYM
        model = nncf.compress_weights(model, mode=mode, group_size=group, ratio=1.0, all_layers=True)
    openvino.save_model(model, out / "openvino_model.xml", compress_to_fp16=False)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
