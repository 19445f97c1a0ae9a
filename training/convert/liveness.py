"""Liveness net of the MiniFASNet kind: published ONNX to one that takes crops as BGR bytes.

The published net takes BGR in 0..255 and answers three logits, the first of which is "live": fed
RGB or scaled to 0..1 it calls most real faces a spoof (models/README.md has the figures).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import numpy_helper

from net_file import write_net
from onnx_builder import OnnxBuilder

SIDE_PX = 128
# The crop is the face box grown about its centre by this factor, moved inside the picture.
CROP_SCALE = 2.7
LIVE_CLASS = 0
_PLAIN = ("Add", "GlobalAveragePool", "Mul", "Relu", "Sigmoid")


def convert_liveness(source: Path, target: Path, *, blocked: bool) -> None:
    """Writes faces uint8 [N,128,128,3] -> live [N], the probability of a live face."""
    published = onnx.load(source)
    weights = {w.name: numpy_helper.to_array(w) for w in published.graph.initializer}
    builder = OnnxBuilder("liveness-128")
    planes = builder.picture_to_planes(builder.input_bytes("faces", ["N", SIDE_PX, SIDE_PX, 3]))
    names = {published.graph.input[0].name: planes}
    dense: list[np.ndarray] = []
    norm: onnx.NodeProto | None = None
    for node in published.graph.node:
        inputs = [names[i] for i in node.input if i in names]
        if node.op_type == "Conv":
            options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            constants = [builder.constant(weights[i]) for i in node.input[1:]]
            made = builder.node("Conv", [*inputs, *constants], **options)
        elif node.op_type == "PRelu":
            slopes = weights[node.input[1]]
            made = builder.prelu(inputs[0], slopes, planes=True)
        elif node.op_type in _PLAIN:
            made = builder.node(node.op_type, inputs)
        elif node.op_type == "Reshape":
            made = builder.node("Flatten", inputs, axis=1)
        elif node.op_type in ("MatMul", "BatchNormalization"):
            # The two dense layers and the normalisation between them are one linear map.
            if node.op_type == "MatMul":
                dense.append(weights[node.input[1]])
            else:
                norm = node
            made = inputs[0]
        elif node.op_type in ("Constant", "Gather", "Shape", "Unsqueeze", "Concat"):
            continue  # They only work out the shape that Flatten knows.
        else:
            raise ValueError(f"the net has an operator that is not expected: {node.op_type}")
        names[node.output[0]] = made
    if norm is None or len(dense) != 2:
        raise ValueError("the net does not end in two dense layers around a normalisation")
    matrix, bias = _one_dense_layer(dense, norm, weights)
    flat = names[published.graph.output[0].name]
    logits = builder.node("Gemm", [flat, builder.constant(matrix), builder.constant(bias)])
    shares = builder.node("Softmax", [logits], axis=1)
    live = builder.constant(np.array(LIVE_CLASS), np.int64)
    builder.node("Gather", [shares, live], "live", axis=1)
    builder.output("live", ["N"])
    write_net(builder.model(), target, blocked=blocked)


def _one_dense_layer(
    dense: list[np.ndarray], norm: onnx.NodeProto, weights: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    gain, shift, mean, variance = (weights[i].astype(np.float64) for i in norm.input[1:])
    epsilon = next(a.f for a in norm.attribute if a.name == "epsilon")
    slope = gain / np.sqrt(variance + epsilon)
    first, second = (layer.astype(np.float64) for layer in dense)
    return (first * slope) @ second, (shift - mean * slope) @ second


def live_crop(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """uint8 [128,128,3]: the region that the net judges for a face box x1, y1, x2, y2."""
    height, width = picture.shape[:2]
    size = box[2:] - box[:2]
    scale = min(CROP_SCALE, (width - 1) / size[0], (height - 1) / size[1])
    half = size * scale / 2
    limit = np.array([width - 1, height - 1])
    centre = np.clip((box[:2] + box[2:]) / 2, half, limit - half)
    (left, top), (right, bottom) = (centre - half).astype(int), (centre + half).astype(int)
    return cv2.resize(picture[top : bottom + 1, left : right + 1], (SIDE_PX, SIDE_PX))
