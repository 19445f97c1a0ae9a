"""MTCNN: TFLite (transposed layout) to ONNX that takes ordinary pictures as BGR bytes.

The published nets were carried over from Caffe with height and width swapped. Swapping the spatial
axes of every kernel, and of the first fully connected layer, undoes that: the ONNX nets see
row-major pictures, and their outputs are not transposed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tflite
from net_file import write_net
from onnx_builder import OnnxBuilder
from tflite_graph import Operator, TfliteGraph
from whole_blocks import in_whole_blocks, pooled_prelu, pooling_first_is_free, reading

MEAN = 127.5
SCALE = 1 / 128
SIDES = {"rnet": 24, "onet": 48}
# Shape (rows, columns, channels) of the last feature map before it is flattened.
LAST_MAPS = {"rnet": (3, 3, 64), "onet": (3, 3, 128)}

# Weights and bias, outputs first.
Layer = tuple[np.ndarray, np.ndarray]


def convert_mtcnn(source: Path, kind: str, target: Path, *, blocked: bool) -> None:
    """Writes one net. `kind` is pnet, rnet or onet.

    pnet: image uint8 [1,H,W,3] -> score [1,h,w], offset [1,4,h,w] with h = (H - 2 + 1) // 2 - 4.
    rnet, onet: crops uint8 [N,side,side,3] -> score [N], offset [N,4]; onet: landmarks [N,10].
    Offsets are x1, y1, x2, y2 in units of the box; landmarks x1, y1, ..., x5, y5 as shares of it.
    """
    graph = TfliteGraph(source)
    builder = OnnxBuilder(f"mtcnn-{kind}")
    if kind == "pnet":
        picture = builder.input_bytes("image", [1, "H", "W", 3])
    else:
        picture = builder.input_bytes("crops", ["N", SIDES[kind], SIDES[kind], 3])
    value = builder.picture_to_planes(picture)
    # Each PReLU is spelt out as relu(x) + alpha * -relu(-x): its one product holds the alphas.
    alphas = [graph.constants[o.inputs[0]] for o in graph.operators if o.name == "MUL"]
    layers = [o for o in graph.operators if o.name in ("CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D")]
    heads: dict[int, Layer] = {}
    weighted = 0
    flat = False
    # What the channels that the next layer reads are to those that it was published for.
    back: np.ndarray | None = None
    done: set[int] = set()
    for place, layer in enumerate(layers):
        if layer.name == "MAX_POOL_2D":
            if place not in done:
                value = builder.node("MaxPool", [value], **_pool_options(layer))
            continue
        weights = graph.constants[layer.inputs[1]]
        bias = graph.constants[layer.inputs[2]]
        planes = layer.name == "CONV_2D"
        if planes:
            weights = weights.transpose(0, 3, 2, 1)
            if weighted == 0:
                weights, bias = _fold_normalisation(weights, bias)
        elif not flat:
            weights = _unswap_flattened(weights, LAST_MAPS[kind])
            value = builder.node("Flatten", [value], axis=1)
            flat = True
        if back is not None:
            weights = reading(weights, back)
            back = None
        if weighted >= len(alphas):
            heads[weights.shape[0]] = (weights, bias)
            continue
        slopes = alphas[weighted].reshape(-1)
        weighted += 1
        following = layers[place + 1 : place + 2]
        pools = bool(following) and following[0].name == "MAX_POOL_2D"
        if blocked and pools:
            if pooling_first_is_free(slopes):
                options = _pool_options(following[0])
                value, back = pooled_prelu(builder, value, (weights, bias), slopes, options)
                done.add(place + 1)
                continue
            channels = in_whole_blocks(slopes)
            back = channels.back
            weights, bias, slopes = (
                channels.made_by(weights),
                channels.made_by(bias),
                channels.slopes,
            )
        made = _layer(builder, value, (weights, bias))
        value = builder.prelu(made, slopes, planes=planes)
    _write_heads(builder, kind, value, heads)
    write_net(builder.model(), target, blocked=blocked)


def _layer(builder: OnnxBuilder, value: str, layer: Layer) -> str:
    """A convolution without padding where the weights have four axes, else a dense layer."""
    weights, bias = layer
    inputs = [value, builder.constant(weights), builder.constant(bias)]
    if weights.ndim == 4:
        return builder.node("Conv", inputs, kernel_shape=list(weights.shape[2:]))
    return builder.node("Gemm", inputs, transB=1)


def _pool_options(layer: Operator) -> dict[str, Any]:
    options = layer.options(tflite.Pool2DOptions)
    return {
        "kernel_shape": [options.FilterWidth(), options.FilterHeight()],
        "strides": [options.StrideW(), options.StrideH()],
        "auto_pad": "SAME_UPPER" if options.Padding() == tflite.Padding.SAME else "VALID",
    }


def _fold_normalisation(weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Takes RGB normalisation into the first layer, which then takes BGR bytes.

    Exact, since the layer has no padding.
    """
    shifted = bias - MEAN * SCALE * weights.sum((1, 2, 3))
    return weights[:, ::-1] * SCALE, shifted


def _unswap_flattened(weights: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Rows of the first dense layer, from (x, y, channel) to ONNX's (channel, y, x)."""
    units = weights.shape[0]
    return weights.reshape(units, *shape).transpose(0, 3, 2, 1).reshape(units, -1)


def _write_heads(builder: OnnxBuilder, kind: str, value: str, heads: dict[int, Layer]) -> None:
    """One layer for all heads. The probability of a face is a softmax over two: the sigmoid of
    their difference, which the layer gives at once."""
    face_weights, face_bias = heads[2]
    parts = [(np.diff(face_weights, axis=0), np.diff(face_bias)), heads[4]]
    names = ["odds", "offset"]
    if kind == "onet":
        # The net gives five x, then five y.
        order = np.arange(10).reshape(2, 5).T.reshape(-1)
        parts.append((heads[10][0][order], heads[10][1][order]))
        names.append("landmarks")
    joined = tuple(np.concatenate(column) for column in zip(*parts, strict=True))
    sizes = np.array([part[1].size for part in parts])
    split = [_layer(builder, value, joined), builder.constant(sizes, np.int64)]
    builder.split(split, names, axis=1)
    odds = builder.node("Squeeze", ["odds", builder.constant(np.array([1]), np.int64)])
    builder.node("Sigmoid", [odds], "score")
    maps = ["h", "w"] if kind == "pnet" else []
    count = 1 if kind == "pnet" else "N"
    builder.output("score", [count, *maps])
    builder.output("offset", [count, 4, *maps])
    if kind == "onet":
        builder.output("landmarks", ["N", 10])
