"""Learning rates and decay."""

import pytest
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from faceeval_training.recogniser import Recogniser
from faceeval_training.settings_file import settings_from
from faceeval_training.training.parameter_groups import build_optimiser, freeze_batch_norm
from faceeval_training.training.schedule import learning_rate


def rates(**options: object) -> list[float]:
    settings = settings_from({"data_root": "x", "learning_rate": 1.0, **options})
    return [learning_rate(settings, step, 10) for step in range(settings.epochs * 10)]


def test_warms_up_over_the_first_25th_and_falls_at_the_stages() -> None:
    found = rates(epochs=50, stages=[20, 30, 45])
    assert found[0] == pytest.approx(1 / 20)
    assert found[19] == pytest.approx(1)
    assert found[199] == 1
    assert found[200] == pytest.approx(0.1)
    assert found[300] == pytest.approx(0.01)
    assert found[450] == pytest.approx(0.001)


def test_cosine_falls_to_nothing() -> None:
    found = rates(epochs=10, schedule="cosine", warmup_epochs=0)
    assert found[0] == 1
    assert found[50] == pytest.approx(0.5)
    assert found[-1] < 0.001


def test_trapezoid_holds_the_rate_and_falls_over_the_last_epochs() -> None:
    found = rates(epochs=10, schedule="trapezoid", cooldown_epochs=4, warmup_epochs=1)
    assert found[0] == pytest.approx(0.1)
    assert found[10:60] == [1.0] * 50
    assert found[80] == pytest.approx(0.5)
    assert 0 < found[-1] < 0.03
    assert rates(epochs=10, schedule="trapezoid", warmup_epochs=0) == [1.0] * 100


@pytest.mark.parametrize("backbone", ["ResNet_50", "IR_SE_50", "GhostNet", "MobileFaceNet"])
def test_no_batch_norm_is_decayed_not_even_those_of_shortcuts(backbone: str) -> None:
    settings = settings_from({"data_root": "x", "backbone": backbone})
    net = Recogniser(settings, 5)
    groups = build_optimiser(net, settings).param_groups
    decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm)]
    assert norms
    assert not any(id(p) in decayed for norm in norms for p in norm.parameters())
    weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert all(id(weight) in decayed for weight in weights)
    held = sum(len(group["params"]) for group in groups)
    assert held == len(list(net.parameters()))


def test_frozen_batch_norms_keep_figures_and_parameters() -> None:
    settings = settings_from({"data_root": "x", "backbone": "ppResNet_50"})
    net = Recogniser(settings, 5).train()
    freeze_batch_norm(net.backbone)
    norms = [m for m in net.backbone.modules() if isinstance(m, _BatchNorm)]
    assert not any(norm.training for norm in norms)
    assert not any(p.requires_grad for norm in norms for p in norm.parameters())
