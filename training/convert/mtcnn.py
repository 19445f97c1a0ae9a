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
from onnx_builder import OnnxBuilder, pooling_first_is_free
from tflite_graph import Operator, TfliteGraph

MEAN = 127.5
SCALE = 1 / 128
SIDES = {"rnet": 24, "onet": 48}
# Shape (rows, columns, channels) of the last feature map before it is flattened.
LAST_MAPS = {"rnet": (3, 3, 64), "onet": (3, 3, 128)}


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
    heads: dict[int, str] = {}
    weighted = 0
    flat = False
    done: set[int] = set()
    for place, layer in enumerate(layers):
        if layer.name == "MAX_POOL_2D":
            if place not in done:
                value = builder.node("MaxPool", [value], **_pool_options(layer))
            continue
        weights = graph.constants[layer.inputs[1]]
        bias = graph.constants[layer.inputs[2]]
        if layer.name == "CONV_2D":
            weights = weights.transpose(0, 3, 2, 1)
            if weighted == 0:
                weights, bias = _fold_normalisation(weights, bias)
            following = layers[place + 1 : place + 2]
            pools = bool(following) and following[0].name == "MAX_POOL_2D"
            if blocked and pools and pooling_first_is_free(alphas[weighted]):
                options = _pool_options(following[0])
                value = builder.pooled_prelu(value, weights, bias, alphas[weighted], options)
                done.add(place + 1)
                weighted += 1
                continue
            made = builder.node(
                "Conv",
                [value, builder.constant(weights), builder.constant(bias)],
                kernel_shape=list(weights.shape[2:]),
            )
        else:
            if not flat:
                weights = _unswap_flattened(weights, LAST_MAPS[kind])
                value = builder.node("Flatten", [value], axis=1)
                flat = True
            made = builder.node(
                "Gemm", [value, builder.constant(weights), builder.constant(bias)], transB=1
            )
        if weighted >= len(alphas):
            heads[weights.shape[0]] = made
        else:
            planes = layer.name == "CONV_2D"
            value = builder.prelu(made, alphas[weighted], planes=planes)
        weighted += 1
    _write_heads(builder, kind, heads)
    write_net(builder.model(), target, blocked=blocked)


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


def _write_heads(builder: OnnxBuilder, kind: str, heads: dict[int, str]) -> None:
    builder.probability(heads[2], "score")
    builder.node("Identity", [heads[4]], "offset")
    if kind == "pnet":
        builder.output("score", [1, "h", "w"])
        builder.output("offset", [1, 4, "h", "w"])
        return
    builder.output("score", ["N"])
    builder.output("offset", ["N", 4])
    if kind == "onet":
        # The net gives five x, then five y.
        order = np.arange(10).reshape(2, 5).T.reshape(-1)
        builder.node("Gather", [heads[10], builder.constant(order, np.int64)], "landmarks", axis=1)
        builder.output("landmarks", ["N", 10])
