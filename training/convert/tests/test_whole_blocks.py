"""Channels before a pool are changed so that what is read of them stays."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from net_file import write_net
from onnx_builder import OnnxBuilder
from whole_blocks import BLOCK, in_whole_blocks, pooled_prelu, pooling_first_is_free, reading

RANDOM = np.random.default_rng(11)
POOL = {"kernel_shape": [2, 2], "strides": [2, 2]}
SLOPES = {
    "low": np.array([0.2, -0.6, 1, 0, -1.2], np.float32),
    "steep": np.array([0.2, 1.3, -0.6, 1.1, 1, 0], np.float32),
    "a whole block": np.linspace(-0.5, 1, BLOCK, dtype=np.float32),
    "one too many": np.linspace(-0.5, 1.5, BLOCK, dtype=np.float32),
}


def layer(outputs: int, inputs: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    weights = RANDOM.normal(size=(outputs, inputs, side, side)).astype(np.float32)
    return weights, RANDOM.normal(size=outputs).astype(np.float32)


def convolution(builder: OnnxBuilder, value: str, made: tuple[np.ndarray, np.ndarray]) -> str:
    constants = [builder.constant(part) for part in made]
    return builder.node("Conv", [value, *constants], kernel_shape=list(made[0].shape[2:]))


def answer(builder: OnnxBuilder, value: str, path: Path) -> np.ndarray:
    builder.node("Identity", [value], "y")
    builder.output("y", ["N", 3, "h", "w"])
    write_net(builder.model(), path, blocked=True)
    feed = np.random.default_rng(1).integers(0, 9, (2, 8, 8, 3), dtype=np.uint8)
    return onnxruntime.InferenceSession(str(path)).run(None, {"x": feed})[0]


def begin() -> tuple[OnnxBuilder, str]:
    builder = OnnxBuilder("net")
    return builder, builder.picture_to_planes(builder.input_bytes("x", ["N", 8, 8, 3]))


@pytest.mark.parametrize("name", SLOPES)
def test_the_next_layer_reads_the_same(name: str, tmp_path: Path) -> None:
    slopes = SLOPES[name]
    first, after = layer(slopes.size, 3, 3), layer(3, slopes.size, 2)

    builder, value = begin()
    made = builder.prelu(convolution(builder, value, first), slopes, planes=True)
    plain = convolution(builder, builder.node("MaxPool", [made], **POOL), after)
    expected = answer(builder, plain, tmp_path / "plain.onnx")

    channels = in_whole_blocks(slopes)
    assert channels.slopes.size % BLOCK == 0 and channels.slopes.max() <= 1
    builder, value = begin()
    wide = convolution(builder, value, tuple(channels.made_by(part) for part in first))
    pooled = builder.node("MaxPool", [builder.prelu(wide, channels.slopes, planes=True)], **POOL)
    read = convolution(builder, pooled, (reading(after[0], channels.back), after[1]))
    found = answer(builder, read, tmp_path / "wide.onnx")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    assert {node.op_type for node in onnx.load(tmp_path / "wide.onnx").graph.node}.isdisjoint(
        {"PRelu", "Max", "Min", "Abs"}
    )

    builder, value = begin()
    pooled, back = pooled_prelu(builder, value, first, slopes, POOL)
    read = convolution(builder, pooled, (reading(after[0], back), after[1]))
    found = answer(builder, read, tmp_path / "pooled.onnx")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_pooling_first_is_free_where_the_last_block_has_room() -> None:
    assert pooling_first_is_free(SLOPES["low"])
    assert not pooling_first_is_free(SLOPES["a whole block"])
