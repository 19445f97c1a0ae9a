"""Bottleneck ResNets with the stride on the 3x3 convolution.

Module names are those of face.evoLVe and torchvision, so that weights published for either load.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.fx import Proxy

from faceeval_training.backbones.tail import halved, initialise

EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 times four; the activation follows the addition."""

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        channels_out = width * EXPANSION
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        shortcut = value if self.downsample is None else self.downsample(value)
        inner = self.relu(self.bn1(self.conv1(value)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        return self.relu(self.bn3(self.conv3(inner)) + shortcut)


class ResNet(nn.Module):
    """Faces [N,3,S,S] to embeddings [N,E]; S is 112 or 224, or less where it is
    trained on smaller pictures.

    blocks: how many bottlenecks each of the four stages has.
    output_norm: batch norm and dropout before the linear layer (face.evoLVe); the Paddle variant
    (ppResNet_50) has neither.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        input_size: int,
        embedding_size: int,
        *,
        output_norm: bool = True,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = 64
        for number, count in enumerate(blocks):
            width = 64 << number
            stage = []
            for unit in range(count):
                stage.append(Bottleneck(channels, width, 2 if number > 0 and unit == 0 else 1))
                channels = width * EXPANSION
            setattr(self, f"layer{number + 1}", nn.Sequential(*stage))
        side = self._side = halved(input_size, 5)
        self.bn_o1 = nn.BatchNorm2d(channels) if output_norm else nn.Identity()
        self.dropout = nn.Dropout(0.5) if output_norm else nn.Identity()
        self.fc = nn.Linear(channels * side * side, embedding_size)
        self.bn_o2 = nn.BatchNorm1d(embedding_size)
        initialise(self)
        for module in self.modules():
            if isinstance(module, Bottleneck):
                nn.init.zeros_(module.bn3.weight)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        value = self.maxpool(self.relu(self.bn1(self.conv1(faces))))
        value = self.layer4(self.layer3(self.layer2(self.layer1(value))))
        # A graph that is traced to fold its batch norms is for pictures of the full size.
        if not isinstance(value, Proxy) and value.shape[-1] != self._side:
            # Smaller pictures are for cheap early epochs: the linear layer keeps its meaning.
            value = nn.functional.interpolate(value, size=self._side, mode="nearest")
        value = torch.flatten(self.dropout(self.bn_o1(value)), 1)
        return self.bn_o2(self.fc(value))
