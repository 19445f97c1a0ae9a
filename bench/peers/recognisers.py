"""Engines to compare with, each running the same recogniser: uint8 [N,S,S,3] to templates [N,D]."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from conversions import cut_core, to_mnn, to_ncnn, to_tflite

Recogniser = Callable[[np.ndarray], np.ndarray]
# A converted net is kept for the next thread count.
Maker = Callable[[int, Path, Path, Path], tuple[Recogniser, Path]]


def onnxruntime_fp32(threads: int, fp32: Path, _: Path, __: Path) -> tuple[Recogniser, Path]:
    return _onnxruntime(threads, fp32), fp32


def onnxruntime_int8(threads: int, _: Path, int8: Path, __: Path) -> tuple[Recogniser, Path]:
    return _onnxruntime(threads, int8), int8


def _onnxruntime(threads: int, path: Path) -> Recogniser:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda faces: session.run(None, {"faces": faces})[0]


def paddle(threads: int, fp32: Path, _: Path, __: Path) -> tuple[Recogniser, Path]:
    """The seed's engine."""
    from paddle_net import PaddleNet

    net = PaddleNet(fp32, threads, [-1, 112, 112, 3])
    return lambda faces: net.run(None, {"faces": faces})[0], fp32


def ncnn(threads: int, fp32: Path, _: Path, work: Path) -> tuple[Recogniser, Path]:
    import ncnn as engine

    core = cut_core(fp32, work / "core.onnx")
    stem = work / "core"
    param, weights = Path(f"{stem}.ncnn.param"), Path(f"{stem}.ncnn.bin")
    if not weights.exists():
        param, weights = to_ncnn(core)
    net = engine.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    net.load_param(str(param))
    net.load_model(str(weights))

    def embed_one(planes: np.ndarray) -> np.ndarray:
        extractor = net.create_extractor()
        extractor.input("in0", engine.Mat(planes))
        return np.array(extractor.extract("out0")[1])

    return lambda faces: np.stack([embed_one(one) for one in core.planes(faces)]), weights


def mnn(threads: int, fp32: Path, _: Path, work: Path) -> tuple[Recogniser, Path]:
    return _mnn(threads, fp32, work, int8_weights=False)


def mnn_int8(threads: int, fp32: Path, _: Path, work: Path) -> tuple[Recogniser, Path]:
    """Weights of 8 bits; activations are quantised as they come."""
    return _mnn(threads, fp32, work, int8_weights=True)


def _mnn(threads: int, fp32: Path, work: Path, *, int8_weights: bool) -> tuple[Recogniser, Path]:
    import MNN.expr as expr
    import MNN.nn as nn

    core = cut_core(fp32, work / "core.onnx")
    path = work / ("core.int8.mnn" if int8_weights else "core.mnn")
    if not path.exists():
        path = to_mnn(core, int8_weights=int8_weights)
    memory = "low" if int8_weights else "normal"
    manager = nn.create_runtime_manager(
        (
            {
                "backend": "CPU",
                "numThread": threads,
                "precision": "high",
                "memory": memory,
            },
        )
    )
    net = nn.load_module_from_file(
        str(path), ["pixels"], ["features"], runtime_manager=manager, shape_mutable=False
    )

    def embed_one(planes: np.ndarray) -> np.ndarray:
        picture = expr.const(planes, list(planes.shape), expr.NCHW, expr.float)
        output = net.forward(picture)
        return np.array(expr.convert(output, expr.NCHW).read()).reshape(-1)

    return lambda faces: np.stack([embed_one(one[None]) for one in core.planes(faces)]), path


def litert(threads: int, fp32: Path, _: Path, work: Path) -> tuple[Recogniser, Path]:
    """LiteRT (TensorFlow Lite) with its XNNPACK delegate."""
    from ai_edge_litert.interpreter import Interpreter

    core = cut_core(fp32, work / "core.onnx")
    path = next((work / "tflite").glob("*_float32.tflite"), None) or to_tflite(core)
    net = Interpreter(str(path), num_threads=threads)
    net.allocate_tensors()
    source, target = net.get_input_details()[0]["index"], net.get_output_details()[0]["index"]

    def embed_one(planes: np.ndarray) -> np.ndarray:
        net.set_tensor(source, np.ascontiguousarray(planes.transpose(1, 2, 0)[None]))
        net.invoke()
        return net.get_tensor(target)[0]

    return lambda faces: np.stack([embed_one(one) for one in core.planes(faces)]), path


RECOGNISERS: dict[str, Maker] = {
    "ONNX Runtime, Python": onnxruntime_fp32,
    "ONNX Runtime INT8, Python": onnxruntime_int8,
    "PaddlePaddle": paddle,
    "ncnn": ncnn,
    "MNN": mnn,
    "MNN, 8-bit weights": mnn_int8,
    "LiteRT with XNNPACK": litert,
}
