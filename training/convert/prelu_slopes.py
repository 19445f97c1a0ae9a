"""Makes the slopes of PReLUs at most 1, so that PReLU is max(x, a x)."""

from __future__ import annotations

import numpy as np

from channel_scaling import crossings, scale_inputs, scale_outputs
from net_graph import NetGraph


def lower_slopes(net: NetGraph) -> None:
    """Where a slope a is above 1, PReLU_a(x) = -a PReLU_1/a(-x): the minus before goes into the
    convolution that makes x, the factor -a into the ones that read the result. Exact.

    A PReLU whose neighbours are not convolutions keeps its slopes.
    """
    for crossing in crossings(net):
        name = crossing.prelu.input[1]
        slopes = net.array(name)
        steep = slopes.reshape(-1) > 1
        if not steep.any():
            continue
        scale_outputs(net, crossing.before, np.where(steep, -1, 1))
        for convolution in crossing.after:
            scale_inputs(net, convolution, np.where(steep, -slopes.reshape(-1), 1))
        net.set_array(name, np.where(slopes > 1, 1 / np.maximum(slopes, 1), slopes))
