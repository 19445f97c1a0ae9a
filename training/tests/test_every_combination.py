"""Every backbone with every head and loss learns something in 20 steps."""

import numpy as np
import pytest
import torch

from conftest import pattern, view
from faceeval_training.backbones.catalogue import BACKBONES, build_backbone
from faceeval_training.heads import HEADS, build_head
from faceeval_training.losses import LOSSES, build_loss

SIDE_PX = 32
STEPS = 20
IDENTITIES = 4
LARGE = {"ResNet_101", "ResNet_152", "IR_101", "IR_152", "IR_SE_101", "IR_SE_152"}
MARKED = [
    pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in BACKBONES
]


def batch(views_each: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Views of each of four identities, normalised."""
    generator = np.random.default_rng(3)
    people = [pattern(generator, SIDE_PX) for _ in range(IDENTITIES)]
    views = np.stack([view(generator, person) for person in people for _ in range(views_each)])
    faces = torch.from_numpy(views).permute(0, 3, 1, 2).float()
    return (faces - 127.5) / 127.5, torch.arange(IDENTITIES).repeat_interleave(views_each)


@pytest.mark.parametrize("loss_name", LOSSES)
@pytest.mark.parametrize("head_name", HEADS)
@pytest.mark.parametrize("backbone_name", MARKED)
def test_the_loss_falls(backbone_name: str, head_name: str, loss_name: str) -> None:
    torch.manual_seed(11)
    backbone = build_backbone(backbone_name, SIDE_PX, 128).train()
    head = build_head(head_name, 128, IDENTITIES)
    criterion = build_loss(loss_name)
    parameters = [*backbone.parameters(), *head.parameters()]
    optimiser = torch.optim.SGD(parameters, lr=0.01, momentum=0.9)
    faces, labels = batch(1 if backbone_name in LARGE else 2)
    losses = []
    for _ in range(STEPS):
        loss = criterion(head(backbone(faces), labels), labels)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimiser.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all()
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
