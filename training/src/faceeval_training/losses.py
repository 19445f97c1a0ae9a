"""Losses over logits [N,C] and labels [N]; rows with the label -1 do not count."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

NO_LABEL = -1


class SoftmaxLoss(nn.Module):
    """Cross-entropy, mean over the labelled rows; 0 where there are none."""

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return mean_over_labelled(cross_entropies(logits, labels), labels)


class FocalLoss(nn.Module):
    """(1 - p)^gamma times the cross-entropy of each row, then the mean (Lin et al., 2017)."""

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        losses = cross_entropies(logits, labels)
        return mean_over_labelled(focus(losses, self.gamma), labels)


class BatchFocalLoss(nn.Module):
    """face.evoLVe's form: the mean cross-entropy of the batch is modulated, not that of each row.

    Hard rows thus weigh no more than easy ones; kept to reproduce the seed's runs.
    """

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return focus(mean_over_labelled(cross_entropies(logits, labels), labels), self.gamma)


def focus(losses: torch.Tensor, gamma: float) -> torch.Tensor:
    """Multiplies -log p by (1 - p)^gamma."""
    return (-torch.expm1(-losses)).clamp_min(0.0) ** gamma * losses


def cross_entropies(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """-log p of each row's label; 0 in rows without one."""
    return F.cross_entropy(logits.float(), labels, ignore_index=NO_LABEL, reduction="none")


def mean_over_labelled(values: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean of the rows that have a label."""
    return values.sum() / (labels != NO_LABEL).sum().clamp_min(1)


LOSSES = ("Focal", "focal_batch", "Softmax")


def build_loss(name: str, gamma: float = 2.0) -> nn.Module:
    """A loss by its name in the configuration."""
    if name == "Softmax":
        return SoftmaxLoss()
    return FocalLoss(gamma) if name == "Focal" else BatchFocalLoss(gamma)
