"""Heads against the formulae of their papers, written out for one row."""

import math

import pytest
import torch
from torch.nn import functional as F

from faceeval_training.heads import HEADS, SphereFace, build_head


def at_angle(angle: float) -> tuple[torch.Tensor, torch.Tensor]:
    """An embedding of length 3 and two class vectors, the first at the given angle to it."""
    embedding = torch.tensor([[3.0, 0.0, 0.0, 0.0]])
    own = torch.tensor([math.cos(angle), math.sin(angle), 0.0, 0.0])
    other = torch.tensor([0.0, 0.0, 0.6, 0.8])
    return embedding, torch.stack([own * 2.0, other])


def logits_at(name: str, angle: float, **options: float) -> torch.Tensor:
    embedding, weight = at_angle(angle)
    head = build_head(name, 4, 2, **options)
    with torch.no_grad():
        head.weight.copy_(weight)
        return head(embedding, torch.tensor([0]))[0]


@pytest.mark.parametrize("angle", [0.1, 0.9, 1.7, 2.5])
def test_arcface_adds_the_margin_to_the_angle(angle: float) -> None:
    assert logits_at("ArcFace", angle)[0] == pytest.approx(64 * math.cos(angle + 0.5), abs=1e-3)


@pytest.mark.parametrize("angle", [2.7, 3.0, 3.1])
def test_arcface_falls_back_where_the_angle_would_pass_pi(angle: float) -> None:
    expected = 64 * (math.cos(angle) - 0.5 * math.sin(0.5))
    assert logits_at("ArcFace", angle)[0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("name", "scale"), [("CosFace", 64.0), ("Am_softmax", 30.0)])
def test_cosface_and_am_softmax_subtract_the_margin(name: str, scale: float) -> None:
    logits = logits_at(name, 1.2)
    assert logits[0] == pytest.approx(scale * (math.cos(1.2) - 0.35), abs=1e-3)
    assert logits[1] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("angle", [0.2, 1.0, 1.8, 2.9])
@pytest.mark.parametrize("steps", [0, 40, 5000])
def test_sphereface_blends_psi_and_the_cosine(angle: float, steps: int) -> None:
    embedding, weight = at_angle(angle)
    head = SphereFace(4, 2).eval()
    head.steps.fill_(steps)
    with torch.no_grad():
        head.weight.copy_(weight)
        logit = head(embedding, torch.tensor([0]))[0, 0].item()
    k = math.floor(4 * angle / math.pi)
    psi = (-1) ** k * math.cos(4 * angle) - 2 * k
    blend = max(5.0, 1000 / (1 + 0.12 * steps))
    expected = 3.0 * (math.cos(angle) + (psi - math.cos(angle)) / (1 + blend))
    assert logit == pytest.approx(expected, abs=1e-4)


def test_sphereface_counts_training_steps_only() -> None:
    head = SphereFace(4, 2)
    head(torch.randn(2, 4), torch.tensor([0, 1]))
    head.eval()(torch.randn(2, 4), torch.tensor([0, 1]))
    assert int(head.steps) == 1


def test_softmax_is_a_linear_layer_with_a_bias() -> None:
    head = build_head("Softmax", 4, 3)
    value = torch.randn(2, 4)
    assert torch.allclose(
        head(value, torch.tensor([0, 1])), F.linear(value, head.linear.weight, head.linear.bias)
    )


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("angle", [0.0, 1e-4, math.pi / 2, math.pi - 1e-4, math.pi])
def test_gradients_are_finite_at_extreme_angles(name: str, angle: float) -> None:
    embedding, weight = at_angle(angle)
    embedding.requires_grad_()
    head = build_head(name, 4, 2)
    vectors = head.linear.weight if name == "Softmax" else head.weight
    with torch.no_grad():
        vectors.copy_(weight)
    loss = F.cross_entropy(head(embedding, torch.tensor([0])), torch.tensor([0]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embedding.grad).all()
    assert torch.isfinite(vectors.grad).all()


@pytest.mark.parametrize("name", ["ArcFace", "CosFace", "SphereFace", "Am_softmax"])
def test_a_row_without_label_gets_no_margin(name: str) -> None:
    head = build_head(name, 4, 3).eval()
    value = torch.randn(2, 4)
    unmarked = head(value, torch.tensor([-1, 1]))
    assert torch.allclose(unmarked[0], head(value)[0])
    assert not torch.allclose(unmarked[1], head(value)[1])


def test_the_margin_is_computed_in_full_precision_under_autocast() -> None:
    head = build_head("ArcFace", 8, 4)
    with torch.autocast("cpu", torch.bfloat16):
        logits = head(torch.randn(2, 8).bfloat16(), torch.tensor([0, 1]))
    assert logits.dtype == torch.float32


def test_scale_and_margin_can_be_set() -> None:
    logits = logits_at("CosFace", 1.0, scale=10.0, margin=0.1)
    assert logits[0] == pytest.approx(10 * (math.cos(1.0) - 0.1), abs=1e-4)
