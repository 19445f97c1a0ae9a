"""The rewritten parts of the nets compute what the parts that they replace compute."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from mtcnn import _fold_normalisation, _unswap_flattened, _write_heads
from net_file import write_net
from onnx import TensorProto
from onnx_builder import OnnxBuilder

RANDOM = np.random.default_rng(5)


def test_the_heads_of_a_net_are_one_layer(tmp_path: Path) -> None:
    builder = OnnxBuilder("heads")
    flat = builder.node("Cast", [builder.input_bytes("x", ["N", 6])], to=TensorProto.FLOAT)
    value = builder.node("Mul", [flat, builder.constant(np.array(0.01))])
    heads = {n: (RANDOM.normal(size=(n, 6)), RANDOM.normal(size=n)) for n in (2, 4, 10)}
    _write_heads(builder, "onet", value, heads)
    path = tmp_path / "net.onnx"
    write_net(builder.model(), path, blocked=False)
    feed = RANDOM.integers(0, 256, (9, 6), dtype=np.uint8)
    found = onnxruntime.InferenceSession(str(path)).run(
        ["score", "offset", "landmarks"], {"x": feed}
    )
    classes, offset, points = (feed * 0.01 @ heads[n][0].T + heads[n][1] for n in (2, 4, 10))
    powers = np.exp(classes)
    np.testing.assert_allclose(found[0], powers[:, 1] / powers.sum(1), atol=1e-5)
    np.testing.assert_allclose(found[1], offset, rtol=1e-4, atol=1e-4)
    # Five x, then five y, become x and y of one point after another.
    expected = points.reshape(-1, 2, 5).transpose(0, 2, 1).reshape(-1, 10)
    np.testing.assert_allclose(found[2], expected, rtol=1e-4, atol=1e-4)


def test_folded_first_layer_takes_bgr_bytes() -> None:
    weights = RANDOM.normal(size=(4, 3, 3, 3)).astype(np.float32)
    bias = RANDOM.normal(size=4).astype(np.float32)
    folded, shifted = _fold_normalisation(weights, bias)
    bgr = RANDOM.integers(0, 256, (3, 3, 3)).astype(np.float64)
    rgb = (bgr[::-1] - 127.5) / 128
    expected = (weights * rgb).sum((1, 2, 3)) + bias
    np.testing.assert_allclose((folded * bgr).sum((1, 2, 3)) + shifted, expected, atol=1e-4)


def test_first_dense_layer_reads_the_map_row_by_row() -> None:
    columns, rows, channels = 2, 3, 4
    weights = RANDOM.normal(size=(5, columns * rows * channels))
    planes = RANDOM.normal(size=(channels, rows, columns))
    as_published = planes.transpose(2, 1, 0).reshape(-1)
    unswapped = _unswap_flattened(weights, (columns, rows, channels))
    np.testing.assert_allclose(unswapped @ planes.reshape(-1), weights @ as_published)


def test_a_broken_graph_is_not_written(tmp_path: Path) -> None:
    builder = OnnxBuilder("broken")
    builder.input_bytes("x", [1])
    builder.node("Relu", ["nowhere"], "y")
    builder.output("y", [1])
    with pytest.raises((onnx.checker.ValidationError, onnx.shape_inference.InferenceError)):
        write_net(builder.model(), tmp_path / "net.onnx", blocked=False)
    assert not (tmp_path / "net.onnx").exists()
