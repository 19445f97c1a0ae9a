"""The same ONNX nets in PaddlePaddle, the engine of the seed system.

Our nets have few operators, so the graph is walked once, node by node, in Paddle's own operators.
What comes out is saved and run by Paddle's inference engine with its graph passes and oneDNN.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import paddle
import paddle.nn.functional as F  # noqa: N812
from onnx import numpy_helper
from paddle import inference


class PaddleNet:
    """Runs an ONNX file with Paddle inference; `run` is that of an ONNX Runtime session."""

    def __init__(self, path: Path, threads: int, shape: list[int]) -> None:
        graph = onnx.load(path).graph
        self._outputs = [output.name for output in graph.output]
        with tempfile.TemporaryDirectory() as folder:
            stem = str(Path(folder) / "net")
            spec = paddle.static.InputSpec(shape, "uint8", graph.input[0].name)
            net = paddle.jit.to_static(_Walk(graph), input_spec=[spec], full_graph=True)
            net.eval()
            paddle.jit.save(net, stem)
            files = (f"{stem}.json", f"{stem}.pdiparams")
            config = inference.Config(*files)
            config.disable_gpu()
            config.enable_mkldnn()
            config.set_cpu_math_library_num_threads(threads)
            config.disable_glog_info()
            self._predictor = inference.create_predictor(config)

    def run(self, _: None, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        (feed,) = feeds.values()
        handle = self._predictor.get_input_handle(self._predictor.get_input_names()[0])
        handle.reshape(feed.shape)
        handle.copy_from_cpu(np.ascontiguousarray(feed))
        self._predictor.run()
        names = self._predictor.get_output_names()
        return [self._predictor.get_output_handle(name).copy_to_cpu() for name in names]


class _Walk(paddle.nn.Layer):
    def __init__(self, graph: onnx.GraphProto) -> None:
        super().__init__()
        self._graph = graph
        self._numbers = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                self._numbers[node.output[0]] = numpy_helper.to_array(_attributes(node)["value"])
        self._names: dict[str, str] = {}
        for index, (name, value) in enumerate(self._numbers.items()):
            # Indices and axes are read as numbers; whatever is computed with is a parameter.
            if value.dtype == np.float32:
                self._names[name] = f"p{index}"
                parameter = self.create_parameter(
                    list(value.shape), default_initializer=paddle.nn.initializer.Assign(value)
                )
                self.add_parameter(f"p{index}", parameter)

    def forward(self, picture: paddle.Tensor) -> list[paddle.Tensor]:
        values: dict[str, Any] = {self._graph.input[0].name: picture}
        for name, number in self._numbers.items():
            values[name] = getattr(self, self._names[name]) if name in self._names else number
        for node in self._graph.node:
            if node.op_type != "Constant":
                inputs = [values[name] for name in node.input if name]
                made = OPERATORS[node.op_type](inputs, _attributes(node))
                values.update(zip(node.output, made if isinstance(made, list) else [made]))
        return [values[output.name] for output in self._graph.output]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def _convolution(inputs: list[Any], attributes: dict[str, Any]) -> paddle.Tensor:
    return F.conv2d(
        inputs[0],
        inputs[1],
        inputs[2].reshape([-1]) if len(inputs) > 2 else None,
        stride=attributes.get("strides", [1, 1]),
        padding=_padding(attributes),
        groups=attributes.get("group", 1),
    )


def _pooling(inputs: list[Any], attributes: dict[str, Any]) -> paddle.Tensor:
    padding = _padding(attributes)
    # On the even sizes of these nets SAME_UPPER adds at the end only: that is rounding up.
    same = padding == "SAME"
    return F.max_pool2d(
        inputs[0],
        attributes["kernel_shape"],
        attributes["strides"],
        padding=0 if same else padding,
        ceil_mode=same,
    )


def _padding(attributes: dict[str, Any]) -> str | int | list[int]:
    if attributes.get("auto_pad", b"NOTSET") == b"SAME_UPPER":
        return "SAME"
    pads = attributes.get("pads")
    return 0 if pads is None else [pads[0], pads[1]]


def _dense(inputs: list[Any], attributes: dict[str, Any]) -> paddle.Tensor:
    assert attributes.get("transB") == 1
    return paddle.matmul(inputs[0], inputs[1], transpose_y=True) + inputs[2]


def _length(inputs: list[Any], _: dict[str, Any]) -> paddle.Tensor:
    return paddle.linalg.norm(inputs[0], axis=1, keepdim=True)


OPERATORS: dict[str, Callable[[list[Any], dict[str, Any]], Any]] = {
    "Cast": lambda i, _: i[0].cast("float32"),
    "Transpose": lambda i, a: i[0].transpose(list(a["perm"])),
    "Identity": lambda i, _: i[0] * 1,
    "Sub": lambda i, _: i[0] - i[1],
    "Div": lambda i, _: i[0] / i[1],
    "Mul": lambda i, _: i[0] * i[1],
    "Add": lambda i, _: i[0] + i[1],
    "Max": lambda i, _: paddle.maximum(i[0], i[1]),
    "Min": lambda i, _: paddle.minimum(i[0], i[1]),
    "Relu": lambda i, _: F.relu(i[0]),
    "Sigmoid": lambda i, _: F.sigmoid(i[0]),
    "Conv": _convolution,
    "MaxPool": _pooling,
    "Split": lambda i, a: paddle.split(i[0], i[1].tolist(), a["axis"]),
    "Flatten": lambda i, _: paddle.flatten(i[0], 1),
    "Gemm": _dense,
    "Squeeze": lambda i, _: paddle.squeeze(i[0], i[1].tolist()),
    "ReduceL2": _length,
    "Clip": lambda i, _: paddle.clip(i[0], min=1e-12),
}
