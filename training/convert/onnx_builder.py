"""A few lines over onnx.helper that the converters share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 9


class OnnxBuilder:
    """Collects nodes and constants, and writes the checked model."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input_bytes(self, name: str, shape: Sequence[int | str]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.UINT8, shape))
        return name

    def output(self, name: str, shape: Sequence[int | str]) -> None:
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def constant(self, values: np.ndarray, dtype: Any = np.float32) -> str:
        name = f"const_{len(self._constants)}"
        array = np.array(values, dtype=dtype, order="C")
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def node(
        self, kind: str, inputs: Sequence[str], output: str | None = None, **options: Any
    ) -> str:
        """Adds a node with one output and returns that output's name."""
        name = output or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **options))
        return name

    def picture_to_planes(self, picture: str) -> str:
        """uint8 NHWC to float NCHW."""
        return self.node(
            "Transpose", [self.node("Cast", [picture], to=TensorProto.FLOAT)], perm=[0, 3, 1, 2]
        )

    def probability(self, logits: str, output: str) -> str:
        """Probability of the second of two classes: the softmax as a sigmoid of the difference."""
        second = self.node("Gather", [logits, self.constant(np.array(1), np.int64)], axis=1)
        first = self.node("Gather", [logits, self.constant(np.array(0), np.int64)], axis=1)
        return self.node("Sigmoid", [self.node("Sub", [second, first])], output)

    def prelu(self, value: str, slopes: np.ndarray, *, planes: bool, blocked: bool) -> str:
        """Parametric ReLU, written so that ONNX Runtime runs it fast: its own kernel is scalar.

        planes: the value is NCHW and each channel has a slope; else it is a flat vector.
        blocked: spell it with convolutions of one pixel, relu(x) - a * relu(-x), which stay in the
        blocked layout that ONNX Runtime gives convolutions on x86; else with absolute values,
        (1 + a)/2 * x + (1 - a)/2 * |x|, which every processor vectorises.
        """
        if planes and blocked:
            channels = slopes.size
            flat = slopes.reshape(channels, 1, 1, 1)
            options = {"group": channels, "kernel_shape": [1, 1]}
            positive = self.node("Relu", [value])
            mirrored = self.node("Conv", [value, self.constant(-np.ones_like(flat))], **options)
            negative = self.node("Relu", [mirrored])
            scaled = self.node("Conv", [negative, self.constant(-flat)], **options)
            return self.node("Add", [scaled, positive])
        shaped = slopes.reshape(-1, 1, 1) if planes else slopes.reshape(-1)
        even = self.node("Mul", [self.node("Abs", [value]), self.constant((1 - shaped) / 2)])
        odd = self.node("Mul", [value, self.constant((1 + shaped) / 2)])
        return self.node("Add", [even, odd])

    def save(self, path: Path) -> None:
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, self._constants
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        onnx.checker.check_model(model, full_check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path)
