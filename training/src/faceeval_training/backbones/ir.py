"""Improved residual nets (IR) and their squeeze-and-excitation form (IR_SE).

Module names are those of face.evoLVe, so that its published weights load.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from faceeval_training.backbones.tail import SequentialTail, halved, initialise

WIDTHS = (64, 128, 256, 512)
SQUEEZE = 16


class SqueezeExcite(nn.Module):
    """Scales each channel by what the whole map says of it; without biases."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, channels // SQUEEZE, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(channels // SQUEEZE, channels, 1, bias=False)
        self.sigmoid = nn.Sigmoid()

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return value * self.sigmoid(self.fc2(self.relu(self.fc1(self.avg_pool(value)))))


class ImprovedUnit(nn.Module):
    """Batch norm first, stride on the second convolution, no activation after the addition."""

    def __init__(self, channels_in: int, channels: int, stride: int, squeeze: bool) -> None:
        super().__init__()
        if channels_in == channels:
            self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels),
            )
        layers = [
            nn.BatchNorm2d(channels_in),
            nn.Conv2d(channels_in, channels, 3, padding=1, bias=False),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        ]
        if squeeze:
            layers.append(SqueezeExcite(channels))
        self.res_layer = nn.Sequential(*layers)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return self.res_layer(value) + self.shortcut_layer(value)


class ImprovedResNet(nn.Module):
    """Faces [N,3,S,S] to embeddings [N,E]; `units` counts the units of the four stages."""

    def __init__(
        self, units: Sequence[int], input_size: int, embedding_size: int, *, squeeze: bool
    ) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64)
        )
        body: list[nn.Module] = []
        channels = 64
        for width, count in zip(WIDTHS, units, strict=True):
            for unit in range(count):
                body.append(ImprovedUnit(channels, width, 2 if unit == 0 else 1, squeeze))
                channels = width
        self.body = nn.Sequential(*body)
        self.output_layer = SequentialTail(512, halved(input_size, 4), embedding_size, 0.5)
        initialise(self)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.output_layer(self.body(self.input_layer(faces)))
