"""Going on from an exported build of a ResNet: what the export folded away is put back.

A build keeps neither batch norms nor the optimiser's state. Its convolutions are taken over as they
are, and each batch norm is given the figures of the values that reach it, so that at first it
changes nothing but learns as in any other run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from faceeval_training.backbones.resnet import ResNet
from faceeval_training.errors import TrainingError

PREFIX = "backbone."


@torch.no_grad()
def take_over_build(net: ResNet, path: Path) -> int:
    """Weights and biases of an FP32 or FP16 build, with neutral batch norms; how many tensors.

    Raises TrainingError when the build is of another net.
    """
    graph = onnx.load(path).graph
    given = {
        entry.name.removeprefix(PREFIX): numpy_helper.to_array(entry).astype(np.float32)
        for entry in graph.initializer
        if entry.name.startswith(PREFIX)
    }
    for module in net.modules():
        if isinstance(module, _BatchNorm):
            _make_neutral(module)
    taken = 0
    for name, module in net.named_modules():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        weight, bias = given.get(f"{name}.weight"), given.get(f"{name}.bias")
        if weight is None or bias is None or weight.shape != tuple(module.weight.shape):
            raise TrainingError(f"{path} has no weights for {name}; is it another backbone's?")
        module.weight.copy_(torch.from_numpy(weight))
        owner = module if module.bias is not None else net.get_submodule(_norm_after(name))
        owner.bias.copy_(torch.from_numpy(bias))
        taken += 2
    # The build takes BGR; the net was trained on RGB.
    net.conv1.weight.copy_(net.conv1.weight.flip(1))
    return taken


def _norm_after(convolution: str) -> str:
    """conv2 is followed by bn2, downsample.0 by downsample.1."""
    before, _, last = convolution.rpartition(".")
    norm = last.replace("conv", "bn") if last.startswith("conv") else str(int(last) + 1)
    return f"{before}.{norm}" if before else norm


def _make_neutral(norm: _BatchNorm) -> None:
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
    norm.weight.fill_(1)
    norm.bias.zero_()


@torch.no_grad()
def restore_batch_norms(
    net: nn.Module,
    run: Callable[[torch.Tensor], object],
    batches: Iterable[torch.Tensor],
    frozen: Collection[str] = (),
) -> None:
    """Gives each neutral batch norm the mean and deviation of its input, and the scale and shift
    that undo them: the net computes what it did. Frozen ones stay neutral, so that the next build
    holds what this one does.

    run: the net in evaluation mode on one of the batches.
    """
    norms = [
        module
        for name, module in net.named_modules()
        if isinstance(module, _BatchNorm) and name not in frozen
    ]
    seen = [_Moments() for _ in norms]

    def watcher(moments: _Moments):
        def watch(_module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            moments.add(given[0])

        return watch

    handles = [
        norm.register_forward_pre_hook(watcher(moments))
        for norm, moments in zip(norms, seen, strict=True)
    ]
    was_training = net.training
    net.eval()
    for batch in batches:
        run(batch)
    net.train(was_training)
    for handle in handles:
        handle.remove()
    for norm, moments in zip(norms, seen, strict=True):
        mean, variance = moments.result()
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)


class _Moments:
    """Mean and variance a channel over batches."""

    def __init__(self) -> None:
        self._count = 0
        self._sum: torch.Tensor | float = 0.0
        self._squares: torch.Tensor | float = 0.0

    def add(self, values: torch.Tensor) -> None:
        apart = values.double().transpose(0, 1).flatten(1)
        self._count += apart.shape[1]
        self._sum = self._sum + apart.sum(dim=1)
        self._squares = self._squares + apart.square().sum(dim=1)

    def result(self) -> tuple[torch.Tensor, torch.Tensor]:
        mean = self._sum / self._count
        variance = self._squares / self._count - mean.square()
        return mean.float(), variance.clamp_min(0).float()
