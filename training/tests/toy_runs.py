"""Settings of small runs, and what the tests compare of them."""

from __future__ import annotations

from pathlib import Path

import torch

from faceeval_training.settings import Settings
from faceeval_training.settings_file import settings_from


def toy_settings(data: Path, output: Path, **options: object) -> Settings:
    """MobileFaceNet on a few small batches."""
    return settings_from(
        {
            "data_root": str(data),
            "output_dir": str(output),
            "backbone": "MobileFaceNet",
            "embedding_size": 64,
            "batch_size": 4,
            "samples_per_epoch": 12,
            "epochs": 2,
            "learning_rate": 0.02,
            "stages": [1],
            "workers": 0,
            "threads": 1,
            "head_scale": 8.0,
            "head_margin": 0.1,
            "gradient_clip": 5.0,
            "tensorboard": False,
            **options,
        }
    )


def states(folder: Path) -> dict[str, torch.Tensor]:
    content = torch.load(folder / "checkpoint.pt", weights_only=False)
    return content["net"]


def assert_equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.equal(value, two[name]), name


class StopAfter:
    """Asks a run to stop once it has asked so often."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0
