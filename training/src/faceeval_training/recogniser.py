"""What is trained as one: pixels, backbone and head, with the loss computed inside.

The loss is part of the forward pass so that several processes can share one module (DDP).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from faceeval_training.backbones.catalogue import build_backbone
from faceeval_training.distillation.hints import HintMatch, channels_of, observed
from faceeval_training.heads import build_head
from faceeval_training.losses import build_loss
from faceeval_training.pixel_input import PixelInput
from faceeval_training.settings import DistillationSettings, Settings

LIFT_SEED = 192


@dataclass
class Outcome:
    """loss scalar; logits [N,C] without gradient, None without a head; agreement with the teacher,
    mean cosine, None without one."""

    loss: torch.Tensor
    logits: torch.Tensor | None
    agreement: torch.Tensor | None


class TeacherMatch(nn.Module):
    """How far embeddings [N,E] are from a teacher's templates [N,D].

    isometric: the templates are lifted by a fixed matrix with orthonormal rows, which is stored
    with the run. learned: the embeddings are mapped to the teacher's length.
    """

    lift: torch.Tensor | None

    def __init__(
        self, settings: DistillationSettings, embedding_size: int, teacher_size: int
    ) -> None:
        super().__init__()
        self.settings = settings
        self.map: nn.Module = nn.Identity()
        lift = None
        if embedding_size != teacher_size:
            if settings.projection == "isometric" and embedding_size > teacher_size:
                # Drawn apart: every run lifts alike, so that one can start from another's weights.
                drawn = torch.Generator().manual_seed(LIFT_SEED)
                square = torch.randn(embedding_size, teacher_size, generator=drawn)
                rows = torch.linalg.qr(square).Q.T
                lift = rows.contiguous()
            else:
                self.map = nn.Linear(embedding_size, teacher_size, bias=False)
        self.register_buffer("lift", lift)

    def forward(
        self, embeddings: torch.Tensor, taught: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss and the mean cosine."""
        target = taught if self.lift is None else taught @ self.lift
        own = F.normalize(self.map(embeddings.float()))
        target = F.normalize(target.float())
        cosines = (own * target).sum(dim=1)
        if self.settings.loss == "cosine":
            loss = (1 - cosines).mean()
        else:
            loss = (own - target).square().sum(dim=1).mean()
        loss = self.settings.weight * loss
        if self.settings.relation_weight:
            student = F.normalize(embeddings.float())
            apart = student @ student.T - target @ target.T
            loss = loss + self.settings.relation_weight * apart.square().mean()
        return loss, cosines.detach().mean()


class Recogniser(nn.Module):
    """faces uint8 [N,S,S,3] in BGR, labels [N] and a teacher's templates [N,D] to an Outcome.

    With hints also the teacher's maps, whose channels are given here in the hints' order.
    """

    def __init__(
        self,
        settings: Settings,
        classes: int,
        teacher_size: int = 0,
        teacher_channels: Sequence[int] = (),
    ) -> None:
        super().__init__()
        distillation = settings.distillation
        self.pixels = PixelInput(settings.mean, settings.std, settings.colour)
        self.backbone = build_backbone(
            settings.backbone, settings.input_size, settings.embedding_size
        )
        if settings.dropout is not None:
            for module in self.backbone.modules():
                if isinstance(module, nn.Dropout):
                    module.p = settings.dropout
        # The run sets it for each epoch.
        self.training_size: int | None = None
        self.head: nn.Module | None = None
        self.label_weight = 1.0 if distillation is None else distillation.label_weight
        if self.label_weight > 0 and classes > 0:
            self.head = build_head(
                settings.head,
                settings.embedding_size,
                classes,
                settings.head_scale,
                settings.head_margin,
            )
        self.criterion = build_loss(settings.loss, settings.focal_gamma)
        self.match: TeacherMatch | None = None
        if distillation is not None:
            self.match = TeacherMatch(distillation, settings.embedding_size, teacher_size)
        self.hints: HintMatch | None = None
        self.hinted: tuple[str, ...] = ()
        if distillation is not None and distillation.hints:
            self.hinted = tuple(hint.student for hint in distillation.hints)
            own = channels_of(self.backbone, self.hinted, settings.input_size)
            self.hints = HintMatch(distillation.hints, own, teacher_channels)

    def forward(
        self,
        faces: torch.Tensor,
        labels: torch.Tensor,
        taught: torch.Tensor,
        maps: Sequence[torch.Tensor] = (),
    ) -> Outcome:
        planes = self.pixels(faces, self.training_size if self.training else None)
        with observed(self.backbone, self.hinted) as own:
            embeddings = self.backbone(planes)
        loss = embeddings.new_zeros((), dtype=torch.float32)
        logits = agreement = None
        if self.head is not None:
            logits = self.head(embeddings, labels)
            loss = loss + self.label_weight * self.criterion(logits, labels)
            logits = logits.detach()
        if self.match is not None:
            matched, agreement = self.match(embeddings, taught)
            loss = loss + matched
        if self.hints is not None:
            loss = loss + self.hints(own, maps)
        return Outcome(loss, logits, agreement)
