"""Passes over PReLUs change how they are written and not what they compute."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from channel_scaling import crossings, scale_inputs, scale_outputs
from dequantised_slopes import merge_slopes
from equalisation import channel_ranges, equalise
from net_file import write_net
from net_graph import NetGraph
from onnx import TensorProto
from onnx_builder import OnnxBuilder
from prelu_slopes import lower_slopes
from prelu_spelling import spell_prelus
from quantise import quantise
from whole_blocks import BLOCK

RANDOM = np.random.default_rng(5)
STEEP = np.array([0.25, -2.5, 1.7, 8.9, 1, 0], np.float32)
LOW = np.array([0.25, -2.5, 0.7, 1, 0, -0.1], np.float32)


def convolution(
    builder: OnnxBuilder, value: str, outputs: int, inputs: int, side: int, group: int = 1
) -> str:
    weights = RANDOM.normal(size=(outputs, inputs // group, side, side))
    constants = [builder.constant(weights), builder.constant(RANDOM.normal(size=outputs))]
    options = {"group": group, "kernel_shape": [side, side], "pads": [side // 2] * 4}
    return builder.node("Conv", [value, *constants], **options)


def net(slopes: np.ndarray, *, pool: bool = False, shared: bool = False) -> onnx.ModelProto:
    """x uint8 [N,8,8,3] -> y: pointwise, PReLU, depthwise with a border, PReLU, pointwise. With
    `pool` the second PReLU stands before a max-pool, with `shared` the first is read by a sum."""
    builder = OnnxBuilder("net")
    count = slopes.size
    planes = builder.picture_to_planes(builder.input_bytes("x", ["N", 8, 8, 3]))
    value = builder.node("Mul", [planes, builder.constant(np.array(1 / 64))])
    first = builder.prelu(convolution(builder, value, count, 3, 1), slopes, planes=True)
    middle = convolution(builder, first, count, count, 3, group=count)
    if shared:
        middle = builder.node("Add", [middle, first])
    second = builder.prelu(middle, slopes[::-1], planes=True)
    if pool:
        second = builder.node("MaxPool", [second], kernel_shape=[2, 2], strides=[2, 2])
    builder.node("Identity", [convolution(builder, second, 4, count, 1)], "y")
    builder.output("y", ["N", 4, "h", "w"])
    return builder.model()


def answers(model: onnx.ModelProto) -> np.ndarray:
    feed = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": feed})[0]


def kinds(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("blocked", [False, True])
@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("repeats", [1, BLOCK])
@pytest.mark.parametrize("slopes", [STEEP, LOW])
def test_every_spelling_is_prelu(
    blocked: bool, pool: bool, shared: bool, repeats: int, slopes: np.ndarray
) -> None:
    model = net(np.repeat(slopes, repeats), pool=pool, shared=shared)
    expected = answers(model)
    spell_prelus(NetGraph(model), blocked=blocked)
    onnx.checker.check_model(model, full_check=True)
    assert "PRelu" not in kinds(model)
    np.testing.assert_allclose(answers(model), expected, rtol=1e-4, atol=1e-3)


def test_a_net_is_written_with_the_shortest_spelling(tmp_path: Path) -> None:
    model = net(STEEP)
    expected = answers(model)
    path = tmp_path / "net.onnx"
    write_net(model, path, blocked=False)
    written = onnx.load(path)
    assert kinds(written)["Max"] == 2 and kinds(written)["Abs"] == 0
    np.testing.assert_allclose(answers(written), expected, rtol=1e-4, atol=1e-3)


def test_slopes_are_lowered_without_a_change_of_the_answer() -> None:
    model = net(STEEP)
    expected = answers(model)
    graph = NetGraph(model)
    lower_slopes(graph)
    assert all((graph.array(node.input[1]) <= 1).all() for node in graph.nodes("PRelu"))
    np.testing.assert_allclose(answers(model), expected, rtol=1e-4, atol=1e-3)


def test_a_prelu_that_a_sum_reads_as_well_keeps_its_slopes() -> None:
    model = net(STEEP, shared=True)
    graph = NetGraph(model)
    assert crossings(graph) == []
    lower_slopes(graph)
    assert graph.array(graph.nodes("PRelu")[0].input[1]).max() == STEEP.max()


def test_a_steep_prelu_before_a_pool_is_bent_after_it() -> None:
    model = net(STEEP, pool=True)
    graph = NetGraph(model)
    lower_slopes(graph)
    spell_prelus(graph, blocked=False)
    assert kinds(model) & Counter(("Max", "Min", "Abs")) == Counter({"Max": 1, "Min": 1})


def faces() -> list[np.ndarray]:
    return [RANDOM.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8) for _ in range(3)]


def uneven(model: onnx.ModelProto) -> NetGraph:
    """Makes the first channel before each PReLU a hundred times as wide; the answer stays."""
    graph = NetGraph(model)
    for crossing in crossings(graph):
        count = graph.array(crossing.prelu.input[1]).size
        factors = np.where(np.arange(count) == 0, 100, 1)
        scale_outputs(graph, crossing.before, factors)
        for node in crossing.after:
            scale_inputs(graph, node, 1 / factors)
    return graph


def test_equalised_channels_have_one_range_and_the_answer_stays() -> None:
    model = net(LOW)
    graph = uneven(model)
    expected = answers(model)
    batches = faces()
    equalise(model, "x", batches)
    first = crossings(graph)[0].prelu.input[0]
    [ranges] = channel_ranges(model, [first], "x", batches)
    np.testing.assert_allclose(ranges, ranges.max(), rtol=1e-4)
    np.testing.assert_allclose(answers(model), expected, rtol=1e-4, atol=1e-3)


def int8_error(model: onnx.ModelProto, folder: Path, batches: list[np.ndarray]) -> float:
    expected = answers(model)
    write_net(model, folder / "net.onnx", blocked=False)
    quantise(folder / "net.onnx", folder / "int8.onnx", "x", batches, operators=("Conv",))
    return float(np.abs(answers(onnx.load(folder / "int8.onnx")) - expected).mean())


def test_an_equalised_net_loses_less_to_int8(tmp_path: Path) -> None:
    model = net(LOW)
    uneven(model)
    batches = faces()
    equalised = onnx.ModelProto()
    equalised.CopyFrom(model)
    equalise(equalised, "x", batches)
    assert int8_error(equalised, tmp_path, batches) < 0.7 * int8_error(model, tmp_path, batches)


def test_slopes_move_into_the_dequantise(tmp_path: Path) -> None:
    model = net(LOW)
    write_net(model, tmp_path / "net.onnx", blocked=False)
    quantise(tmp_path / "net.onnx", tmp_path / "int8.onnx", "x", faces(), operators=("Conv",))
    quantised = onnx.load(tmp_path / "int8.onnx")
    expected, products = answers(quantised), kinds(quantised)["Mul"]
    merge_slopes(NetGraph(quantised))
    onnx.checker.check_model(quantised, full_check=True)
    assert kinds(quantised)["Mul"] == products - 2
    np.testing.assert_allclose(answers(quantised), expected, rtol=1e-5, atol=1e-4)


def test_a_flat_prelu_is_spelt_too(tmp_path: Path) -> None:
    builder = OnnxBuilder("flat")
    flat = builder.node("Cast", [builder.input_bytes("x", ["N", 6])], to=TensorProto.FLOAT)
    value = builder.node("Sub", [flat, builder.constant(np.array(100))])
    builder.node("Identity", [builder.prelu(value, STEEP, planes=False)], "y")
    builder.output("y", ["N", 6])
    path = tmp_path / "net.onnx"
    write_net(builder.model(), path, blocked=True)
    feed = RANDOM.integers(0, 256, (9, 6), dtype=np.uint8)
    x = feed.astype(np.float32) - 100
    found = onnxruntime.InferenceSession(str(path)).run(None, {"x": feed})[0]
    np.testing.assert_allclose(found, np.where(x > 0, x, x * STEEP), rtol=1e-5, atol=1e-4)
