"""Writes PReLU in operators that ONNX Runtime runs fast: its own kernel is scalar."""

from __future__ import annotations

import numpy as np
import onnx

from net_graph import NetGraph, named
from whole_blocks import BLOCK


def spell_prelus(net: NetGraph, *, blocked: bool) -> None:
    """Replaces every PRelu.

    blocked: with convolutions of one pixel, a x + relu((1 - a) x); they stay in the blocked layout
    that ONNX Runtime gives convolutions on x86. Else, and where the channels do not fill the blocks,
    as max(x, a x), which every processor vectorises.
    """
    for prelu in net.nodes("PRelu"):
        slopes = net.array(prelu.input[1])
        low = (slopes <= 1).all()
        fills = slopes.size % BLOCK == 0
        if blocked and slopes.ndim == 3 and fills and low:
            _spell_with_convolutions(net, prelu)
        elif low:
            _spell_as_maximum(net, prelu)
        elif [user.op_type for user in net.users(prelu.output[0])] == ["MaxPool"]:
            _spell_around_pool(net, prelu)
        else:
            _spell_with_absolute_values(net, prelu)


def _spell_as_maximum(net: NetGraph, prelu: onnx.NodeProto) -> None:
    value, slopes = prelu.input
    output = prelu.output[0]
    scaled = f"{output}_scaled"
    net.replace(
        prelu, [named("Mul", [value, slopes], scaled), named("Max", [value, scaled], output)]
    )


def _spell_around_pool(net: NetGraph, prelu: onnx.NodeProto) -> None:
    """A channel whose slope is above 1 only rises, so that it may be bent after the pool, on fewer
    pixels: as min(x, a x). The others are as max(x, a x) before it; min(x, x) leaves them alone."""
    slopes = net.array(prelu.input[1])
    [pool] = net.users(prelu.output[0])
    pooled, bent = pool.output[0], f"{pool.output[0]}_bent"
    for user in net.users(pooled):
        user.input[:] = [bent if name == pooled else name for name in user.input]
    steep = net.add_array(f"{pooled}_slopes", np.where(slopes > 1, slopes, 1))
    scaled = f"{pooled}_scaled"
    after = [named("Mul", [pooled, steep], scaled), named("Min", [pooled, scaled], bent)]
    net.replace(pool, [pool, *after])
    net.set_array(prelu.input[1], np.minimum(slopes, 1))
    _spell_as_maximum(net, prelu)


def _spell_with_absolute_values(net: NetGraph, prelu: onnx.NodeProto) -> None:
    """(1 + a)/2 x + (1 - a)/2 |x|."""
    value, name = prelu.input
    slopes, output = net.array(name), prelu.output[0]
    absolute, even, odd = (f"{output}_{part}" for part in ("absolute", "even", "odd"))
    half_less = net.add_array(f"{even}_slopes", (1 - slopes) / 2)
    half_more = net.add_array(f"{odd}_slopes", (1 + slopes) / 2)
    nodes = [
        named("Abs", [value], absolute),
        named("Mul", [absolute, half_less], even),
        named("Mul", [value, half_more], odd),
        named("Add", [even, odd], output),
    ]
    net.replace(prelu, nodes)


def _spell_with_convolutions(net: NetGraph, prelu: onnx.NodeProto) -> None:
    value, name = prelu.input
    output = prelu.output[0]
    slopes = net.array(name).reshape(-1, 1, 1, 1)

    def scaled(part: str, factors: np.ndarray) -> onnx.NodeProto:
        weights = net.add_array(f"{output}_{part}_weights", factors)
        options = {"group": slopes.size, "kernel_shape": [1, 1]}
        return named("Conv", [value, weights], f"{output}_{part}", **options)

    rest = scaled("rest", 1 - slopes)
    bent = named("Relu", [rest.output[0]], f"{output}_bent")
    linear = scaled("linear", slopes)
    total = named("Add", [linear.output[0], bent.output[0]], output)
    net.replace(prelu, [rest, linear, bent, total])
