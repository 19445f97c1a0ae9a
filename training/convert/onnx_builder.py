"""A few lines over onnx.helper that the converters share."""

from __future__ import annotations

from collections.abc import Sequence
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

    def split(self, inputs: Sequence[str], outputs: Sequence[str], **options: Any) -> None:
        """Adds a Split, which gives several outputs."""
        self._nodes.append(helper.make_node("Split", inputs, outputs, name="split", **options))

    def picture_to_planes(self, picture: str) -> str:
        """uint8 NHWC to float NCHW."""
        return self.node(
            "Transpose", [self.node("Cast", [picture], to=TensorProto.FLOAT)], perm=[0, 3, 1, 2]
        )

    def prelu(self, value: str, slopes: np.ndarray, *, planes: bool) -> str:
        """Parametric ReLU as ONNX's own operator; `write_net` spells it for speed.

        planes: the value is NCHW and each channel has a slope; else it is a flat vector.
        """
        shaped = slopes.reshape(-1, 1, 1) if planes else slopes.reshape(-1)
        return self.node("PRelu", [value, self.constant(shaped)])

    def model(self) -> onnx.ModelProto:
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, self._constants
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
