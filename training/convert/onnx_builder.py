"""A few lines over onnx.helper that the converters share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 9
# Channels of a block on processors with AVX-512.
BLOCK = 16


def pooling_first_is_free(slopes: np.ndarray) -> bool:
    """Whether the channels that `OnnxBuilder.pooled_prelu` adds fit the blocks that are there: in
    P-Net they do, and it takes a quarter less time; where they do not, it takes more."""
    negative = int((slopes < 0).sum())
    return -(-(slopes.size + negative) // BLOCK) == -(-slopes.size // BLOCK)


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

    def prelu(self, value: str, slopes: np.ndarray, *, planes: bool) -> str:
        """Parametric ReLU as ONNX's own operator; `write_net` spells it for speed.

        planes: the value is NCHW and each channel has a slope; else it is a flat vector.
        """
        shaped = slopes.reshape(-1, 1, 1) if planes else slopes.reshape(-1)
        return self.node("PRelu", [value, self.constant(shaped)])

    def pooled_prelu(
        self,
        value: str,
        weights: np.ndarray,
        bias: np.ndarray,
        slopes: np.ndarray,
        pool: Mapping[str, Any],
    ) -> str:
        """Convolution, parametric ReLU and max-pool, with the ReLU on the few pixels that are left.

        Where the slope a is not negative, PReLU only rises, and the pooled value goes through it.
        Where it is, PReLU(x) is max(x, a x), so that pooling it is the larger of pooled x and
        pooled a x. The convolution gives a x of such channels as further ones.
        """
        slopes = slopes.reshape(-1)
        count = slopes.size
        negative = np.flatnonzero(slopes < 0)
        scaled = weights[negative] * slopes[negative].reshape(-1, 1, 1, 1)
        wide = np.concatenate([weights, scaled])
        wide_bias = np.concatenate([bias, bias[negative] * slopes[negative]])
        made = self.node(
            "Conv",
            [value, self.constant(wide), self.constant(wide_bias)],
            kernel_shape=list(weights.shape[2:]),
        )
        pooled = self.node("MaxPool", [made], **pool)
        # y = base + sign * relu(ahead), each a sum over the pooled channels.
        itself = np.eye(count, wide.shape[0], dtype=np.float32)
        base = np.zeros_like(itself)
        np.fill_diagonal(base, np.maximum(slopes, 0))
        base[negative, count + np.arange(negative.size)] = 1
        sign = np.where(slopes > 1, -1, 1).astype(np.float32)
        ahead = (itself - base) * sign[:, None]
        above = self.node("Relu", [self._mixed(pooled, ahead)])
        if (sign < 0).any():
            options = {"group": count, "kernel_shape": [1, 1]}
            above = self.node("Conv", [above, self.constant(sign.reshape(-1, 1, 1, 1))], **options)
        return self.node("Add", [self._mixed(pooled, base), above])

    def _mixed(self, value: str, weights: np.ndarray) -> str:
        """Sums over the channels of each pixel; weights [outputs, inputs]."""
        matrix = self.constant(weights[:, :, None, None])
        return self.node("Conv", [value, matrix], kernel_shape=[1, 1])

    def model(self) -> onnx.ModelProto:
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, self._constants
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
