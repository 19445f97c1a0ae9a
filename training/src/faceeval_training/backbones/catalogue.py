"""Backbones by the names that the configuration uses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from faceeval_training.backbones.ghostnet import GhostNet
from faceeval_training.backbones.ir import ImprovedResNet
from faceeval_training.backbones.mobilefacenet import MobileFaceNet, MobileFaceNetSeparable
from faceeval_training.backbones.resnet import ResNet

Maker = Callable[[int, int], nn.Module]


def _ir(units: tuple[int, int, int, int], *, squeeze: bool) -> Maker:
    return partial(ImprovedResNet, units, squeeze=squeeze)


BACKBONES: dict[str, Maker] = {
    "ResNet_50": partial(ResNet, (3, 4, 6, 3)),
    "ResNet_101": partial(ResNet, (3, 4, 23, 3)),
    "ResNet_152": partial(ResNet, (3, 8, 36, 3)),
    "ppResNet_50": partial(ResNet, (3, 4, 6, 3), output_norm=False),
    "IR_50": _ir((3, 4, 14, 3), squeeze=False),
    "IR_101": _ir((3, 13, 30, 3), squeeze=False),
    "IR_152": _ir((3, 8, 36, 3), squeeze=False),
    "IR_SE_50": _ir((3, 4, 14, 3), squeeze=True),
    "IR_SE_101": _ir((3, 13, 30, 3), squeeze=True),
    "IR_SE_152": _ir((3, 8, 36, 3), squeeze=True),
    "GhostNet": GhostNet,
    "MobileFaceNet": MobileFaceNet,
    "MobileFaceNet_TF": MobileFaceNetSeparable,
}


def build_backbone(name: str, input_size: int = 112, embedding_size: int = 512) -> nn.Module:
    """A freshly initialised net: faces float [N,3,S,S] to embeddings [N,E], not normalised.

    Raises KeyError for a name that is not in BACKBONES.
    """
    return BACKBONES[name](input_size, embedding_size)


def parameter_count(net: nn.Module) -> int:
    """Learnable parameters, batch norm's running figures not among them."""
    return sum(parameter.numel() for parameter in net.parameters())
