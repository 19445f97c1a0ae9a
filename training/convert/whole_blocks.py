"""Channels between a convolution, a parametric ReLU and a max-pool, for the blocked layout.

ONNX Runtime pools channels in that layout only where they fill its blocks; else it leaves the layout
and comes back. Channels that only fill a block cost nothing, and some of them make slopes above 1
unnecessary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from onnx_builder import OnnxBuilder

# Channels of a block on processors with AVX-512.
BLOCK = 16


@dataclass(frozen=True)
class Channels:
    """What takes the place of the channels of a net.

    source: which of the net's channels each is made as; -1 where it is only there to fill a block.
    slopes: of its PReLU, at most 1.
    back: [channels of the net, channels here]; the net's, once pooled, are these sums of ours.
    """

    source: np.ndarray
    slopes: np.ndarray
    back: np.ndarray

    def made_by(self, weights: np.ndarray) -> np.ndarray:
        """Weights or bias, outputs first, of the layer that makes these channels."""
        made = weights[np.maximum(self.source, 0)]
        made[self.source < 0] = 0
        return made


def in_whole_blocks(slopes: np.ndarray) -> Channels:
    """Where a slope a is above 1, the PReLU only rises, so that it may stand after the pool; there
    it is a x + (1 - a) relu(x): the channel is replaced by x and relu(x)."""
    steep = np.flatnonzero(slopes > 1)
    used = slopes.size + steep.size
    size = -(-used // BLOCK) * BLOCK
    source = np.full(size, -1)
    source[:used] = [*range(slopes.size), *steep]
    ours = np.ones(size, slopes.dtype)
    ours[:used] = [*np.minimum(slopes, 1), *np.zeros(steep.size)]
    back = np.eye(slopes.size, size, dtype=slopes.dtype)
    back[steep, steep] = slopes[steep]
    back[steep, np.arange(slopes.size, used)] = 1 - slopes[steep]
    return Channels(source, ours, back)


def reading(weights: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Weights [outputs, channels of the net, ...] of a layer that is to read ours."""
    return np.moveaxis(np.tensordot(weights, back, (1, 0)), -1, 1)


def pooling_first_is_free(slopes: np.ndarray) -> bool:
    """Whether the channels that `pooled_prelu` adds fit the blocks that are there: in P-Net they
    do, and it takes a quarter less time; where they do not, it takes more."""
    negative = int((slopes < 0).sum())
    return -(-(slopes.size + negative) // BLOCK) == -(-slopes.size // BLOCK)


def pooled_prelu(
    builder: OnnxBuilder,
    value: str,
    layer: tuple[np.ndarray, np.ndarray],
    slopes: np.ndarray,
    pool: Mapping[str, Any],
) -> tuple[str, np.ndarray]:
    """Convolution, parametric ReLU and max-pool, with the ReLU on the few pixels that are left.

    Where the slope a is not negative, PReLU only rises, and the pooled value goes through it. Where
    it is, PReLU(x) is max(x, a x), so that pooling it is the larger of pooled x and pooled a x. The
    convolution gives a x of such channels as further ones. Where a is above 1, the channel is given
    divided by -a, which is PReLU_1/a(-x).

    Returns the value, and what its channels are to the net's, as in `Channels`.
    """
    weights, bias = layer
    negative = np.flatnonzero(slopes < 0)
    scaled = weights[negative] * slopes[negative].reshape(-1, 1, 1, 1)
    wide = np.concatenate([weights, scaled])
    wide_bias = np.concatenate([bias, bias[negative] * slopes[negative]])
    made = builder.node(
        "Conv",
        [value, builder.constant(wide), builder.constant(wide_bias)],
        kernel_shape=list(weights.shape[2:]),
    )
    pooled = builder.node("MaxPool", [made], **pool)
    steep = slopes > 1
    low = np.where(steep, 1 / np.where(steep, slopes, 1), slopes)
    # base + relu(itself - base), each a sum over the pooled channels.
    itself = np.eye(slopes.size, wide.shape[0], dtype=np.float32)
    itself[steep] *= -1
    base = itself * np.maximum(low, 0)[:, None]
    base[negative, slopes.size + np.arange(negative.size)] = 1
    above = builder.node("Relu", [_mixed(builder, pooled, itself - base)])
    total = builder.node("Add", [_mixed(builder, pooled, base), above])
    return total, np.diag(np.where(steep, -slopes, 1))


def _mixed(builder: OnnxBuilder, value: str, weights: np.ndarray) -> str:
    """Sums over the channels of each pixel; weights [outputs, inputs]."""
    matrix = builder.constant(weights[:, :, None, None])
    return builder.node("Conv", [value, matrix], kernel_shape=[1, 1])
