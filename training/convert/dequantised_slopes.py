"""Takes the slopes of max(x, a x) into a dequantise: a x then costs no operator of its own."""

from __future__ import annotations

import numpy as np

from net_graph import NetGraph, named


def merge_slopes(net: NetGraph) -> None:
    """Where x = s (q - z) is dequantised from q, a x is dequantised with a scale a s a channel.

    ONNX Runtime gives each of two users a dequantise of its own anyway.
    """
    for product in net.nodes("Mul"):
        value, slopes = product.input
        dequantise = net.producer(value)
        if dequantise is None or dequantise.op_type != "DequantizeLinear":
            continue
        quantised, scale, zero = dequantise.input
        factors = net.array(slopes).reshape(-1)
        output = product.output[0]
        scales = net.add_array(f"{output}_scales", net.array(scale) * factors)
        zeros = net.add_array(f"{output}_zeros", np.full(factors.shape, net.array(zero)))
        merged = named("DequantizeLinear", [quantised, scales, zeros], output, axis=1)
        net.replace(product, [merged])
