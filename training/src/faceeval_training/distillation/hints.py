"""Inner maps as further targets: what a stage has seen, place by place (Romero et al., 2015)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional as F

from faceeval_training.errors import TrainingError
from faceeval_training.settings import HintSettings


class HintMatch(nn.Module):
    """How badly the student's maps tell the teacher's, each through one 1x1 convolution.

    The teacher's maps are standardised, so that a loss of 1 means that nothing was learned.
    """

    def __init__(
        self, hints: Sequence[HintSettings], own: Sequence[int], taught: Sequence[int]
    ) -> None:
        super().__init__()
        self.weights = [hint.weight for hint in hints]
        self.maps = nn.ModuleList(
            nn.Conv2d(channels, wanted, 1) for channels, wanted in zip(own, taught, strict=True)
        )

    def forward(self, own: Sequence[torch.Tensor], taught: Sequence[torch.Tensor]) -> torch.Tensor:
        losses = [
            weight * F.mse_loss(layer(value).float(), _standardised(target, value.shape[-1]))
            for weight, layer, value, target in zip(
                self.weights, self.maps, own, taught, strict=True
            )
        ]
        return torch.stack(losses).sum()


def _standardised(target: torch.Tensor, side: int) -> torch.Tensor:
    """Mean 0 and deviation 1 a channel over the batch, averaged to the student's grid."""
    target = F.adaptive_avg_pool2d(target.float(), side)
    deviation, mean = torch.std_mean(target, dim=(0, 2, 3), keepdim=True)
    return (target - mean) / deviation.clamp_min(1e-5)


@contextmanager
def observed(net: nn.Module, names: Sequence[str]) -> Iterator[list[torch.Tensor]]:
    """The outputs of the named modules, in this order, of the forward pass inside the block.

    Raises TrainingError when the net has no such module.
    """
    modules = dict(net.named_modules())
    for name in names:
        if name not in modules:
            raise TrainingError(f"the backbone has no module {name} to give a hint to")
    outputs: list[torch.Tensor] = [torch.empty(0)] * len(names)

    def keeper(place: int):
        def keep(_module: nn.Module, _given: object, output: torch.Tensor) -> None:
            outputs[place] = output

        return keep

    handles = [modules[n].register_forward_hook(keeper(i)) for i, n in enumerate(names)]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def channels_of(net: nn.Module, names: Sequence[str], side_px: int) -> tuple[int, ...]:
    """Channels of the named modules' outputs."""
    was_training = net.training
    net.eval()
    with torch.no_grad(), observed(net, names) as outputs:
        net(torch.zeros(1, 3, side_px, side_px))
    net.train(was_training)
    return tuple(each.shape[1] for each in outputs)
