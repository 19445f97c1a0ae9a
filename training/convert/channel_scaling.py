"""Factors that move through a PReLU: what a channel is multiplied with before, it is divided by
after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from net_graph import NetGraph, is_depthwise


@dataclass(frozen=True)
class Crossing:
    """A PReLU between a convolution that only it reads and convolutions that alone read it."""

    before: onnx.NodeProto
    prelu: onnx.NodeProto
    after: list[onnx.NodeProto]


def crossings(net: NetGraph) -> list[Crossing]:
    """The PReLUs across which channels can be scaled."""
    found = []
    for prelu in net.nodes("PRelu"):
        before = net.producer(prelu.input[0])
        after = net.users(prelu.output[0])
        if before is None or before.op_type != "Conv" or len(net.users(prelu.input[0])) > 1:
            continue
        if after and all(node.op_type == "Conv" for node in after):
            found.append(Crossing(before, prelu, after))
    return found


def scale_outputs(net: NetGraph, convolution: onnx.NodeProto, factors: np.ndarray) -> None:
    """Multiplies each channel that the convolution makes."""
    weights, *bias = convolution.input[1:]
    net.set_array(weights, net.array(weights) * factors.reshape(-1, 1, 1, 1))
    for name in bias:
        net.set_array(name, net.array(name) * factors)


def scale_inputs(net: NetGraph, convolution: onnx.NodeProto, factors: np.ndarray) -> None:
    """Makes the convolution answer as if each channel that it reads were multiplied. Padding with
    zeros stays what it is."""
    name = convolution.input[1]
    shape = (-1, 1, 1, 1) if is_depthwise(convolution) else (1, -1, 1, 1)
    net.set_array(name, net.array(name) * factors.reshape(shape))
