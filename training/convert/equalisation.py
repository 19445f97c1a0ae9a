"""Evens out the ranges of channels before a net is quantised (Nagel et al. 2019, across PReLU).

A tensor of activations has one scale, so that the channel with the widest range takes the steps
of the others. A channel's range can be chosen: its factor goes into the convolution before the
PReLU, the inverse into the ones after it, and the net answers as before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from channel_scaling import Crossing, crossings, scale_inputs, scale_outputs
from net_graph import NetGraph, is_depthwise

# Share of a channel's values that its range covers: a lone spike does not squeeze the others.
COVERED = 0.9999
# A channel that is nearly silent is not blown up without end.
LEAST_SHARE = 1e-3


def equalise(model: onnx.ModelProto, input_name: str, batches: Sequence[np.ndarray]) -> None:
    """Changes the weights of a net whose PReLUs are not spelt yet and whose pointwise convolutions
    are to be quantised, weights a channel and activations a tensor.

    Before a depthwise convolution, which stays in float, all channels get the same range: that
    costs nothing. Before a pointwise one the factor goes half way, since the inverse would widen
    the range of its weights.
    """
    net = NetGraph(model)
    found = crossings(net)
    # What is quantised: the result of a pointwise convolution, and what the next one reads.
    watched = [c.prelu.input[0] if _into_depthwise(c) else c.prelu.output[0] for c in found]
    ranges = channel_ranges(model, watched, input_name, batches)
    for crossing, wide in zip(found, ranges, strict=True):
        factors = 1 / _share(wide)
        if not _into_depthwise(crossing):
            columns = [_column_ranges(net, node) for node in crossing.after]
            factors = np.sqrt(factors * _share(np.max(columns, axis=0)))
        scale_outputs(net, crossing.before, factors)
        for convolution in crossing.after:
            scale_inputs(net, convolution, 1 / factors)


def channel_ranges(
    model: onnx.ModelProto, values: Sequence[str], input_name: str, batches: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The largest magnitude of every channel of some values [N,C,H,W], spikes left out."""
    watching = onnx.ModelProto()
    watching.CopyFrom(model)
    del watching.graph.output[:]
    watching.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in values
    )
    session = onnxruntime.InferenceSession(watching.SerializeToString())
    found: list[np.ndarray] = []
    for batch in batches:
        maps = session.run(list(values), {input_name: batch})
        now = [np.quantile(np.abs(m), COVERED, axis=(0, 2, 3)) for m in maps]
        found = [np.maximum(a, b) for a, b in zip(found, now, strict=True)] if found else now
    return found


def _into_depthwise(crossing: Crossing) -> bool:
    return all(is_depthwise(node) for node in crossing.after)


def _column_ranges(net: NetGraph, convolution: onnx.NodeProto) -> np.ndarray:
    """Largest weight of each input channel, as a share of the range of the row that it is in."""
    weights = np.abs(net.array(convolution.input[1]))
    return (weights / weights.max(axis=(1, 2, 3), keepdims=True)).max(axis=(0, 2, 3))


def _share(ranges: np.ndarray) -> np.ndarray:
    return np.maximum(ranges / ranges.max(), LEAST_SHARE)
