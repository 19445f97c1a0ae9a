"""The net as the daemon runs it: bytes in, templates of length one out."""

from __future__ import annotations

import copy

import torch
from torch import nn

from faceeval_training.deployment.batch_norm_folding import folded
from faceeval_training.pixel_input import PixelInput

LEAST_LENGTH = 1e-12


class DeploymentGraph(nn.Module):
    """faces uint8 [N,S,S,3] in BGR to template float [N,E], L2-normalised.

    size_px: the backbone sees the faces scaled to it, as in training on smaller pictures.
    """

    def __init__(self, pixels: PixelInput, backbone: nn.Module, size_px: int | None = None) -> None:
        super().__init__()
        self.pixels = pixels
        self.backbone = backbone
        self.size_px = size_px

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        template = self.backbone(self.pixels(faces, self.size_px)).float()
        # Fewer nodes than F.normalize leaves in a traced graph.
        return template / template.norm(dim=1, keepdim=True).clamp_min(LEAST_LENGTH)


class AbsolutePReLU(nn.Module):
    """(1 + a)/2 x + (1 - a)/2 |x|: PReLU in operators that ONNX Runtime vectorises."""

    odd: torch.Tensor
    even: torch.Tensor

    def __init__(self, slopes: torch.Tensor) -> None:
        super().__init__()
        shaped = slopes.detach().reshape(-1, 1, 1)
        self.register_buffer("odd", (1 + shaped) / 2)
        self.register_buffer("even", (1 - shaped) / 2)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return value * self.odd + value.abs() * self.even


class MaximumPReLU(nn.Module):
    """max(x, a x): PReLU in half the operators of `AbsolutePReLU`, where no slope is above 1."""

    slopes: torch.Tensor

    def __init__(self, slopes: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("slopes", slopes.detach().reshape(-1, 1, 1))

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return torch.maximum(value, value * self.slopes)


def fast_prelu(slopes: torch.Tensor) -> nn.Module:
    return MaximumPReLU(slopes) if bool((slopes <= 1).all()) else AbsolutePReLU(slopes)


def deployed(pixels: PixelInput, backbone: nn.Module, *, fold: bool = True) -> DeploymentGraph:
    """A copy for export: batch norms folded, PReLU spelt for speed, colours in the first layer."""
    pixels = copy.deepcopy(pixels).cpu()
    net = folded(backbone.cpu()) if fold else copy.deepcopy(backbone).cpu().eval()
    for name, module in list(net.named_modules()):
        if isinstance(module, nn.PReLU):
            net.set_submodule(name, fast_prelu(module.weight))
    if pixels.colour == "RGB":
        first = next(m for m in net.modules() if isinstance(m, nn.Conv2d))
        with torch.no_grad():
            first.weight.copy_(first.weight.flip(1))
        pixels = PixelInput(
            pixels.mean.flatten().flip(0).tolist(), pixels.std.flatten().flip(0).tolist(), "BGR"
        )
    return DeploymentGraph(pixels, net).eval()
