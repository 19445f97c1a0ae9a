"""The recogniser's ONNX file in the formats of other engines.

Bytes, colours and the length of the template stay outside: what is left, numbers [N,3,S,S] to
numbers [N,D], every engine can run.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.utils import Extractor


@dataclass(frozen=True)
class Core:
    """The net between pixels and template, and the numbers that its pixels are normalised with."""

    path: Path
    mean: float
    std: float
    side_px: int

    def planes(self, faces: np.ndarray) -> np.ndarray:
        """float32 [N,3,S,S] of uint8 [N,S,S,3]."""
        numbers = (faces.astype(np.float32) - self.mean) / self.std
        return np.ascontiguousarray(numbers.transpose(0, 3, 1, 2))


def cut_core(source: Path, target: Path) -> Core:
    """Cuts the FP32 recogniser at its first convolution and its last linear layer, batch of one."""
    model = onnx.load(source)
    nodes = model.graph.node
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    constants |= {
        n.output[0]: numpy_helper.to_array(n.attribute[0].t)
        for n in nodes
        if n.op_type == "Constant"
    }
    first = next(node for node in nodes if node.op_type == "Conv")
    last = next(node for node in reversed(nodes) if node.op_type in ("Gemm", "Conv"))
    before = list(nodes)[: list(nodes).index(first)]
    mean = next(constants[n.input[1]] for n in before if n.op_type == "Sub")
    std = next(constants[n.input[1]] for n in before if n.op_type == "Div")
    side_px = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    for name in (first.input[0], last.output[0]):
        shape = [1, 3, side_px, side_px] if name == first.input[0] else None
        info = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        model.graph.value_info.append(info)
    core = Extractor(model).extract_model([first.input[0]], [last.output[0]])
    core = onnx.shape_inference.infer_shapes(core)
    _rename(core, first.input[0], "pixels")
    _rename(core, last.output[0], "features")
    del core.graph.value_info[:]
    onnx.save(onnx.shape_inference.infer_shapes(core), target)
    return Core(target, float(np.mean(mean)), float(np.mean(std)), side_px)


def _rename(model: onnx.ModelProto, old: str, new: str) -> None:
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for value in [*model.graph.input, *model.graph.output]:
        value.name = new if value.name == old else value.name


def to_ncnn(core: Core) -> tuple[Path, Path]:
    """Through pnnx; FP32 storage, since the processors of the comparison have no FP16."""
    size = f"[1,3,{core.side_px},{core.side_px}]"
    _run("pnnx", str(core.path), f"inputshape={size}", "fp16=0", cwd=core.path.parent)
    stem = core.path.with_suffix("")
    return Path(f"{stem}.ncnn.param"), Path(f"{stem}.ncnn.bin")


def to_mnn(core: Core, *, int8_weights: bool = False) -> Path:
    """Through MNNConvert; with weights of 8 bits, MNN multiplies 8-bit numbers."""
    target = core.path.with_suffix(".int8.mnn" if int8_weights else ".mnn")
    more = ["--weightQuantBits", "8", "--weightQuantBlock", "0"] if int8_weights else []
    _run(
        "mnnconvert",
        *("-f", "ONNX", "--modelFile", str(core.path), "--MNNModel", str(target)),
        *("--bizCode", "faceeval", *more),
        cwd=core.path.parent,
    )
    return target


def to_tflite(core: Core) -> Path:
    """Through onnx2tf, which turns planes into interleaved channels as XNNPACK wants them."""
    folder = core.path.parent / "tflite"
    # It compares its result on pictures that it would fetch; any pictures do for that.
    pictures = np.random.default_rng(0).random((20, 128, 128, 3), np.float32)
    np.save(core.path.parent / "calibration_image_sample_data_20x128x128x3_float32.npy", pictures)
    _run("onnx2tf", "-i", str(core.path), "-o", str(folder), "-n", cwd=core.path.parent)
    return next(folder.glob("*_float32.tflite"))


def _run(program: str, *words: str, cwd: Path) -> None:
    """Runs a converter that lies beside this Python."""
    path = Path(sys.executable).parent / program
    done = subprocess.run([path, *words], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr + done.stdout).strip().splitlines()
        raise RuntimeError(f"{program} failed: {lines[-1] if lines else done.returncode}")
