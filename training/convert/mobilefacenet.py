"""MobileFaceNet (192-d): TFLite to ONNX that takes aligned faces as BGR bytes, in any batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import tflite

from net_file import write_net
from onnx_builder import OnnxBuilder
from tflite_graph import Operator, TfliteGraph

MEAN = 127.5
SCALE = 1 / 128


def convert_mobilefacenet(source: Path, target: Path, *, blocked: bool) -> None:
    """Writes the FP32 net."""
    write_net(mobilefacenet_model(source), target, blocked=blocked)


def mobilefacenet_model(source: Path) -> onnx.ModelProto:
    """faces uint8 [N,112,112,3] -> template [N,192], L2-normalised; PReLUs not yet spelt.

    The normalisation of the pixels stays in front of the first convolution: that one pads with
    zeros, so folding it in would change the border.
    """
    graph = TfliteGraph(source)
    builder = OnnxBuilder("mobilefacenet-192")
    planes = builder.picture_to_planes(builder.input_bytes("faces", ["N", 112, 112, 3]))
    centred = builder.node("Sub", [planes, builder.constant(np.array(MEAN))])
    names = {graph.inputs[0]: builder.node("Mul", [centred, builder.constant(np.array(SCALE))])}
    producers = {o.outputs[0]: o for o in graph.operators}
    for operator in graph.operators:
        output = operator.outputs[0]
        if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            first = operator.inputs[0] == graph.inputs[0]
            value = names[operator.inputs[0]]
            names[output] = _convolution(builder, graph, operator, value, first)
        elif operator.name == "ADD":
            names[output] = _sum_or_prelu(builder, graph, operator, names, producers)
        elif operator.name == "RESHAPE":
            flat = builder.node("Flatten", [names[operator.inputs[0]]], axis=1)
            builder.node("LpNormalization", [flat], "template", axis=1, p=2)
        elif operator.name not in ("RELU", "ABS", "SUB", "MUL"):
            raise ValueError(f"the net has an operator that is not expected: {operator.name}")
    builder.output("template", ["N", 192])
    return builder.model()


def _convolution(
    builder: OnnxBuilder, graph: TfliteGraph, operator: Operator, value: str, first: bool
) -> str:
    depthwise = operator.name == "DEPTHWISE_CONV_2D"
    options = operator.options(tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions)
    weights = graph.constants[operator.inputs[1]]
    weights = weights.transpose(3, 0, 1, 2) if depthwise else weights.transpose(0, 3, 1, 2)
    if first:
        weights = weights[:, ::-1]  # The net was trained on RGB.
    bias = graph.constants[operator.inputs[2]]
    return builder.node(
        "Conv",
        [value, builder.constant(weights), builder.constant(bias)],
        group=weights.shape[0] if depthwise else 1,
        kernel_shape=list(weights.shape[2:]),
        strides=[options.StrideH(), options.StrideW()],
        auto_pad="SAME_UPPER" if options.Padding() == tflite.Padding.SAME else "VALID",
    )


def _sum_or_prelu(
    builder: OnnxBuilder,
    graph: TfliteGraph,
    operator: Operator,
    names: dict[int, str],
    producers: dict[int, Operator],
) -> str:
    """An addition is a shortcut, or the end of a PReLU spelt out as relu(x) + a/2 (x - |x|)."""
    scaled = [i for i in operator.inputs if producers[i].name == "MUL"]
    if not scaled:
        return builder.node("Add", [names[i] for i in operator.inputs])
    relu = next(i for i in operator.inputs if producers[i].name == "RELU")
    half_slope = next(
        graph.constants[i] for i in producers[scaled[0]].inputs if i in graph.constants
    )
    value = names[producers[relu].inputs[0]]
    return builder.prelu(value, 2 * half_slope, planes=True)
