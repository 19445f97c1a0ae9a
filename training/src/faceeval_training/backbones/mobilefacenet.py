"""MobileFaceNet (Chen et al., 2018), and the layout of its widely used 192-d export."""

from __future__ import annotations

import torch
from torch import nn

from faceeval_training.backbones.tail import halved, initialise


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, where `activate`, PReLU.

    same_upper: pads as TensorFlow's SAME does, the odd pixel at the right and the bottom.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        padding: int | None = None,
        activate: bool = True,
        same_upper: bool = False,
    ) -> None:
        padding = kernel // 2 if padding is None else padding
        shifted = same_upper and stride == 2
        layers: list[nn.Module] = [nn.ZeroPad2d((0, 1, 0, 1))] if shifted else []
        layers += [
            nn.Conv2d(
                channels_in,
                channels_out,
                kernel,
                stride,
                0 if shifted else padding,
                groups=groups,
                bias=False,
            ),
            nn.BatchNorm2d(channels_out),
        ]
        if activate:
            layers.append(nn.PReLU(channels_out))
        super().__init__(*layers)


class InvertedUnit(nn.Module):
    """1x1 expansion, depthwise 3x3, linear 1x1 projection; a shortcut where the shape stays."""

    def __init__(
        self, channels_in: int, inner: int, channels_out: int, stride: int, same_upper: bool
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvNorm(channels_in, inner),
            ConvNorm(inner, inner, 3, stride=stride, groups=inner, same_upper=same_upper),
            ConvNorm(inner, channels_out, activate=False),
        )
        self.shortcut = stride == 1 and channels_in == channels_out

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return value + self.layers(value) if self.shortcut else self.layers(value)


def trunk(same_upper: bool, pointwise: bool) -> nn.Sequential:
    """Faces [N,3,S,S] to maps [N,512,S/16,S/16]."""
    layers: list[nn.Module] = [
        ConvNorm(3, 64, 3, stride=2, same_upper=same_upper),
        ConvNorm(64, 64, 3, groups=64),
    ]
    if pointwise:
        layers.append(ConvNorm(64, 64, activate=False))
    plan = [
        (128, 64, 2, 1),
        (128, 64, 1, 4),
        (256, 128, 2, 1),
        (256, 128, 1, 6),
        (512, 128, 2, 1),
        (256, 128, 1, 2),
    ]
    channels = 64
    for inner, outer, stride, repeats in plan:
        for _ in range(repeats):
            layers.append(InvertedUnit(channels, inner, outer, stride, same_upper))
            channels = outer
    layers.append(ConvNorm(channels, 512))
    return nn.Sequential(*layers)


class MobileFaceNet(nn.Module):
    """Faces [N,3,S,S] to embeddings [N,E]: global depthwise convolution, linear, batch norm."""

    def __init__(self, input_size: int, embedding_size: int) -> None:
        super().__init__()
        self.trunk = trunk(same_upper=False, pointwise=False)
        side = halved(input_size, 4)
        self.pool = ConvNorm(512, 512, side, groups=512, padding=0, activate=False)
        self.linear = nn.Linear(512, embedding_size, bias=False)
        self.norm = nn.BatchNorm1d(embedding_size)
        initialise(self)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.norm(self.linear(torch.flatten(self.pool(self.trunk(faces)), 1)))


class MobileFaceNetSeparable(nn.Module):
    """The layout of MobileFaceNet_TF: each depthwise layer is followed by a 1x1 convolution.

    Its 192-d export is models/fp32/mobilefacenet-192.onnx, whose weights this net can take over.
    """

    def __init__(self, input_size: int, embedding_size: int) -> None:
        super().__init__()
        self.trunk = trunk(same_upper=True, pointwise=True)
        side = halved(input_size, 4)
        self.pool = nn.Sequential(
            ConvNorm(512, 512, side, groups=512, padding=0, activate=False),
            ConvNorm(512, 512, activate=False),
            ConvNorm(512, embedding_size, activate=False),
        )
        initialise(self)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return torch.flatten(self.pool(self.trunk(faces)), 1)
