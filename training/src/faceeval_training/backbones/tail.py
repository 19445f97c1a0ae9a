"""The layers between the last feature map and the embedding."""

from __future__ import annotations

import torch
from torch import nn


def halved(side_px: int, times: int) -> int:
    """Side of a map after `times` convolutions or pools of stride 2, each rounding up."""
    for _ in range(times):
        side_px = (side_px + 1) // 2
    return side_px


def initialise(net: nn.Module) -> None:
    """Kaiming-normal (fan out) convolutions, unit batch norms, Xavier linear layers."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class SequentialTail(nn.Sequential):
    """Batch norm, dropout, flatten, linear, batch norm: map [N,C,S,S] to embedding [N,E]."""

    def __init__(self, channels: int, side: int, embedding_size: int, dropout: float) -> None:
        super().__init__(
            nn.BatchNorm2d(channels),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(channels * side * side, embedding_size),
            nn.BatchNorm1d(embedding_size),
        )


class HardSigmoid(nn.Module):
    """relu6(x + 3) / 6, the gate of GhostNet's squeeze-and-excitation."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return nn.functional.relu6(value + 3.0) / 6.0
