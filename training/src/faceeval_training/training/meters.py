"""What the log says of a run: last value and mean, as the seed prints them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch

from faceeval_training.losses import NO_LABEL
from faceeval_training.recogniser import Outcome


@dataclass
class Meter:
    """Last value and the mean over the epoch."""

    last: float = 0.0
    total: float = 0.0
    weight: int = 0

    def add(self, value: float, weight: int) -> None:
        self.last = value
        self.total += value * weight
        self.weight += weight

    @property
    def mean(self) -> float:
        return self.total / max(1, self.weight)


def top_shares(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float, int]:
    """Shares of the labelled rows whose label is the first, or among the first five; their count.

    In training the logits carry the margin, so these are lower than what the classifier does.
    """
    labelled = labels != NO_LABEL
    count = int(labelled.sum())
    if count == 0:
        return 0.0, 0.0, 0
    best = logits[labelled].topk(min(5, logits.shape[1]), dim=1).indices
    hits = best == labels[labelled].unsqueeze(1)
    return hits[:, 0].float().mean().item(), hits.any(dim=1).float().mean().item(), count


@dataclass
class EpochMeters:
    """All meters of one epoch of this process."""

    loss: Meter = field(default_factory=Meter)
    top1: Meter = field(default_factory=Meter)
    top5: Meter = field(default_factory=Meter)
    agreement: Meter = field(default_factory=Meter)
    started: float = field(default_factory=time.monotonic)
    images: int = 0

    def add(self, outcome: Outcome, labels: torch.Tensor) -> None:
        """Takes in one batch."""
        size = len(labels)
        self.images += size
        self.loss.add(outcome.loss.item(), size)
        if outcome.logits is not None:
            top1, top5, count = top_shares(outcome.logits, labels)
            if count:
                self.top1.add(100 * top1, count)
                self.top5.add(100 * top5, count)
        if outcome.agreement is not None:
            self.agreement.add(outcome.agreement.item(), size)

    @property
    def images_per_second(self) -> float:
        return self.images / max(1e-9, time.monotonic() - self.started)

    def summary(self) -> dict[str, float]:
        """Means over the epoch."""
        means = {"loss": self.loss.mean}
        if self.top1.weight:
            means |= {"top1": self.top1.mean, "top5": self.top5.mean}
        if self.agreement.weight:
            means["teacher_cosine"] = self.agreement.mean
        return {**means, "images_per_second": self.images_per_second}

    def line(self) -> str:
        """`loss 3.2 (3.5) top1 45.3 (40.2)`: the last batch and, in brackets, the mean."""
        parts = [f"loss {self.loss.last:.4f} ({self.loss.mean:.4f})"]
        if self.top1.weight:
            parts.append(f"top1 {self.top1.last:.3f} ({self.top1.mean:.3f})")
            parts.append(f"top5 {self.top5.last:.3f} ({self.top5.mean:.3f})")
        if self.agreement.weight:
            parts.append(f"teacher {self.agreement.last:.4f} ({self.agreement.mean:.4f})")
        return f"{' '.join(parts)} {self.images_per_second:.1f} images/s"
