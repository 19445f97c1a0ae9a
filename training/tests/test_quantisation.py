"""Folding, and the three ways to INT8 as ONNX Runtime runs them."""

import collections
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from faceeval_training.backbones.catalogue import build_backbone
from faceeval_training.deployment.deployment_graph import (
    AbsolutePReLU,
    DeploymentGraph,
    MaximumPReLU,
    deployed,
    fast_prelu,
)
from faceeval_training.deployment.onnx_export import write_onnx
from faceeval_training.evaluation.embedding import onnx_embedder, torch_embedder
from faceeval_training.pixel_input import PixelInput
from faceeval_training.quantisation.comparison import as_table, compare
from faceeval_training.quantisation.fake_quantisation import (
    ActivationQuantiser,
    prepare_quantisation,
    set_quantisation,
)
from faceeval_training.quantisation.post_training import quantise_dynamic, quantise_static
from faceeval_training.quantisation.quantised_graph import store_as_int8

SIDE_PX = 32
PIXELS = PixelInput((120.0, 127.5, 130.0), (127.5, 128.0, 120.0), "RGB")
CPU = torch.device("cpu")


def lively_net(name: str) -> torch.nn.Module:
    """A net whose batch norms are far from the identity."""
    torch.manual_seed(1)
    net = build_backbone(name, SIDE_PX, 64).train()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(16, 3, SIDE_PX, SIDE_PX))
    return net.eval()


def faces(count: int = 6) -> np.ndarray:
    shape = (count, SIDE_PX, SIDE_PX, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def operators(path: Path) -> collections.Counter:
    """What ONNX Runtime makes of a graph."""
    optimised = path.with_suffix(".optimised")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(optimised)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return collections.Counter(node.op_type for node in onnx.load(optimised).graph.node)


NAMES = ["ResNet_50", "ppResNet_50", "IR_50", "IR_SE_50", "GhostNet", "MobileFaceNet",
         "MobileFaceNet_TF"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_folding_and_export_change_nothing(name: str, tmp_path: Path) -> None:
    net = lively_net(name)
    expected = torch_embedder(DeploymentGraph(PIXELS, net), CPU)(faces())
    graph = deployed(PIXELS, net)
    assert torch_embedder(graph, CPU)(faces()) == pytest.approx(expected, abs=1e-4)
    write_onnx(graph, tmp_path / "net.onnx", SIDE_PX)
    assert onnx_embedder(tmp_path / "net.onnx")(faces()) == pytest.approx(expected, abs=1e-4)
    kinds = {node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node}
    assert "Dropout" not in kinds
    assert "PRelu" not in kinds
    # A batch norm before a padded convolution cannot be folded; IR nets have one a unit.
    assert ("BatchNormalization" in kinds) == name.startswith("IR")


@pytest.mark.parametrize(
    ("slopes", "kind"), [((0.25, -3.0, 1.0), MaximumPReLU), ((0.25, -3.0, 1.7), AbsolutePReLU)]
)
def test_prelu_is_the_larger_of_two_where_no_slope_is_above_1(
    slopes: tuple[float, ...], kind: type
) -> None:
    prelu = torch.nn.PReLU(3)
    with torch.no_grad():
        prelu.weight.copy_(torch.tensor(slopes))
    spelt = fast_prelu(prelu.weight)
    assert isinstance(spelt, kind)
    value = torch.randn(2, 3, 5, 4)
    torch.testing.assert_close(spelt(value), prelu(value))


def test_resnet_keeps_no_batch_norm() -> None:
    graph = deployed(PIXELS, lively_net("ResNet_50"))
    norms = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.Dropout)
    assert not [m for m in graph.modules() if isinstance(m, norms)]


def export_aware(net: torch.nn.Module, path: Path) -> np.ndarray:
    """Calibrates, exports and gives the templates of the rounding net."""
    prepared = prepare_quantisation(net)
    set_quantisation(prepared, observing=True, rounding=False)
    with torch.no_grad():
        for _ in range(3):
            prepared(PIXELS(torch.from_numpy(faces())))
    set_quantisation(prepared, observing=False, rounding=True, exporting=True)
    expected = torch_embedder(DeploymentGraph(PIXELS, prepared), CPU)(faces())
    write_onnx(deployed(PIXELS, prepared, fold=False), path, SIDE_PX)
    store_as_int8(path)
    return expected


@pytest.mark.parametrize(("name", "least"), [
    ("ResNet_50", 0.98), ("GhostNet", 0.98), ("MobileFaceNet", 0.99), ("IR_50", 0.98),
])  # fmt: skip
def test_runtime_and_training_round_alike(name: str, least: float, tmp_path: Path) -> None:
    path = tmp_path / "aware.onnx"
    expected = export_aware(lively_net(name), path)
    assert (onnx_embedder(path)(faces()) * expected).sum(axis=1).min() > least


def test_every_convolution_of_resnet_runs_as_int8(tmp_path: Path) -> None:
    path = tmp_path / "aware.onnx"
    export_aware(lively_net("ResNet_50"), path)
    found = operators(path)
    assert found["QLinearConv"] == 53
    assert found["QLinearAdd"] == 16
    assert found["QGemm"] == 1
    assert found["Conv"] == found["Gemm"] == 0
    weights = [i for i in onnx.load(path).graph.initializer if len(i.dims) == 4]
    assert {i.data_type for i in weights} == {onnx.TensorProto.INT8}


def test_gradients_pass_through_the_rounding() -> None:
    prepared = prepare_quantisation(lively_net("MobileFaceNet")).train()
    set_quantisation(prepared, observing=True, rounding=False)
    prepared(torch.randn(4, 3, SIDE_PX, SIDE_PX))
    set_quantisation(prepared, observing=True, rounding=True)
    prepared(torch.randn(4, 3, SIDE_PX, SIDE_PX)).square().sum().backward()
    grads = [p.grad for p in prepared.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in grads)
    assert sum(bool(g.any()) for g in grads) > 0.9 * len(grads)


def test_the_range_holds_zero_exactly() -> None:
    quantiser = ActivationQuantiser()
    quantiser.observing = True
    quantiser(torch.tensor([0.5, 3.0]))
    quantiser.observing, quantiser.rounding = False, True
    assert quantiser(torch.tensor([0.0])).item() == 0
    assert quantiser(torch.tensor([3.0])).item() == pytest.approx(3.0, abs=0.01)


def test_static_and_dynamic_end_in_integer_graphs(tmp_path: Path) -> None:
    source = tmp_path / "net.onnx"
    write_onnx(deployed(PIXELS, lively_net("ResNet_50")), source, SIDE_PX)
    static, dynamic = tmp_path / "static.onnx", tmp_path / "dynamic.onnx"
    quantise_static(source, static, [faces(), faces()])
    quantise_dynamic(source, dynamic)
    found = operators(static)
    assert found["QLinearConv"] == 53
    assert found["QGemm"] == 1
    assert operators(dynamic)["ConvInteger"] == 53
    rows = compare([source, static, dynamic], faces(), threads=(1,), runs=3)
    assert rows[0].mean_cosine == pytest.approx(1, abs=1e-5)
    assert rows[1].mean_cosine > 0.98
    assert rows[1].size_bytes < 0.27 * rows[0].size_bytes
    table = as_table(rows).splitlines()
    assert len(table) == 5
    assert "/static.onnx" in table[3]
