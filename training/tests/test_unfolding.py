"""Going on from an exported ResNet, with parts of it frozen."""

from pathlib import Path

import pytest
import torch
from torch import nn

from faceeval_training.backbones.resnet import ResNet
from faceeval_training.deployment.deployment_graph import deployed
from faceeval_training.deployment.onnx_export import write_onnx
from faceeval_training.errors import TrainingError
from faceeval_training.pixel_input import PixelInput
from faceeval_training.training.parameter_groups import freeze_modules
from faceeval_training.training.start import train
from faceeval_training.training.unfolding import restore_batch_norms, take_over_build
from toy_runs import states, toy_settings

PIXELS = PixelInput((127.5,) * 3, (127.5,) * 3, "RGB")


def small_resnet(seed: int) -> ResNet:
    torch.manual_seed(seed)
    return ResNet((1, 1, 1, 1), 112, 16)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ResNet]:
    """A build of a net whose batch norms are far from neutral, and the net."""
    net = small_resnet(1).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    path = tmp_path_factory.mktemp("build") / "net.onnx"
    write_onnx(deployed(PIXELS, net), path, 112)
    return path, net


def faces(seed: int) -> torch.Tensor:
    drawn = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (8, 112, 112, 3), dtype=torch.uint8, generator=drawn)


@torch.no_grad()
def test_a_build_taken_over_computes_what_it_did(build: tuple[Path, ResNet]) -> None:
    path, net = build
    again = small_resnet(2).eval()
    assert take_over_build(again, path) == 2 * sum(
        isinstance(module, nn.Conv2d | nn.Linear) for module in net.modules()
    )
    expected = net(PIXELS(faces(0)))
    torch.testing.assert_close(again(PIXELS(faces(0))), expected, rtol=1e-3, atol=1e-3)
    restore_batch_norms(again, lambda some: again(PIXELS(some)), [faces(0), faces(1)])
    torch.testing.assert_close(again(PIXELS(faces(0))), expected, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_restored_batch_norms_hold_the_figures_of_their_inputs(build: tuple[Path, ResNet]) -> None:
    again = small_resnet(2).eval()
    take_over_build(again, build[0])
    restore_batch_norms(again, lambda some: again(PIXELS(some)), [faces(0)], frozen=("bn_o1",))
    expected = again(PIXELS(faces(0)))
    # In training mode a batch norm takes its batch's own figures: here they are the same ones.
    again.train()
    again.dropout.eval()
    freeze_modules(again, ("bn_o1",))
    torch.testing.assert_close(again(PIXELS(faces(0))), expected, rtol=2e-2, atol=2e-2)
    assert torch.equal(again.bn_o1.weight, torch.ones_like(again.bn_o1.weight))


def test_refuses_the_build_of_another_net(build: tuple[Path, ResNet]) -> None:
    with pytest.raises(TrainingError, match=r"has no weights for layer1\.1\.conv1"):
        take_over_build(ResNet((2, 1, 1, 1), 112, 16), build[0])


def test_frozen_modules_keep_weights_and_figures(toy_set: Path, tmp_path: Path) -> None:
    first = toy_settings(toy_set, tmp_path / "first", epochs=1)
    train(first, resume=False)
    on = toy_settings(
        toy_set,
        tmp_path / "on",
        epochs=1,
        backbone_resume=str(tmp_path / "first"),
        frozen=["linear", "norm"],
    )
    train(on, resume=False)
    before, after = states(tmp_path / "first"), states(tmp_path / "on")
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    kept = {name for name in before if name.startswith(("backbone.linear.", "backbone.norm."))}
    assert kept
    assert not moved & kept
    assert any(name.startswith("backbone.") for name in moved)


def test_refuses_to_freeze_what_is_not_there() -> None:
    with pytest.raises(TrainingError, match="no module tail to freeze"):
        freeze_modules(small_resnet(1), ("tail",))
