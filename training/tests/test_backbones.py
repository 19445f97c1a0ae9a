"""Parameter counts and shapes against the published definitions."""

import pytest
import torch

from faceeval_training.backbones.catalogue import BACKBONES, build_backbone, parameter_count
from faceeval_training.commands.summary import multiply_adds

# The counts of face.evoLVe's modules, read by instantiating them; IR_SE_101/152 add channels^2/8 a
# unit to IR_101/152.
PARAMETERS = {
    ("ResNet_50", 512): 40_290_880,
    ("ResNet_101", 512): 59_283_008,
    ("ResNet_152", 512): 74_926_656,
    ("ppResNet_50", 512): 40_286_784,
    ("IR_50", 512): 43_574_976,
    ("IR_101", 512): 65_129_792,
    ("IR_152", 512): 70_737_600,
    ("IR_SE_50", 512): 43_797_696,
    ("IR_SE_101", 512): 65_129_792 + (3 * 64**2 + 13 * 128**2 + 30 * 256**2 + 3 * 512**2) // 8,
    ("IR_SE_152", 512): 70_737_600 + (3 * 64**2 + 8 * 128**2 + 36 * 256**2 + 3 * 512**2) // 8,
    ("GhostNet", 512): 26_759_364,
    ("MobileFaceNet", 512): 1_200_512,
    ("MobileFaceNet", 128): 1_003_136,
}
GIGA_MACS = {
    "ResNet_50": 1.093,
    "ResNet_101": 2.021,
    "ResNet_152": 2.949,
    "IR_50": 6.30,
    "IR_101": 12.1,
    "IR_152": 12.3,
    "GhostNet": 0.163,
    "MobileFaceNet": 0.221,
}


@pytest.mark.parametrize(("name", "size"), PARAMETERS)
def test_has_the_published_number_of_parameters(name: str, size: int) -> None:
    assert parameter_count(build_backbone(name, 112, size)) == PARAMETERS[name, size]


@pytest.mark.parametrize("name", GIGA_MACS)
def test_costs_the_published_work(name: str) -> None:
    work = multiply_adds(build_backbone(name), 112) / 1e9
    assert work == pytest.approx(GIGA_MACS[name], rel=0.01)


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("size", [128, 256, 512])
def test_gives_embeddings_of_the_asked_length(name: str, size: int) -> None:
    net = build_backbone(name, 32, size).eval()
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, size)


@pytest.mark.parametrize("name", ["ResNet_50", "ppResNet_50", "IR_50", "GhostNet", "MobileFaceNet"])
def test_takes_the_larger_input(name: str) -> None:
    net = build_backbone(name, 224, 128).eval()
    with torch.no_grad():
        assert net(torch.zeros(1, 3, 224, 224)).shape == (1, 128)


def test_the_flatten_of_resnet_is_7_by_7_at_224() -> None:
    assert build_backbone("ResNet_50", 224, 512).fc.in_features == 2048 * 7 * 7
    assert build_backbone("ResNet_50", 112, 512).fc.in_features == 2048 * 4 * 4


def test_last_batch_norm_of_each_bottleneck_starts_at_zero() -> None:
    net = build_backbone("ResNet_50", 32, 128)
    assert not net.layer3[2].bn3.weight.any()
    assert net.layer3[0].downsample[1].weight.all()
    assert net.bn_o1.weight.all()
