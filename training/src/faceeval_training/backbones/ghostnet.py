"""GhostNet (Han et al., 2020) at width 1, with a stem of stride 1 for small faces."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from faceeval_training.backbones.tail import HardSigmoid, SequentialTail, halved, initialise


@dataclass(frozen=True)
class Row:
    """One bottleneck: kernel, inner and outer channels, squeeze-and-excitation, stride."""

    kernel: int
    inner: int
    outer: int
    squeeze: bool
    stride: int


ROWS = (
    Row(3, 16, 16, False, 1),
    Row(3, 48, 24, False, 2),
    Row(3, 72, 24, False, 1),
    Row(5, 72, 40, True, 2),
    Row(5, 120, 40, True, 1),
    Row(3, 240, 80, False, 2),
    Row(3, 200, 80, False, 1),
    Row(3, 184, 80, False, 1),
    Row(3, 184, 80, False, 1),
    Row(3, 480, 112, True, 1),
    Row(3, 672, 112, True, 1),
    Row(5, 672, 160, True, 2),
    Row(5, 960, 160, False, 1),
    Row(5, 960, 160, True, 1),
    Row(5, 960, 160, False, 1),
    Row(5, 960, 160, True, 1),
)
STEM_CHANNELS = 16
LAST_CHANNELS = 960


def divisible(value: float, divisor: int = 4) -> int:
    """Nearest multiple of `divisor`, not more than a tenth below `value`."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class GhostModule(nn.Module):
    """Half of the channels by a 1x1 convolution, the other half by a cheap depthwise one.

    The number of channels is even in every row, so nothing is cut off after the concatenation.
    """

    def __init__(self, channels_in: int, channels_out: int, *, activate: bool) -> None:
        super().__init__()
        primary = channels_out // 2

        def activation() -> nn.Module:
            return nn.ReLU(inplace=True) if activate else nn.Identity()

        self.primary_conv = nn.Sequential(
            nn.Conv2d(channels_in, primary, 1, bias=False), nn.BatchNorm2d(primary), activation()
        )
        self.cheap_operation = nn.Sequential(
            nn.Conv2d(primary, primary, 3, padding=1, groups=primary, bias=False),
            nn.BatchNorm2d(primary),
            activation(),
        )

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        first = self.primary_conv(value)
        return torch.cat([first, self.cheap_operation(first)], dim=1)


class SqueezeExcite(nn.Module):
    """Channel gate with biases and a hard sigmoid; the inner width is a quarter."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = divisible(channels * 0.25)
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.conv_reduce = nn.Conv2d(channels, inner, 1)
        self.act1 = nn.ReLU(inplace=True)
        self.conv_expand = nn.Conv2d(inner, channels, 1)
        self.gate = HardSigmoid()

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        inner = self.act1(self.conv_reduce(self.avg_pool(value)))
        return value * self.gate(self.conv_expand(inner))


class GhostBottleneck(nn.Module):
    """Ghost expansion, depthwise stride, gate, ghost projection, and the shortcut."""

    def __init__(self, channels_in: int, row: Row) -> None:
        super().__init__()
        padding = row.kernel // 2
        self.ghost1 = GhostModule(channels_in, row.inner, activate=True)
        self.down: nn.Module = nn.Identity()
        if row.stride > 1:
            self.down = nn.Sequential(
                nn.Conv2d(
                    row.inner,
                    row.inner,
                    row.kernel,
                    row.stride,
                    padding,
                    groups=row.inner,
                    bias=False,
                ),
                nn.BatchNorm2d(row.inner),
            )
        self.se: nn.Module = SqueezeExcite(row.inner) if row.squeeze else nn.Identity()
        self.ghost2 = GhostModule(row.inner, row.outer, activate=False)
        self.shortcut: nn.Module = nn.Identity()
        if channels_in != row.outer or row.stride > 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(
                    channels_in,
                    channels_in,
                    row.kernel,
                    row.stride,
                    padding,
                    groups=channels_in,
                    bias=False,
                ),
                nn.BatchNorm2d(channels_in),
                nn.Conv2d(channels_in, row.outer, 1, bias=False),
                nn.BatchNorm2d(row.outer),
            )

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return self.ghost2(self.se(self.down(self.ghost1(value)))) + self.shortcut(value)


class GhostNet(nn.Module):
    """Faces [N,3,S,S] to embeddings [N,E]."""

    def __init__(self, input_size: int, embedding_size: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, STEM_CHANNELS, 3, padding=1, bias=False),
            nn.BatchNorm2d(STEM_CHANNELS),
            nn.ReLU(inplace=True),
        )
        channels = STEM_CHANNELS
        blocks: list[nn.Module] = []
        for row in ROWS:
            blocks.append(GhostBottleneck(channels, row))
            channels = row.outer
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(
            nn.Conv2d(channels, LAST_CHANNELS, 1, bias=False),
            nn.BatchNorm2d(LAST_CHANNELS),
            nn.ReLU(inplace=True),
        )
        self.output_layer = SequentialTail(
            LAST_CHANNELS, halved(input_size, 4), embedding_size, 0.2
        )
        initialise(self)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.output_layer(self.last(self.blocks(self.stem(faces))))
