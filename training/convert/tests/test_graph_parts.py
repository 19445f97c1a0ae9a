"""The rewritten parts of the nets compute what the parts that they replace compute."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from mtcnn import _fold_normalisation, _unswap_flattened
from net_file import write_net
from onnx import TensorProto
from onnx_builder import OnnxBuilder

RANDOM = np.random.default_rng(5)


def run(builder: OnnxBuilder, folder: Path, feed: np.ndarray) -> np.ndarray:
    path = folder / "net.onnx"
    write_net(builder.model(), path, blocked=False)
    session = onnxruntime.InferenceSession(str(path))
    return session.run(None, {session.get_inputs()[0].name: feed})[0]


def test_probability_is_the_softmax_of_the_second_class(tmp_path: Path) -> None:
    builder = OnnxBuilder("probability")
    flat = builder.node("Cast", [builder.input_bytes("x", ["N", 2])], to=TensorProto.FLOAT)
    scaled = builder.node("Mul", [flat, builder.constant(np.array(0.05))])
    builder.probability(scaled, "score")
    builder.output("score", ["N"])
    feed = RANDOM.integers(0, 256, (9, 2), dtype=np.uint8)
    powers = np.exp(feed * 0.05)
    expected = powers[:, 1] / powers.sum(1)
    np.testing.assert_allclose(run(builder, tmp_path, feed), expected, atol=1e-6)


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
