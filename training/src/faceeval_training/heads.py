"""Classification heads: embeddings [N,E] and labels [N] to logits [N,C].

Defaults are those of the papers and of face.evoLVe. Every head computes in FP32, because a margin
on an angle is lost in half precision. A label of -1 gives logits without a margin.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

# Keeps the derivative of the square root finite where an embedding lies on its class vector.
SINE_FLOOR = 1e-6


class MarginHead(nn.Module):
    """A class vector for each identity; the logits are cosines times `scale`."""

    def __init__(self, embedding_size: int, classes: int, scale: float, margin: float) -> None:
        super().__init__()
        self.scale = scale
        self.margin = margin
        self.weight = nn.Parameter(torch.empty(classes, embedding_size))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Without labels: the logits that the classifier gives at inference."""
        with torch.autocast(embeddings.device.type, enabled=False):
            cosines = F.linear(F.normalize(embeddings.float()), F.normalize(self.weight.float()))
            cosines = cosines.clamp(-1.0, 1.0)
            if labels is None:
                return cosines * self.scale
            return replace_target(cosines, labels, self.with_margin) * self.scale

    def with_margin(self, target: torch.Tensor) -> torch.Tensor:
        """Cosine to the own class [N] to the harder value that takes its place."""
        raise NotImplementedError


class ArcFace(MarginHead):
    """cos(theta + m); beyond theta + m > pi, cos(theta) - m sin(m), which keeps falling."""

    def __init__(
        self, embedding_size: int, classes: int, scale: float = 64.0, margin: float = 0.5
    ) -> None:
        super().__init__(embedding_size, classes, scale, margin)

    def with_margin(self, target: torch.Tensor) -> torch.Tensor:
        sine = (1.0 - target.square()).clamp_min(SINE_FLOOR).sqrt()
        turned = target * math.cos(self.margin) - sine * math.sin(self.margin)
        linear = target - self.margin * math.sin(self.margin)
        return torch.where(target > math.cos(math.pi - self.margin), turned, linear)


class CosFace(MarginHead):
    """cos(theta) - m."""

    def __init__(
        self, embedding_size: int, classes: int, scale: float = 64.0, margin: float = 0.35
    ) -> None:
        super().__init__(embedding_size, classes, scale, margin)

    def with_margin(self, target: torch.Tensor) -> torch.Tensor:
        return target - self.margin


class AmSoftmax(CosFace):
    """cos(theta) - m with the smaller scale of its paper.

    face.evoLVe leaves the embeddings as long as they come; here they are normalised, as in the
    paper.
    """

    def __init__(
        self, embedding_size: int, classes: int, scale: float = 30.0, margin: float = 0.35
    ) -> None:
        super().__init__(embedding_size, classes, scale, margin)


class SphereFace(nn.Module):
    """|x| psi(theta) with psi = (-1)^k cos(m theta) - 2k, blended with cos(theta) by lambda.

    lambda falls from 1000 to 5 over the training steps, which are counted in a buffer so that a
    resumed run goes on where it was. Only the class vectors are normalised.
    """

    LAMBDA_BASE, LAMBDA_GAMMA, LAMBDA_POWER, LAMBDA_MIN = 1000.0, 0.12, 1.0, 5.0
    steps: torch.Tensor

    def __init__(self, embedding_size: int, classes: int, margin: int = 4) -> None:
        super().__init__()
        if margin not in MULTIPLE_ANGLE:
            raise ValueError(f"SphereFace's margin is one of 1 to 5, not {margin}")
        self.margin = margin
        self.weight = nn.Parameter(torch.empty(classes, embedding_size))
        nn.init.xavier_uniform_(self.weight)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = embeddings.float()
            lengths = embeddings.norm(dim=1, keepdim=True)
            cosines = F.linear(F.normalize(embeddings), F.normalize(self.weight.float()))
            cosines = cosines.clamp(-1.0, 1.0)
            if labels is not None:
                if self.training:
                    self.steps += 1
                cosines = replace_target(cosines, labels, self.with_margin)
            return cosines * lengths

    def blend(self) -> float:
        """Lambda at the present step."""
        falling = (1.0 + self.LAMBDA_GAMMA * int(self.steps)) ** -self.LAMBDA_POWER
        return max(self.LAMBDA_MIN, self.LAMBDA_BASE * falling)

    def with_margin(self, target: torch.Tensor) -> torch.Tensor:
        folds = (self.margin * target.detach().acos() / math.pi).floor()
        sign = 1.0 - 2.0 * (folds % 2)
        psi = sign * MULTIPLE_ANGLE[self.margin](target) - 2.0 * folds
        return target + (psi - target) / (1.0 + self.blend())


# cos(m theta) as polynomials of cos(theta).
MULTIPLE_ANGLE: dict[int, Callable[[torch.Tensor], torch.Tensor]] = {
    1: lambda c: c,
    2: lambda c: 2 * c**2 - 1,
    3: lambda c: 4 * c**3 - 3 * c,
    4: lambda c: 8 * c**4 - 8 * c**2 + 1,
    5: lambda c: 16 * c**5 - 20 * c**3 + 5 * c,
}


class SoftmaxHead(nn.Module):
    """A plain linear classifier with a bias."""

    def __init__(self, embedding_size: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(embedding_size, classes)
        nn.init.xavier_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        with torch.autocast(embeddings.device.type, enabled=False):
            return self.linear(embeddings.float())


def replace_target(
    cosines: torch.Tensor,
    labels: torch.Tensor,
    harder: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Cosines [N,C] in which the one of each row's label went through `harder`."""
    places = labels.clamp_min(0).unsqueeze(1)
    target = cosines.gather(1, places)
    changed = torch.where(labels.unsqueeze(1) >= 0, harder(target), target)
    return cosines.scatter(1, places, changed)


HEADS = ("ArcFace", "CosFace", "SphereFace", "Am_softmax", "Softmax")


def build_head(
    name: str,
    embedding_size: int,
    classes: int,
    scale: float | None = None,
    margin: float | None = None,
) -> nn.Module:
    """A head by its name in the configuration; None leaves the head's own scale or margin."""
    if name == "Softmax":
        return SoftmaxHead(embedding_size, classes)
    if name == "SphereFace":
        return SphereFace(embedding_size, classes, 4 if margin is None else int(margin))
    kind = {"ArcFace": ArcFace, "CosFace": CosFace, "Am_softmax": AmSoftmax}[name]
    given = {"scale": scale, "margin": margin}
    return kind(embedding_size, classes, **{k: v for k, v in given.items() if v is not None})
