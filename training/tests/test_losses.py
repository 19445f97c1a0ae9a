"""Losses against their formulae."""

import math

import pytest
import torch

from faceeval_training.losses import build_loss

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.4, 3.0], [0.0, 0.0, 0.0]])
LABELS = torch.tensor([0, 1, 2])


def entropies() -> list[float]:
    rows = []
    for row, label in zip(LOGITS.tolist(), LABELS.tolist(), strict=True):
        rows.append(math.log(sum(math.exp(v) for v in row)) - row[label])
    return rows


def test_softmax_is_the_mean_cross_entropy() -> None:
    assert build_loss("Softmax")(LOGITS, LABELS).item() == pytest.approx(sum(entropies()) / 3)


def test_focal_modulates_each_row() -> None:
    expected = sum((1 - math.exp(-e)) ** 2 * e for e in entropies()) / 3
    assert build_loss("Focal")(LOGITS, LABELS).item() == pytest.approx(expected, rel=1e-5)


def test_batch_focal_modulates_the_mean() -> None:
    mean = sum(entropies()) / 3
    expected = (1 - math.exp(-mean)) ** 2 * mean
    assert build_loss("focal_batch")(LOGITS, LABELS).item() == pytest.approx(expected, rel=1e-5)
    assert expected != pytest.approx(build_loss("Focal")(LOGITS, LABELS).item(), rel=1e-2)


@pytest.mark.parametrize("name", ["Focal", "focal_batch", "Softmax"])
def test_rows_without_label_do_not_count(name: str) -> None:
    loss = build_loss(name)
    with_extra = torch.cat([LOGITS, torch.tensor([[9.0, -9.0, 0.0]])])
    labels = torch.tensor([0, 1, 2, -1])
    assert loss(with_extra, labels).item() == pytest.approx(loss(LOGITS, LABELS).item(), rel=1e-6)


@pytest.mark.parametrize("name", ["Focal", "focal_batch", "Softmax"])
def test_a_batch_without_labels_gives_zero_and_a_gradient(name: str) -> None:
    logits = LOGITS.clone().requires_grad_()
    loss = build_loss(name)(logits, torch.full((3,), -1))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("size", [0.0, 1e-8, 200.0])
def test_focal_is_finite_for_certain_rows(size: float) -> None:
    logits = torch.tensor([[size, -size]], requires_grad=True)
    for label in (0, 1):
        loss = build_loss("Focal")(logits, torch.tensor([label]))
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(logits.grad).all()
