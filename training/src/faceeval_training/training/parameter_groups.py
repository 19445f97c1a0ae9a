"""Which parameters are decayed, and the optimiser over them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from faceeval_training.errors import TrainingError
from faceeval_training.recogniser import Recogniser
from faceeval_training.settings import Settings


def parameter_groups(net: Recogniser, settings: Settings) -> list[dict]:
    """Decayed weights, undecayed ones and the head, each with its factor on the learning rate.

    Found by the kind of the module, not by its name: face.evoLVe looks for "bn" in names and so
    decays the batch norms of its shortcuts. PReLU's slopes and biases of the backbone are not
    decayed either: zero is no neutral value for the former, and the latter are few.
    """
    plain: list[nn.Parameter] = []
    decayed: list[nn.Parameter] = []
    for owner in (net.backbone, net.match, net.hints):
        for module in owner.modules() if owner is not None else ():
            spared = isinstance(module, _BatchNorm | nn.PReLU)
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.requires_grad:
                    (plain if spared or name == "bias" else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay, "factor": 1.0},
        {"params": plain, "weight_decay": 0.0, "factor": 1.0},
    ]
    if net.head is not None:
        factor = settings.head_learning_rate_factor
        head = list(net.head.parameters())
        groups.append({"params": head, "weight_decay": settings.weight_decay, "factor": factor})
    return [group for group in groups if group["params"]]


def build_optimiser(net: Recogniser, settings: Settings) -> torch.optim.Optimizer:
    """SGD with momentum, or AdamW with its usual moments."""
    groups = parameter_groups(net, settings)
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
    return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum)


def align_moments(optimiser: torch.optim.Optimizer) -> None:
    """Gives each moment the memory layout of its parameter, which fused steps take for granted;
    a checkpoint may have been made with another one."""
    for parameter, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value)


def freeze_modules(net: nn.Module, names: Sequence[str]) -> None:
    """Modules of the backbone that keep their weights, and batch norms in them their figures.

    Raises TrainingError when the net has no such module.
    """
    modules = dict(net.named_modules())
    for name in names:
        if name not in modules:
            raise TrainingError(f"the backbone has no module {name} to freeze")
        modules[name].eval().requires_grad_(False)


def freeze_batch_norm(net: nn.Module) -> None:
    """Batch norms keep their running figures and their parameters, as ppResNet_50 is trained."""
    for module in net.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
            for parameter in module.parameters():
                parameter.requires_grad_(False)
