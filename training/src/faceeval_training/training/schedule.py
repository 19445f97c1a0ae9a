"""The learning rate over a run."""

from __future__ import annotations

import math

from faceeval_training.settings import Settings

WARM_UP_SHARE = 1 / 25
STAGE_DIVISOR = 10.0


def learning_rate(settings: Settings, step: int, steps_per_epoch: int) -> float:
    """Rate of the step (from 0): a linear warm-up, then a tenth at each stage, a half cosine, or
    no change until a linear fall to zero over the last cooldown_epochs."""
    total = settings.epochs * steps_per_epoch
    warm_epochs = settings.warmup_epochs
    if warm_epochs is None:
        warm_epochs = settings.epochs * WARM_UP_SHARE
    warm_steps = round(warm_epochs * steps_per_epoch)
    if step < warm_steps:
        return settings.learning_rate * (step + 1) / warm_steps
    if settings.schedule == "cosine":
        share = (step - warm_steps) / max(1, total - warm_steps)
        return settings.learning_rate * (1 + math.cos(math.pi * min(1.0, share))) / 2
    if settings.schedule == "trapezoid":
        fall_steps = settings.cooldown_epochs * steps_per_epoch
        return settings.learning_rate * min(1.0, (total - step) / max(1, fall_steps))
    passed = sum(step >= stage * steps_per_epoch for stage in settings.stages)
    return settings.learning_rate / STAGE_DIVISOR**passed
