"""From the bytes of a picture to what a backbone takes, in training and in the exported graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F


class PixelInput(nn.Module):
    """Faces uint8 [N,S,S,3] in BGR to float [N,3,S,S], (x - mean) / std in the asked order.

    mean and std are given in the order of `colour`. With `size_px` the planes are scaled to it, as
    a net wants that is still trained on smaller pictures.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], colour: Literal["RGB", "BGR"]
    ) -> None:
        super().__init__()
        self.colour = colour
        self.register_buffer("mean", _per_channel(mean), persistent=False)
        self.register_buffer("std", _per_channel(std), persistent=False)

    def forward(self, faces: torch.Tensor, size_px: int | None = None) -> torch.Tensor:
        planes = faces.permute(0, 3, 1, 2)
        if self.colour == "RGB":
            planes = planes.flip(1)
        planes = (planes.float() - self.mean) / self.std
        if size_px is not None:
            planes = F.interpolate(planes, size_px, mode="bilinear", antialias=True)
        return planes


def _per_channel(values: Sequence[float]) -> torch.Tensor:
    """[1,3,1,1], or one number where all are equal: in an INT8 graph channels lie side by side, and
    ONNX Runtime repeats three values a pixel far more slowly than one."""
    if len(set(values)) == 1:
        return torch.tensor(values[0])
    return torch.tensor(values).view(1, 3, 1, 1)
